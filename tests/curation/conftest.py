"""The people, the exam and the feedback of these tests."""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.utils import timezone

from curation.datasets import actions as dataset_actions
from curation.decontamination import normalise
from curation.decontamination.registry import Registry
from curation.models import Case, Pair
from curation.screening import actions as screening_actions
from curation.screening import current_epoch
from curation.triage import actions as triage_actions
from feedback.actions import record_interaction, register_source, submit_correction
from feedback.models import Source
from tests.support.people import person
from tests.support.wordings import SHOWN

KEY = b"a registry key of thirty-two byte"
TEST = "process:test"
EXAM = [
    (
        "item-train",
        "exam v1",
        "A freight train leaves Arden at nine with forty wagons of gravel and stops twice to unload a quarter of them;"
        " how many wagons reach Jarrow in the evening?",
        "It unloads ten wagons at the first stop and ten at the second, so twenty wagons of gravel reach Jarrow.",
    ),
    ("item-short", "exam v1", "Who owns the red kettle?", "Tamsin owns it."),
]


@pytest.fixture
def rosa(db: None) -> User:
    return person("rosa", "reviewer")


@pytest.fixture
def rob(db: None) -> User:
    return person("rob", "reviewer")


@pytest.fixture
def erin(db: None) -> User:
    return person("erin", "engineer")


@pytest.fixture
def otto(db: None) -> User:
    return person("otto")


@pytest.fixture
def shop(db: None) -> Source:
    """A web shop; all its users are of the training lane."""
    return register_source("shop", "Shop", held_out_percent=0, by=TEST)


@pytest.fixture(scope="session")
def exam() -> Registry:
    """The registry of a small exam, as epoch 1."""
    return Registry.from_bytes(Registry.build(EXAM, KEY), KEY, number=1)


@pytest.fixture
def epoch(db: None, exam: Registry) -> Registry:
    """Epoch 1, adopted."""
    adopt(exam)
    return exam


def adopt(registry: Registry) -> None:
    header = registry.header
    screening_actions.adopt_epoch(registry.number, header["sha256"], header["items"], 0, header["normaliser"], by=TEST)


@dataclass
class World:
    """The shop, epoch 1, and shorthands for what happens there."""

    shop: Source
    registry: Registry

    def case(
        self,
        prompt: str = "How long is the refund window?",
        wrong: str = "14 days.",
        right: str = "30 days.",
        *,
        subject: str = "ann",
        consent: bool = True,
        **interaction: Any,
    ) -> Case:
        """A corrected answer and its case, not screened yet."""
        recorded = record_interaction(self.shop, subject, prompt, wrong, by=TEST, **interaction)
        correction = submit_correction(recorded.pk, replacement=right, consent=SHOWN if consent else "", by=TEST)
        return screening_actions.open_case("correction", correction.pk, by=TEST)

    def screened(self, *args: Any, **more: Any) -> Case:
        case = self.case(*args, **more)
        screening_actions.screen_case(case.pk, self.registry, by=TEST)
        return Case.objects.get(pk=case.pk)

    def accepted(self, by: User, *args: Any, **more: Any) -> Pair:
        case = self.screened(*args, **more)
        triage_actions.claim_case(by, case.pk)
        triage_actions.decide_case(case.pk, "accepted", by=by)
        return Pair.objects.get(correction=case.correction_id)

    def replay(self, *rows: dict[str, Any]) -> None:
        """Replay rows, screened."""
        dataset_actions.import_replay_rows(rows, by=TEST)
        screening_actions.screen_replay_rows(10_000, self.registry, by=TEST)


@pytest.fixture
def world(shop: Source, epoch: Registry) -> World:
    return World(shop, epoch)


@pytest.fixture
def events(db: None) -> Iterator[Callable[[], list[str]]]:
    """Names of the events since the test began, or since the last call."""
    from audit.models import Event

    last = [Event.objects.order_by("-id").values_list("id", flat=True).first() or 0]

    def names() -> list[str]:
        rows = list(Event.objects.filter(id__gt=last[0]).order_by("id").values_list("id", "name"))
        last[0] = rows[-1][0] if rows else last[0]
        return [name for _, name in rows]

    yield names


def store(number: int, items: Any = EXAM) -> tuple[bytes, str]:
    """Put a registry of these items into the vault; its bytes and their hash."""
    content = Registry.build(items, KEY)
    digest = hashlib.sha256(content).hexdigest()
    with connections["vault"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO vault_registrysnapshot (number, sha256, content, created_at) VALUES (%s, %s, %s, %s)",
            [number, digest, content, timezone.now()],
        )
    return content, digest


def publish(number: int, items: Any = EXAM) -> None:
    """Put a registry of these items into the vault, and adopt it as the current epoch."""
    _, digest = store(number, items)
    screening_actions.adopt_epoch(number, digest, len(items), 0, normalise.VERSION, by=TEST)


@pytest.fixture
def vault(db: None, settings: Any, tmp_path: Any) -> Iterator[Any]:
    """A place for registry files, and the key that opens them."""
    settings.CFT_REGISTRY_KEY, settings.CFT_VAR = KEY, tmp_path
    current_epoch._opened.clear()
    yield tmp_path
    current_epoch._opened.clear()


@pytest.fixture
def corrected(shop: Source) -> Callable[..., Any]:
    """Posts a correction with consent."""

    def make(prompt: str = "How long?", right: str = "30 days.", consent: bool = True, subject: str = "ann") -> Any:
        interaction = record_interaction(shop, subject, prompt, "14 days.", by=TEST)
        return submit_correction(interaction.pk, replacement=right, consent=SHOWN if consent else "", by=TEST)

    return make


@pytest.fixture
def owner(django_db_setup: None) -> Iterator[psycopg.Connection]:
    """PostgreSQL as the owner of the tables: past every grant, not past a trigger."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        yield connection
