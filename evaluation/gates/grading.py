"""How a gate is worked through: claim it, let the engine answer what is not answered yet, compare, write the verdict.

The exam leaves the vault only as files in a private scratch folder below CFT_VAR/evaluation, for as long as the engine
reads them. Answers go back into the vault as they are made, so a killed worker loses at most the last batch, and a
model that was scored once is not scored again.
"""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings

from cftapp.base import engines, jobs, room
from cftapp.base.jobs import Job
from curation.datasets.withdrawn import Withdrawn, refuse_withdrawn_now
from evaluation.gates import actions, statistics
from evaluation.gates.contestants import MAX_NEW_TOKENS, Contestant, Field, field_of
from evaluation.gates.judging import judge
from evaluation.models import Benchmark, BenchmarkVersion, Gate, GateResult
from evaluation.vault import actions as vault
from evaluation.vault.models import Item, ItemScore
from training.engine.errors import DISK_FULL, refusal_in
from training.preparation import base_model

BATCH_SIZE = 64
ITEMS, SCORES, RESULT, JOB = "items.jsonl", "scores.jsonl", "result.json", "job.json"
log = structlog.get_logger(__name__)


class Failed(Exception):
    """The gate cannot be judged, for a reason that waiting does not change."""


class Leaving(Exception):
    """This worker is asked to leave, or has no room on its disk: the work goes on later."""


def grade(gate_id: int) -> Gate | None:
    """Work through one queued gate; None if there was nothing to claim. Every way out leaves a true row."""
    if not room.left(scratch_root()):
        log.error("no room on the disk: the gate waits", gate=gate_id)
        return None
    gate = actions.start_gate(gate_id)
    if gate is None:
        return None
    scratch = scratch_of(gate)
    try:
        with jobs.Lease(gate) as lease:
            conclude(gate, lease, scratch)
    except jobs.Stale as stale:
        log.warning("gate lost", gate=gate.pk, reason=str(stale))
        return gate
    except (Leaving, engines.FolderInUse) as waiting:
        if isinstance(waiting, Leaving):  # its answers are in the vault: nothing here is worth keeping
            shutil.rmtree(scratch, ignore_errors=True)
        actions.requeue_gate(gate)
        return gate
    except (Failed, Withdrawn, base_model.BaseMissing, OSError) as problem:
        shutil.rmtree(scratch, ignore_errors=True)
        if room.is_full(problem):
            actions.requeue_gate(gate)
        else:
            actions.fail_gate(gate, problem.words if isinstance(problem, Withdrawn) else str(problem))
        return gate
    shutil.rmtree(scratch, ignore_errors=True)
    return gate


def conclude(gate: Gate, lease: jobs.Lease, scratch: Path) -> None:
    refuse_withdrawn_now(gate.run.dataset)
    versions = pinned_versions(gate)
    field = field_of(gate)
    progress = Progress(gate, versions, len(field.distinct()))
    for contestant in field.distinct():
        answer(contestant, versions, scratch, lease, progress)
    results = [*results_of(gate, versions, field)]
    actions.finish_gate(gate, results, statistics.overall(result.verdict for result in results))


def scratch_of(gate: Gate) -> Path:
    return scratch_root() / str(gate.pk)


def scratch_root() -> Path:
    return Path(settings.CFT_VAR) / "evaluation"


def pinned_versions(gate: Gate) -> list[BenchmarkVersion]:
    """The versions this gate was queued with. Raises Failed unless there is one of every kind, whole in the vault."""
    versions = list(gate.versions.select_related("benchmark").order_by("benchmark__kind", "pk"))
    missing = [kind.label for kind in Benchmark.Kind if kind not in {pinned.benchmark.kind for pinned in versions}]
    if missing:
        raise Failed(
            f"No published benchmark of kind {', '.join(missing)} when this gate was queued. "
            "Publish one, then queue the gate again."
        )
    for version in versions:
        stored = items_of(version).count()
        if stored != version.items:
            raise Failed(f"The vault holds {stored} of the {version.items} items of {version}. Restore it first.")
    return versions


