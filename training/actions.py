"""Everything that can happen to a run. One event each, except progress, which is no change of state."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from audit.actions import record
from cftapp.base import jobs
from cftapp.base.actors import TRAINER, Actor
from cftapp.base.jobs import Job
from cftapp.base.refusal import Conflict, Refused
from curation.datasets.freezing import refuse_changed_report, refuse_exam
from curation.datasets.withdrawn import refuse_withdrawn
from curation.models import Dataset
from training.engine.digests import adapter_sha256, file_sha256
from training.engine.errors import EngineError
from training.engine.manifest import read_recipe
from training.models import Run
from training.preparation import fitting
from training.preparation.base_model import BaseMissing, identify, locate


def folder_of(run: Run) -> Path:
    """Where the run's files lie."""
    return Path(settings.CFT_VAR) / "runs" / str(run.folder)


# --- asked for by people ----------------------------------------------------------------------------------------------


@transaction.atomic
def queue_run(
    dataset: Dataset, recipe: dict[str, Any], *, seed: int = 0, base_model: str | None = None, by: User
) -> Run:
    """Queue a training run. Raises Refused, naming the field: the recipe, the base model or the dataset."""
    checked = checked_recipe(recipe)
    refuse_unfit(dataset)
    name = base_model or settings.CFT_BASE_MODEL
    base_sha256 = checked_base(name)
    fitting.refuse_too_long(dataset, checked["max_length"], locate(name), checked["too_long"])
    run = Run.objects.create(
        dataset=dataset,
        recipe=checked,
        base_model=name,
        base_sha256=base_sha256,
        seed=seed,
        created_by=by,
    )
    record(
        "run.queued",
        by=by,
        used=[("dataset", dataset.pk)],
        generated=[("run", run.pk)],
        detail={
            "seed": seed,
            "base_sha256": run.base_sha256,
            "merkle_root": dataset.merkle_root,
            "report_sha256": dataset.report_sha256,
        },
    )
    return run


def checked_recipe(recipe: dict[str, Any]) -> dict[str, Any]:
    """The recipe with every default written out. Raises Refused for an unknown key or a value out of bounds."""
    try:
        return vars(read_recipe(recipe)).copy()
    except EngineError as problem:
        field = problem.field.removeprefix("recipe.")
        raise Refused.because(field, problem.message, problem.remedy) from problem


def checked_base(name: str) -> str:
    """The base model's content hash. Raises Refused where the model is not on this machine."""
    try:
        return identify(locate(name), Path(settings.CFT_VAR) / "base-hashes")
    except BaseMissing as problem:
        raise Refused.because("base_model", str(problem), "Set CFT_BASE_MODEL.") from problem


def refuse_unfit(dataset: Dataset) -> None:
    """Raise Refused when a row of the dataset may no longer be learnt (consent ended, or it became part of an exam), or
    when its report is not the one it was frozen with. Within a transaction it holds until its end."""
    refuse_changed_report(dataset)
    refuse_withdrawn(dataset)
    refuse_exam(dataset)


@transaction.atomic
def request_stop(run: Run, *, by: Actor) -> Run:
    """Stop a run: at once when it waits; a running one writes a checkpoint first. Resuming is possible."""
    run = locked(run)
    if run.state == Job.State.QUEUED:
        change(run, state=Job.State.STOPPED, ended_at=Now(), cancel_requested_at=Now())
        record("run.stopped", by=by, used=[("run", run.pk)], detail={"step": run.step})
        return run
    if run.state != Job.State.RUNNING or run.cancel_requested_at:
        raise Conflict.because(
            "state", f"The run is {described(run)}.", "Only a run that works or waits can be stopped."
        )
    change(run, cancel_requested_at=Now())
    record("run.stop_requested", by=by, used=[("run", run.pk)], detail={"step": run.step})
    return run


@transaction.atomic
def resume_run(run: Run, *, by: Actor) -> Run:
    """Queue a stopped or failed run again; it goes on from its newest intact checkpoint."""
    run = locked(run)
    if run.state not in (Job.State.STOPPED, Job.State.FAILED):
        raise Conflict.because("state", f"The run is {described(run)}.", "Only a stopped or failed run is resumed.")
    refuse_unfit(run.dataset)
    change(
        run,
        state=Job.State.QUEUED,
        queued_at=Now(),
        ended_at=None,
        cancel_requested_at=None,
        attempt=0,
        error="",
    )
    record("run.resumed", by=by, used=[("run", run.pk)], detail={"step": run.step})
    return run


def locked(run: Run) -> Run:
    return Run.objects.select_for_update(of=("self",)).select_related("dataset").get(pk=run.pk)


def change(run: Run, **changes: Any) -> None:
    Run.objects.filter(pk=run.pk).update(**changes)
    run.refresh_from_db(fields=list(changes))


