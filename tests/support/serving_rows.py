"""Rows for tests of serving, as the stages before would have left them. Every trigger has seen them."""

import uuid
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from curation.checks.identity import row_hash
from curation.models import Case, Dataset, DatasetRow, Pair, RegistryEpoch, ReplayRow
from evaluation.models import Benchmark, BenchmarkVersion, Gate, GateResult, Verdict, Waiver
from feedback.actions import record_interaction, register_source, submit_correction
from feedback.models import Lane, Source
from serving.models import Release
from serving.releases.actions import create_release, install_base
from tests.support.people import person
from tests.support.wordings import SHOWN
from training.models import Run

BASE_SHA = "b" * 64
KINDS = (("regression", "exact"), ("business", "contains"), ("safety", "refusal"))


def base_release() -> Release:
    return install_base(BASE_SHA, by="process:owner")


def epoch() -> RegistryEpoch:
    newest = RegistryEpoch.objects.order_by("-number").first()
    return newest or RegistryEpoch.objects.create(number=1, sha256="e" * 64, items=1, normaliser="test")


@transaction.atomic
def dataset(*pairs: Pair) -> Dataset:
    number = epoch().number
    replay, _ = ReplayRow.objects.get_or_create(
        row_hash=row_hash("Hello", "Hello!"), defaults={"skill": "chat", "prompt": "Hello", "answer": "Hello!"}
    )
    ReplayRow.objects.filter(pk=replay.pk).update(screened_epoch=number)
    frozen = Dataset.objects.create(
        name="lessons",
        recipe={},
        report={},
        merkle_root="0" * 64,
        pair_count=len(pairs),
        replay_count=1,
        epoch=number,
        frozen_by=person("mori", "engineer"),
    )
    DatasetRow.objects.create(dataset=frozen, position=0, replay_row=replay, row_hash=replay.row_hash)
    for position, pair in enumerate(pairs, start=1):
        DatasetRow.objects.create(dataset=frozen, position=position, pair=pair, row_hash=pair.row_hash)
    return frozen


def finished_run(adapter: str = "", rows: Dataset | None = None, folder: uuid.UUID | None = None) -> Run:
    run = queued_run(rows, folder)
    return finish(run, adapter or uuid.uuid4().hex * 2)


def queued_run(rows: Dataset | None = None, folder: uuid.UUID | None = None) -> Run:
    run = Run.objects.create(
        dataset=rows or dataset(),
        recipe={},
        base_model="base",
        base_sha256=BASE_SHA,
        folder=folder or uuid.uuid4(),
        created_by=person("mori", "engineer"),
    )
    run.refresh_from_db()
    return run


def finish(run: Run, adapter: str) -> Run:
    run.state, run.lease_owner = Run.State.RUNNING, "trainer"
    run.lease_expires_at = timezone.now() + timedelta(minutes=1)
    run.save()
    run.state, run.adapter_sha256, run.vault_refusal = Run.State.FINISHED, adapter, "permission denied"
    run.save()
    return run


def benchmark_versions() -> list[BenchmarkVersion]:
    examiner = person("vera", "examiner")
    versions = []
    for kind, scorer in KINDS:
        benchmark, _ = Benchmark.objects.get_or_create(name=kind, defaults={"title": kind, "kind": kind})
        version, _ = BenchmarkVersion.objects.get_or_create(
            benchmark=benchmark,
            number=1,
            defaults={"items": 50, "sha256": "a" * 64, "scorer": scorer, "margin": 0.05, "published_by": examiner},
        )
        versions.append(version)
    return versions


def judged_gate(run: Run, verdict: str = Verdict.PASS, champion_run: Run | None = None) -> Gate:
    """A gate that examined `run` against `champion_run` and came to `verdict`."""
    versions = benchmark_versions()
    gate = Gate.objects.create(run=run, champion_run=champion_run, requested_by="process:evaluator")
    gate.versions.add(*versions)
    for version in versions:
        GateResult.objects.create(
            gate=gate,
            version=version,
            opponent="champion",
            items=50,
            candidate_correct=45,
            opponent_correct=44,
            only_opponent_correct=1,
            only_candidate_correct=2,
            estimate=0.02,
            lower=-0.02,
            upper=0.06,
            margin=version.margin,
            verdict=verdict,
        )
    gate.state, gate.verdict = Gate.State.FINISHED, verdict
    gate.save()
    return gate


def candidate(
    verdict: str = Verdict.PASS, champion_run: Run | None = None, trained: Run | None = None, **run: object
) -> tuple[Release, Gate]:
    """A release with its gate."""
    trained = trained or finished_run(**run)
    gate = judged_gate(trained, verdict, champion_run)
    return create_release(trained, by="process:curator"), gate


def waiver(gate: Gate, confirmed_by: User | None = None) -> Waiver:
    waiver = Waiver.objects.create(gate=gate, reason="The demo is tomorrow.", requested_by=person("ines", "lead"))
    if confirmed_by:
        waiver.confirmed_by, waiver.confirmed_at = confirmed_by, timezone.now()
        waiver.save()
    return waiver


def source(name: str = "shop", held_out_percent: float = 0) -> Source:
    registered = Source.objects.filter(name=name).first()
    return registered or register_source(name, name.title(), held_out_percent=held_out_percent, by="process:test")


def accepted_pair(user: str = "ana", prompt: str = "Where is Kefin?", answer: str = "In Holt.") -> Pair:
    """A pair that `user` consented to and a reviewer accepted."""
    interaction = record_interaction(source(), user, prompt, "In Arden.", model_name="cft-x", by="source:1")
    assert interaction.lane == Lane.TRAINING
    correction = submit_correction(interaction.pk, replacement=answer, consent=SHOWN, by="source:1")
    reviewer, number = person("rob", "reviewer"), epoch().number
    case = Case.objects.filter(correction=correction).first() or Case.objects.create(
        correction=correction, subject=interaction.subject
    )
    case.state, case.screened_epoch, case.screened_at = Case.State.OPEN, number, timezone.now()
    case.save()
    case.state, case.verdict = Case.State.DECIDED, Case.Verdict.ACCEPTED
    case.decided_by, case.decided_at = reviewer, timezone.now()
    case.save()
    return Pair.objects.create(
        correction=correction,
        subject=interaction.subject,
        prompt=prompt,
        chosen=answer,
        rejected="In Arden.",
        row_hash=row_hash(prompt, answer, "In Arden."),
        screened_epoch=number,
        accepted_by=reviewer,
    )