def items_of(version: BenchmarkVersion) -> Any:
    return Item.objects.filter(benchmark=version.benchmark.name, version_sha256=version.sha256)


class Progress:
    """Counts answers for the page; every write is refused once the lease is lost."""

    def __init__(self, gate: Gate, versions: list[BenchmarkVersion], contestants: int) -> None:
        self.gate, self.done = gate, 0
        self.total = contestants * sum(version.items for version in versions)
        actions.record_progress(gate, 0, self.total)

    def add(self, answers: int) -> None:
        if answers:
            self.done += answers
            actions.record_progress(self.gate, self.done, self.total)


# --- the engine -------------------------------------------------------------------------------------------------------


def answer(
    contestant: Contestant, versions: list[BenchmarkVersion], scratch: Path, lease: jobs.Lease, progress: Progress
) -> None:
    """Have every pinned item answered by one model, and its answers in the vault. Raises Failed, Leaving, Stale."""
    folder = scratch / contestant.model_sha256[:16]
    private(folder)
    with engines.lock_folder(folder) as lock:
        keep_scores(contestant, folder / SCORES)  # of a worker that was killed here
        missing = [*unanswered(contestant, versions)]
        progress.add(sum(version.items for version in versions) - len(missing))
        if not missing:
            return
        prepare(contestant, missing, folder)
        follow = follower(contestant, folder / SCORES, progress)
        argv = [sys.executable, "-m", "evaluation.engine", str(folder / JOB)]
        environment = engines.environment(folder, threads=settings.CFT_TRAINING_THREADS)
        process = engines.spawn(argv, folder, environment, lock)
        ending = engines.watch(process, lease, follow)
    check_ending(ending, process.returncode, folder)


def private(folder: Path) -> None:
    """Make a folder, and those above it up to the scratch root, that only this process' user can enter."""
    scratch_root().mkdir(parents=True, exist_ok=True)
    for each in (scratch_root(), folder.parent, folder):
        each.mkdir(mode=0o700, exist_ok=True)
        each.chmod(0o700)


def unanswered(contestant: Contestant, versions: list[BenchmarkVersion]) -> Iterator[dict[str, Any]]:
    """The items that this model has no score for, as the engine reads them."""
    for version in versions:
        answered = ItemScore.objects.filter(model_sha256=contestant.model_sha256).values("item_id")
        for item in items_of(version).exclude(pk__in=answered).order_by("position"):
            yield {
                "id": str(item.pk),
                **(json.loads(item.conversation) if item.conversation else {"prompt": item.question}),
                "answer": json.loads(item.answer_message) if item.answer_message else item.answer,
                "scorer": version.scorer,
            }


def prepare(contestant: Contestant, items: list[dict[str, Any]], folder: Path) -> None:
    """Write the engine's job. It checks both hashes before it answers anything."""
    for stale in folder.glob("*.json*"):
        stale.unlink()
    job = {
        "base_model": str(base_model.locate(contestant.base_model)),
        "base_sha256": contestant.base_sha256,
        "adapter": str(contestant.adapter) if contestant.adapter else None,
        "adapter_sha256": contestant.adapter_sha256 or None,
        "items": ITEMS,
        "output": SCORES,
        "seed": 0,
        "threads": settings.CFT_TRAINING_THREADS,
        "device": settings.CFT_TRAINING_DEVICE,
        "dtype": settings.CFT_TRAINING_DTYPE,
        "batch_size": BATCH_SIZE,
        "max_new_tokens": MAX_NEW_TOKENS,
    }
    (folder / ITEMS).write_text("".join(json.dumps(item) + "\n" for item in items))
    (folder / JOB).write_text(json.dumps(job))


