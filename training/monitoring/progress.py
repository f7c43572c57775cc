"""What the page shows of a run while it works and afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cftapp.base.jobs import Job
from training.models import Run
from training.monitoring.chart import Series, loss_series, newest

PHASES = {
    "waiting": "Waiting for a trainer",
    "preparing": "Preparing rows",
    "loading": "Loading the base",
    "training": "Training",
    "finishing": "Writing the adapter",
}
PACE = 20  # steps whose time tells how long the rest takes


def phase_of(run: Run, step: int, total: int) -> str:
    """What a live run is doing, as far as its row and its figures tell."""
    if run.state == Job.State.QUEUED:
        return "waiting"
    if not run.manifest_sha256:
        return "preparing"
    if not step:
        return "loading"
    return "finishing" if step >= total > 0 else "training"


def seconds_left(lines: Sequence[dict[str, Any]], total: int) -> float | None:
    """By the pace of the last steps; None where there is none yet."""
    timed = [(line["step"], line["seconds"]) for line in lines if isinstance(line.get("seconds"), int | float)]
    if len(timed) < 2:
        return None
    (first, began), (last, ended) = timed[-PACE:][0], timed[-1]
    if last <= first or ended < began:  # it was resumed in between
        return None
    return (ended - began) / (last - first) * max(0, total - last)


@dataclass(frozen=True)
class Progress:
    """Figures of the tiles and the chart's series. `seen` changes whenever any of it does."""

    state: str
    step: int
    total: int
    pairs: int
    replay: int
    kl: float | None
    seconds: float | None
    left: float | None
    phase: str
    cut: int
    left_out: int
    series: list[Series]

    @classmethod
    def of(cls, run: Run, lines: Sequence[dict[str, Any]], points: int) -> "Progress":
        now = newest(lines)
        step = max(run.step, now.get("step", 0))
        total = run.total_steps or now.get("total", 0)
        stopping = run.state == Job.State.RUNNING and run.cancel_requested_at is not None
        return cls(
            state="stopping" if stopping else run.state,
            step=step,
            total=total,
            pairs=run.dataset.pair_count,
            replay=run.dataset.replay_count,
            kl=now.get("kl"),
            seconds=now.get("seconds"),
            left=seconds_left(lines, total),
            phase=phase_of(run, step, total),
            cut=now.get("rows_cut", 0),
            left_out=now.get("rows_left_out", 0),
            series=loss_series(lines, points),
        )

    @property
    def phases(self) -> list[tuple[str, bool]]:
        """All phases in words, in their order, and whether each is the present one."""
        return [(words, name == self.phase) for name, words in PHASES.items()]

    @property
    def seen(self) -> str:
        return f"{self.state}-{self.step}"
