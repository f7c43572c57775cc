"""The people of an exam, and the rows a gate needs before there is one."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from curation.models import Dataset
from evaluation.benchmarks.actions import import_benchmark
from evaluation.gates import champion
from evaluation.gates.actions import finish_gate, start_gate
from evaluation.models import BenchmarkVersion, Gate, GateResult
from tests.support.people import person
from training.models import Run

SHA = "a" * 64


@pytest.fixture
def examiner(db):
    return person("wanda.examiner", "examiner")


@pytest.fixture
def engineer(db):
    return person("emil.engineer", "engineer")


@pytest.fixture
def lead(db):
    return person("lena.lead", "lead")


@pytest.fixture
def outsider(db):
    return person("otto.outsider")


@pytest.fixture(autouse=True)
def base_is_champion(monkeypatch):
    monkeypatch.setattr(champion, "_ask", lambda: None)


@pytest.fixture
def as_person(client: Client) -> Callable[[Any], Client]:
    def enter(person: Any) -> Client:
        client.force_login(person)
        return client

    return enter


@pytest.fixture
def dataset(engineer) -> Dataset:
    """An empty dataset, past the triggers that forbid it: what is in it is not evaluation's business."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        made = Dataset.objects.create(
            name="lessons",
            recipe={},
            report={},
            merkle_root=SHA,
            pair_count=1,
            replay_count=0,
            epoch=1,
            frozen_by=engineer,
        )
        cursor.execute("SET session_replication_role = DEFAULT")
    return made


@pytest.fixture
def run(dataset, engineer) -> Run:
    return make_run(dataset, engineer, "b" * 64)


def make_run(dataset: Dataset, by: Any, adapter: str, **facts: Any) -> Run:
    """A run as its trainer leaves it."""
    asked = {"base_model": "base", "base_sha256": SHA} | facts
    run = Run.objects.create(dataset=dataset, recipe={}, created_by=by, **asked)
    run.state, run.lease_owner, run.lease_expires_at = Run.State.RUNNING, "trainer", timezone.now()
    run.save()
    run.state, run.adapter_sha256, run.vault_refusal = Run.State.FINISHED, adapter, "denied"
    run.save()
    return run


QUESTIONS = ("What is the capital of {}?", "How many people live in {}?", "Which river flows through {}?")
PLACES = ("Ankarvale", "Brimholt", "Corvane", "Dunmere", "Eskport", "Farrowick", "Gildmoor", "Harrowgate")


def rows(count: int = 20, word: str = "") -> list[dict[str, Any]]:
    """Items that differ from each other and, with another word, from those of another benchmark."""
    texts = [question.format(place) for place in PLACES for question in QUESTIONS]
    return [
        {"question": f"{word} {text}".strip(), "answer": f"{text[-6:]} {number}"} for number, text in enumerate(texts)
    ][:count]


@pytest.fixture
def publish(examiner) -> Callable[..., BenchmarkVersion]:
    def publish(name: str = "towns", kind: str = "regression", items: Any = None, **facts: Any) -> BenchmarkVersion:
        scorer = "refusal" if kind == "safety" else "exact"
        asked = {"scorer": scorer, "margin": 0.05, "by": examiner} | facts
        return import_benchmark(name, name.title(), kind, items or rows(word=name), **asked)

    return publish


@pytest.fixture
def three_kinds(publish) -> list[BenchmarkVersion]:
    return [publish(kind, kind) for kind in ("regression", "business", "safety")]


def with_verdict(gate: Gate, verdict: str) -> Gate:
    """End a gate as the evaluator would, with one result a pinned version that bears this verdict."""
    claimed = start_gate(gate.pk)
    assert claimed is not None
    results = [
        GateResult(
            gate=claimed,
            version=version,
            opponent="champion",
            items=version.items,
            candidate_correct=version.items,
            opponent_correct=version.items,
            only_opponent_correct=0,
            only_candidate_correct=0,
            estimate=0.0,
            lower=-0.01,
            upper=0.01,
            margin=version.margin,
            verdict=verdict,
            detail={"power": 0.9, "needed": 300, "needed_if_equal": 200, "mcnemar": 0.02, "tolerated": 2},
        )
        for version in claimed.versions.select_related("benchmark")
    ]
    return finish_gate(claimed, results, verdict)
