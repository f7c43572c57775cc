"""The people of an exam, and the rows a gate needs before there is one."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client

from curation.models import Dataset
from evaluation import champion
from evaluation.actions import import_benchmark
from evaluation.models import BenchmarkVersion
from training.models import Run

SHA = "a" * 64


def account(name: str, *roles: str) -> Any:
    person = get_user_model().objects.create_user(name, password=None)
    person.groups.add(*(Group.objects.get_or_create(name=role)[0] for role in roles))
    return person


@pytest.fixture
def examiner(db):
    return account("wanda.examiner", "examiner")


@pytest.fixture
def engineer(db):
    return account("emil.engineer", "engineer")


@pytest.fixture
def lead(db):
    return account("lena.lead", "lead")


@pytest.fixture
def outsider(db):
    return account("otto.outsider")


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
    return Dataset.objects.create(
        name="lessons",
        recipe={},
        report={},
        merkle_root=SHA,
        pair_count=1,
        replay_count=0,
        epoch=1,
        frozen_by=engineer,
    )


@pytest.fixture
def run(dataset, engineer) -> Run:
    return make_run(dataset, engineer, "b" * 64)


def make_run(dataset: Dataset, by: Any, adapter: str, **facts: Any) -> Run:
    return Run.objects.create(
        dataset=dataset,
        recipe={},
        state=Run.State.FINISHED,
        created_by=by,
        **{"base_model": "base", "base_sha256": SHA, "adapter_sha256": adapter} | facts,
    )


QUESTIONS = ("What is the capital of {}?", "How many people live in {}?", "Which river flows through {}?")
PLACES = ("Ankarvale", "Brimholt", "Corvane", "Dunmere", "Eskport", "Farrowick", "Gildmoor", "Harrowgate")


def rows(count: int = 20, word: str = "") -> list[dict[str, Any]]:
    """Items that differ from each other and, with another word, from those of another benchmark."""
    texts = [question.format(place) for place in PLACES for question in QUESTIONS]
    return [{"question": f"{word} {text}".strip(), "answer": f"{text[-6:]} {number}"} for number, text in enumerate(texts)][
        :count
    ]


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