def follower(contestant: Contestant, path: Path, progress: Progress) -> Callable[[], None]:
    """Called while the engine works: moves new whole lines of scores into the vault."""
    position = 0

    def follow() -> None:
        nonlocal position
        lines, position = new_lines(path, position)
        store(contestant, lines)
        progress.add(len(lines))

    return follow


def new_lines(path: Path, position: int) -> tuple[list[dict[str, Any]], int]:
    """The score lines after `position` that are whole, and where they end."""
    if not path.exists():
        return [], position
    with path.open("rb") as file:
        file.seek(position)
        written = file.read()
    whole = written[: written.rfind(b"\n") + 1]
    return [json.loads(line) for line in whole.splitlines() if line.strip()], position + len(whole)


def keep_scores(contestant: Contestant, path: Path) -> None:
    """Store what an earlier engine left behind, if it sat the same exam: the folder is named by the model."""
    lines, _ = new_lines(path, 0)
    store(contestant, lines)


def store(contestant: Contestant, lines: list[dict[str, Any]]) -> None:
    vault.store_scores(contestant.model_sha256, lines, {line["id"]: UUID(line["id"]) for line in lines})


def check_ending(ending: engines.Ending, status: int | None, folder: Path) -> None:
    if ending is engines.Ending.LOST:
        raise jobs.Stale("The lease ran out while the engine worked.")
    if ending is engines.Ending.CLOSING or status == DISK_FULL:
        raise Leaving
    if ending is engines.Ending.CANCELLED:
        raise Failed("It was stopped.")
    if status != 0 or not (folder / RESULT).is_file():
        raise Failed(engine_words(folder / engines.LOG_FILE) or f"The engine ended with status {status}.")


def engine_words(path: Path) -> str:
    """The engine's own refusal. Only its fields are passed on: the rest of its log might quote the exam."""
    return refusal_in(path.read_text(errors="replace")) if path.exists() else ""


# --- the results ------------------------------------------------------------------------------------------------------


def results_of(gate: Gate, versions: list[BenchmarkVersion], field: Field) -> Iterator[GateResult]:
    """One result for every pinned version and opponent."""
    for version in versions:
        candidate = sheet(field.candidate, version)
        for name, opponent in field.opponents().items():
            counts = statistics.Paired.count(candidate, sheet(opponent, version))
            yield result_of(gate, version, name, counts)


def sheet(contestant: Contestant, version: BenchmarkVersion) -> list[bool]:
    """Right or wrong, in the order of the items. Raises Failed if one is missing."""
    scores = ItemScore.objects.filter(
        model_sha256=contestant.model_sha256,
        item__benchmark=version.benchmark.name,
        item__version_sha256=version.sha256,
    )
    right = list(scores.order_by("item__position").values_list("correct", flat=True))
    if len(right) != version.items:
        raise Failed(f"{len(right)} of {version.items} items of {version} were answered.")
    return right


def result_of(gate: Gate, version: BenchmarkVersion, opponent: str, counts: statistics.Paired) -> GateResult:
    judged = judge(version.benchmark.kind, counts, version.margin)
    return GateResult(
        gate=gate,
        version=version,
        opponent=opponent,
        items=counts.items,
        candidate_correct=counts.candidate_correct,
        opponent_correct=counts.opponent_correct,
        only_opponent_correct=counts.only_opponent,
        only_candidate_correct=counts.only_candidate,
        estimate=judged.comparison.estimate,
        lower=judged.comparison.lower,
        upper=judged.comparison.upper,
        margin=version.margin,
        verdict=judged.comparison.verdict,
        detail=judged.detail,
    )


def clear_scratch() -> None:
    """Delete the folders of gates that nobody works on: the exam does not stay on disk."""
    if not scratch_root().is_dir():
        return
    alive = Gate.objects.filter(state__in=[Job.State.QUEUED, Job.State.RUNNING]).values_list("pk", flat=True)
    keep = {str(pk) for pk in alive}
    for folder in scratch_root().iterdir():
        if folder.name not in keep:
            shutil.rmtree(folder, ignore_errors=True)
