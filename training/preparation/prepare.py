"""Turning a run's row into its folder: rows, link to the base model, manifest, and the proof that the vault is shut."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings

from cftapp.base import files
from cftapp.base.refusal import Refused
from curation.datasets.withdrawn import refuse_withdrawn
from training.models import Run
from training.preparation import base_model, isolation, manifest, rows
from training.preparation.lessons import lessons

MANIFEST_FILE, VAULT_FILE = "manifest.json", "vault.json"


def prepare(run: Run, folder: Path) -> tuple[dict[str, Any], str, str]:
    """Write everything the engine needs into the folder; returns manifest, its sha256 and the vault's refusal.

    Raises Withdrawn for rows that may not be learnt any more, and Refused: tampered rows, another base model, other
    libraries than before a stop, a vault that opens.
    """
    refusal, base_sha256 = refused_vault(folder), link_base(run, folder)  # may take long, and holds nobody's consent
    question = ask(run, write_rows(run, folder), base_sha256)
    encoded = manifest.encode(question)
    actual_sha256 = sha256(encoded).hexdigest()
    if run.manifest_sha256 and run.manifest_sha256 != actual_sha256:
        changed = "; ".join(manifest.difference(run.manifest or {}, question)) or "its encoding"
        raise Refused.because(
            "manifest",
            f"Since this run began, this changed: {changed}.",
            "Its checkpoints would mislead: queue it as a new run.",
        )
    files.write(folder / MANIFEST_FILE, encoded)
    return json.loads(encoded), actual_sha256, refusal


def refused_vault(folder: Path) -> str:
    """PostgreSQL's refusal, also kept in the run folder beside the manifest. Raises Refused."""
    try:
        refusal = isolation.vault_refusal(settings.CFT_VAULT_NAME)
    except isolation.NotIsolated as problem:
        remedy = (
            "Name the vault's database in CFT_VAULT_NAME, run `manage.py provision`, start the trainer with the login"
            " cft_trainer, and resume."
        )
        raise Refused.because("vault", str(problem), remedy) from problem
    note = {
        "database": settings.CFT_VAULT_NAME,
        "refusal": refusal,
        "tried_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    files.write(folder / VAULT_FILE, json.dumps(note, indent=2) + "\n")
    return refusal


def write_rows(run: Run, folder: Path) -> rows.Written:
    """Raises Withdrawn, Refused."""
    refuse_withdrawn(run.dataset)
    try:
        return rows.write(lessons(run.dataset), run.dataset.merkle_root, folder / manifest.ROWS_FILE)
    except rows.Tampered as problem:
        remedy = "Compare it with the audit log, then freeze a dataset again."
        raise Refused.because("dataset", str(problem), remedy) from problem


def link_base(run: Run, folder: Path) -> str:
    """Link the base model into the folder under its content's name; returns its sha256. Raises Refused."""
    try:
        model = base_model.locate(run.base_model)
        actual_sha256 = base_model.identify(model, Path(settings.CFT_VAR) / "base-hashes")
    except base_model.BaseMissing as problem:
        raise Refused.because("base_model", str(problem), "Put the model back, or queue a new run.") from problem
    if actual_sha256 != run.base_sha256:
        raise Refused.because(
            "base_model",
            f"{model.name} hashes to {actual_sha256}; the run was queued with {run.base_sha256}.",
            "Put the weights back, or queue a new run.",
        )
    link = folder / manifest.base_link(actual_sha256)
    link.unlink(missing_ok=True)
    link.symlink_to(model)
    return actual_sha256


def ask(run: Run, written: rows.Written, base_sha256: str) -> dict[str, Any]:
    return manifest.build(
        dataset={
            "merkle_root": run.dataset.merkle_root,
            "report_sha256": run.dataset.report_sha256,
            "pairs": written.pairs,
            "replay": written.replay,
        },
        rows_sha256=written.sha256,
        recipe=run.recipe,
        base_sha256=base_sha256,
        seed=run.seed,
        threads=settings.CFT_TRAINING_THREADS,
        device=device(),
        dtype=settings.CFT_TRAINING_DTYPE,
        versions=manifest.library_versions(),
    )


def device() -> str:
    """What the engine will compute on: as configured; "auto" is CUDA where there is a device and a torch built for it.

    Decided here, without loading torch, because it belongs into the manifest.
    """
    if settings.CFT_TRAINING_DEVICE != "auto":
        return str(settings.CFT_TRAINING_DEVICE)
    built_for_cpu = manifest.installed("torch").endswith("+cpu")
    return "cuda" if not built_for_cpu and any(Path("/dev").glob("nvidia[0-9]*")) else "cpu"
