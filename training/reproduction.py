"""Asking a finished run's question again, in a scratch folder, to see whether the same adapter comes out."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cftapp.base import engines, files
from curation.datasets.withdrawn import Withdrawn, refuse_withdrawn_now
from training.engine.digests import adapter_sha256
from training.models import Run
from training.monitoring import metrics
from training.preparation import base_model, manifest, rows
from training.preparation.lessons import lessons
from training.preparation.prepare import MANIFEST_FILE


class NotReproducible(Exception):
    """The question cannot be asked again here; the message says why."""


@dataclass(frozen=True)
class Reproduction:
    expected: str
    found: str

    @property
    def same(self) -> bool:
        return self.expected == self.found


def reproduce(run: Run, folder: Path, say: Callable[[str], object]) -> Reproduction:
    """Train the run's manifest once more in `folder`, telling `say` what happens. Raises NotReproducible."""
    if run.manifest is None or not run.adapter_sha256:
        raise NotReproducible(f"Run {run.pk} is {run.state}: only a finished run has an adapter to compare with.")
    ask_again(run, folder)
    for line in manifest.difference(run.manifest["versions"], manifest.library_versions()):
        say(f"differs from the first time: {line}")
    say(f"training {run.total_steps} steps")
    train_again(folder, int(run.manifest["threads"]))
    return Reproduction(run.adapter_sha256, adapter_sha256(folder / "adapter"))


def ask_again(run: Run, folder: Path) -> None:
    """Write manifest, rows and the link to the base model as they were."""
    assert run.manifest is not None
    try:
        refuse_withdrawn_now(run.dataset)
        written = rows.write(lessons(run.dataset), run.dataset.merkle_root, folder / manifest.ROWS_FILE)
        model = base_model.locate(run.base_model)
    except Withdrawn as withdrawn:
        raise NotReproducible(withdrawn.words) from withdrawn
    except (rows.Tampered, base_model.BaseMissing) as problem:
        raise NotReproducible(str(problem)) from problem
    if written.sha256 != run.manifest["rows_sha256"]:
        raise NotReproducible(f"The rows hash to {written.sha256}, not to {run.manifest['rows_sha256']}.")
    (folder / run.manifest["base_model"]).symlink_to(model)
    files.write(folder / MANIFEST_FILE, manifest.encode(run.manifest))


def train_again(folder: Path, threads: int) -> None:
    environment = engines.environment(folder, threads=threads)
    with engines.lock_folder(folder) as lock:
        process = engines.spawn([sys.executable, "-m", "training.engine", MANIFEST_FILE], folder, environment, lock)
        try:
            status = process.wait()
        finally:
            engines.kill_group(process)
    if status != 0:
        said = metrics.engine_error(metrics.tail(folder / engines.LOG_FILE))
        raise NotReproducible(f"The engine ended with status {status}: {said}")