def described(run: Run) -> str:
    stopping = run.state == Job.State.RUNNING and run.cancel_requested_at
    return "already stopping" if stopping else run.state


# --- done by the trainer, under its lease -----------------------------------------------------------------------------


@transaction.atomic
def start_run(run_id: int, *, by: str = TRAINER) -> Run | None:
    """Claim a queued run for this worker, or None when there is nothing to claim."""
    queued = Run.objects.filter(pk=run_id).select_related("dataset")
    run = jobs.claim(queued)
    if run is not None:
        detail = {"attempt": run.attempt, "token": run.fencing_token, "step": run.step}
        record("run.started", by=by, used=[("run", run.pk)], detail=detail)
    return run


def record_manifest(run: Run, manifest: dict[str, Any], sha256: str, refusal: str) -> None:
    """Keep what the engine is about to be asked, and that the vault was closed. Raises Stale."""
    jobs.write(run, manifest=manifest, manifest_sha256=sha256, vault_refusal=refusal)


def record_progress(run: Run, step: int, total: int) -> None:
    """Raises Stale."""
    jobs.write(run, step=step, total_steps=total)


@transaction.atomic
def finish_run(run: Run, *, by: str = TRAINER) -> Run:
    """Believe the engine's result after hashing its files again. Raises Refused, Withdrawn, Stale."""
    result, adapter = verified_result(run)
    refuse_withdrawn(run.dataset)
    jobs.end(
        run,
        Job.State.FINISHED,
        result=result,
        adapter_sha256=adapter,
        step=result["steps"],
        total_steps=result["steps"],
        cancel_requested_at=None,
    )
    detail = {"manifest_sha256": run.manifest_sha256, "steps": result["steps"], "seconds": result["seconds"]}
    if left_out := [str(pk) for pk in fitting.pairs_left_out(run.dataset, result)]:
        detail["left_out"] = left_out
    record("run.finished", by=by, used=[("run", run.pk)], generated=[("adapter", adapter)], detail=detail)
    return run


def verified_result(run: Run) -> tuple[dict[str, Any], str]:
    """The engine's result and the adapter's hash, computed here from its files. Raises Refused."""
    folder = folder_of(run)
    try:
        result = json.loads((folder / "result.json").read_text())
        adapter = adapter_sha256(folder / "adapter")
        manifest = file_sha256(folder / "manifest.json")
        claimed = (result["adapter_sha256"], result["manifest_sha256"], int(result["steps"]), float(result["seconds"]))
        result["left_out"] = [int(number) for number in result.get("left_out", ())]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise Refused.because("result", f"The engine left no whole result: {problem!r}.", "Resume it.") from problem
    if claimed[0] != adapter:
        message = f"The adapter's files hash to {adapter}, the engine said {claimed[0]}."
        raise Refused.because("adapter_sha256", message, "Resume it: the last steps are done again.")
    if not manifest == claimed[1] == run.manifest_sha256:
        message = f"The result is of the manifest {claimed[1]}, the run's is {run.manifest_sha256}."
        raise Refused.because("manifest_sha256", message, "Queue the run again.")
    return result, adapter


@transaction.atomic
def fail_run(run: Run, reason: str, *, by: str = TRAINER) -> None:
    """Raises Stale."""
    jobs.end(run, Job.State.FAILED, error=reason or "The engine ended without a word.")
    record("run.failed", by=by, used=[("run", run.pk)], detail={"step": run.step, "attempt": run.attempt})


@transaction.atomic
def stop_run(run: Run, reason: str = "", *, by: str = TRAINER) -> None:
    """The engine has stopped: as a person asked, or for the `reason` that the run's page gives. Raises Stale."""
    jobs.end(run, Job.State.STOPPED, error=reason)
    detail = {"step": run.step} | ({"why": "withdrawn"} if reason else {})
    record("run.stopped", by=by, used=[("run", run.pk)], detail=detail)


@transaction.atomic
def requeue_run(run: Run, *, by: str = TRAINER) -> None:
    """This worker leaves; another goes on from the checkpoint. Raises Stale."""
    jobs.give_back(run)
    record("run.requeued", by=by, used=[("run", run.pk)], detail={"step": run.step, "lost": False})


def sweep_runs(*, by: str = TRAINER) -> list[int]:
    """Take runs from workers that no longer renew their lease; returns the ids of all runs that wait."""

    def requeued(run: Run) -> None:
        detail = {"step": run.step, "lost": True, "attempt": run.attempt}
        record("run.requeued", by=by, used=[("run", run.pk)], detail=detail)

    def failed(run: Run) -> None:
        detail = {"step": run.step, "lost": True, "attempt": run.attempt}
        record("run.failed", by=by, used=[("run", run.pk)], detail=detail)

    return jobs.sweep(Run.objects.all(), requeued=requeued, failed=failed)
