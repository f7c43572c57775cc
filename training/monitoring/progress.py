"""What the page shows of a run while it works and afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cftapp.base.jobs import Job
from training.models import Run
from training.monitoring.chart import Series, loss_series, newest


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
    series: list[Series]

    @classmethod
    def of(cls, run: Run, lines: Sequence[dict[str, Any]], points: int) -> "Progress":
        now = newest(lines)
        stopping = run.state == Job.State.RUNNING and run.cancel_requested_at is not None
        return cls(
            state="stopping" if stopping else run.state,
            step=max(run.step, now.get("step", 0)),
            total=run.total_steps or now.get("total", 0),
            pairs=run.dataset.pair_count,
            replay=run.dataset.replay_count,
            kl=now.get("kl"),
            seconds=now.get("seconds"),
            series=loss_series(lines, points),
        )

    @property
    def seen(self) -> str:
        return f"{self.state}-{self.step}"
