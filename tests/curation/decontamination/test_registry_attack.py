"""The dictionary-and-chaining attack on the exam, for real: with all that curator, trainer and web hold, and with the
screener's files but not its key. `test_attack_works` shows that the same code succeeds against a weak registry.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db import connection
from psycopg import Connection

from cftapp.access.roles import ROLES, environment_for
from curation.datasets import actions as dataset_actions
from curation.decontamination import normalise
from curation.decontamination.registry import Registry
from curation.inquiries import actions as inquiry_actions
from curation.inquiries import tasks as inquiry_tasks
from curation.models import Blocker, Case, Inquiry, LabelledScores
from curation.screening import current_epoch
from curation.screening import tasks as screening_tasks
from curation.triage import actions as triage_actions
from evaluation.benchmarks import labelling
from evaluation.benchmarks.actions import import_benchmark
from feedback.actions import record_interaction, register_source, submit_correction
from tests.support import attacker, holdings
from tests.support.attacker import Exam, Gram, Heap
from tests.support.people import person
from tests.support.wordings import SHOWN

KEY = b"thirty-two bytes that nobody has"
TEST = "process:test"
ITEMS, LEAKED = 120, 3
NEITHER = ("curator", "trainer", "web")

pytestmark = [pytest.mark.django_db(transaction=True, databases=["default", "vault"]), pytest.mark.slow]


@pytest.fixture(scope="module")
def exam() -> Exam:
    passages = attacker.passages()
    return Exam(passages[:ITEMS], passages[ITEMS:])


@pytest.fixture
def world(exam: Exam, settings: Any, tmp_path: Path) -> Iterator[Exam]:
    """The exam published, rows screened that quote three of its items, a dataset frozen, texts checked.

    What a row quotes stands in the row: those items are no secret any more.
    """
    settings.CFT_REGISTRY_KEY, settings.CFT_VAR = KEY, tmp_path
    current_epoch._opened.clear()
    items = [{"question": text[: len(text) // 2], "answer": text[len(text) // 2 :]} for text in exam.secret]
    examiner = person("wanda", "examiner")
    import_benchmark(
        "secrets",
        "Secrets",
        "regression",
        items,
        scorer="exact",
        margin=0.05,
        background=exam.public[:300],
        by=examiner,
    )
    live_through(exam, person("rosa", "reviewer", "engineer"))
    yield Exam(exam.secret[LEAKED:], exam.public)
    current_epoch._opened.clear()


def live_through(exam: Exam, rosa: User) -> None:
    """What a day leaves behind in the tables that others read."""
    shop = register_source("shop", "Shop", held_out_percent=0, by=TEST)
    for number, text in enumerate([*exam.secret[:LEAKED], *exam.public[:9]]):
        interaction = record_interaction(shop, f"user-{number}", text, "No.", by=TEST)
        submit_correction(interaction.pk, replacement=f"The other answer, number {number}.", consent=SHOWN, by=TEST)
    screening_tasks.sweep()
    while (case := triage_actions.claim_next_case(rosa)) is not None:
        clean = not case.findings.filter(blocking=True).exists()
        triage_actions.decide_case(case.pk, "accepted" if clean else "rejected", by=rosa)
    dataset_actions.freeze_dataset("lessons", {"replay_count": 0}, by=rosa)
    for text in (exam.secret[0], exam.public[0]):
        inquiry_actions.ask_overlap(text, by=rosa)
    inquiry_tasks.answer_waiting()
    labelling.label_next(by=TEST)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


@pytest.fixture
def insiders(world: Exam, connect_as: Callable[..., Connection]) -> Heap:
    """Everything that the three roles can read in both databases, are given as settings, or find in their files."""
    owner = {name: value for name, value in os.environ.items() if isinstance(value, str)}
    pieces: list[bytes] = []
    for role in NEITHER:
        for opened in holdings.databases(role, connect_as):
            pieces += holdings.dump(opened)
        pieces += [value.encode() for value in environment_for(role, owner).values()]
    return Heap(pieces)


def snapshots() -> list[bytes]:
    """The screener's files, as they lie on its disk."""
    files = sorted((Path(django_settings.CFT_VAR) / "registry").iterdir())
    assert files, "the screener has opened no registry"
    return [path.read_bytes() for path in files]


def guessable_keys() -> list[bytes]:
    """What somebody would try: nothing, words, and what they can read of keys and epochs."""
    epoch = current_epoch.open_registry()
    assert epoch is not None
    guesses = [epoch.header["key_check"].encode(), epoch.header["sha256"].encode(), bytes(32), b"registry", b"cftapp"]
    return [*guesses, b"CFT_REGISTRY_KEY", os.environ["CFT_SECRET_KEY"].encode(), b"secrets v1"]


# --- nothing is recovered --------------------------------------------------------------------------------------------
def recovered(world: Exam, heap: Heap, keys: list[bytes]) -> set[Gram]:
    """Secret n-grams that dictionary and chaining recover from a heap."""
    grams: set[Gram] = set()
    for n in (3, 5):
        grams |= attacker.dictionary(heap, world.guesses(n), keys) & world.grams(n)
    words = attacker.vocabulary_of(world.public, 500)
    for guess in [*attacker.UNKEYED.values(), *map(attacker.keyed, keys)]:
        for n in (3, 5):
            starts = [beginning[:n] for beginning in world.beginnings[:40]]
            grams |= attacker.chain(attacker.in_heap(heap, guess), starts, words, 20_000)
    return grams


def texts_held(world: Exam, heap: Heap) -> list[Gram]:
    """Secret runs of eight words that can simply be read, none of them in the public half."""
    public, words = attacker.grams(world.public, 8), normalise.words(heap.data.decode("utf-8", "replace"))
    runs = {tuple(words[i : i + 8]) for i in range(len(words) - 7)}
    return sorted((world.grams(8) - public) & runs)


def test_curator_trainer_and_web_together_recover_nothing(world: Exam, insiders: Heap) -> None:
    assert len(insiders.data) > 50_000
    assert texts_held(world, insiders) == []
    assert recovered(world, insiders, guessable_keys()) == set()


def test_what_they_hold_is_what_the_attack_would_read(world: Exam, insiders: Heap) -> None:
    """The dump is complete: evidence, log, inquiries, labelled scores and the quoted items themselves are in it."""
    blocked = Blocker.objects.filter(check_name="overlap", blocking=True).first()
    assert blocked is not None and Case.objects.filter(verdict="accepted").count() >= 5
    assert blocked.evidence["item"].encode() in insiders.data
    assert b"inquiry.answered" in insiders.data and b"dataset.frozen" in insiders.data
    assert Inquiry.objects.filter(verdict="blocked").exists() and LabelledScores.objects.exists()
    quoted = Exam(attacker.passages()[:LEAKED], world.public)
    assert len(texts_held(quoted, insiders)) > 20


def test_the_screeners_files_without_its_key_give_nothing(world: Exam, insiders: Heap) -> None:
    heap = Heap(snapshots())
    assert len(heap.data) > 50_000
    assert texts_held(world, heap) == []
    assert recovered(world, heap, guessable_keys()) == set()


def built(texts: list[str], key: bytes) -> np.ndarray:
    """The product's own fingerprints of texts, under a key: all numbers of 64 bits in the registry's file."""
    content = Registry.build([(str(i), "guess", text, "") for i, text in enumerate(texts)], key)
    arrays = Registry.from_bytes(content, key).arrays.values()
    return np.unique(np.concatenate([array.ravel() for array in arrays if array.dtype == np.uint64]))


def confirmed(heap: Heap, hashes: np.ndarray) -> int:
    """How many fingerprints stand in the heap; numbers that are no fingerprints (small, or sparse) do not count."""
    bits = np.array([int(number).bit_count() for number in hashes])
    sound = hashes[(hashes > 2**40) & (bits > 12) & (bits < 52)]
    return int(heap.holds(sound).sum())


def test_the_products_own_fingerprints_under_guessed_keys_match_nothing(world: Exam, insiders: Heap) -> None:
    files = Heap(snapshots())
    guess = world.secret[:20]  # even the right text
    assert confirmed(files, built(guess, KEY)) > 200
    for key in guessable_keys():
        key = key.ljust(16, b"\0")
        assert confirmed(files, built(guess, key)) == 0
        assert confirmed(insiders, built(guess, key)) == 0
    assert confirmed(insiders, built(guess, KEY)) == 0


def test_a_snapshot_and_the_log_hold_no_words(world: Exam, connect_as: Callable[..., Connection]) -> None:
    """No run of four words of an item, and of single words only those of the program itself."""
    reader = connect_as("web")
    rows = reader.execute("SELECT body FROM audit_event").fetchall()
    rows += reader.execute("SELECT message, evidence FROM curation_blocker").fetchall()
    rows += reader.execute("SELECT report FROM curation_dataset").fetchall()
    content = b" ".join([*snapshots(), *(holdings.as_bytes(value) for row in rows for value in row)])
    text = content.decode("utf-8", "replace")
    assert attacker.grams([text], 4) & world.grams(4) == set()
    public_words = {word for public in world.public for word in normalise.words(public)}
    rare = {word for secret in world.secret for word in normalise.words(secret) if len(word) > 6} - public_words
    assert len(rare) > 20
    assert rare & set(normalise.words(text)) <= {"correction"}


# --- doors ------------------------------------------------------------------------------------------------------------
def test_only_the_screener_and_the_evaluator_hold_the_key() -> None:
    holders = {role.name for role in ROLES.values() if "CFT_REGISTRY_KEY" in role.keys}
    assert holders == {"screener", "evaluator"}


def test_the_vault_turns_curator_and_trainer_away_and_shows_the_web_nothing(
    world: Exam, connect_as: Callable[..., Connection]
) -> None:
    for role in ("curator", "trainer"):
        assert len(list(holdings.databases(role, connect_as))) == 1
    mailbox = connect_as("web", "vault")
    assert [name for name in holdings.tables(mailbox) if name.startswith("public.") and "migrations" not in name] == []


def test_no_function_that_they_may_call_answers_with_words(world: Exam, connect_as: Callable[..., Connection]) -> None:
    ids = [*Case.objects.values_list("subject_id", flat=True)[:3], *Inquiry.objects.values_list("pk", flat=True)]
    for role in NEITHER:
        reader = connect_as(role)
        assert "audit_append" in {name for name, _ in holdings.functions(reader)}
        # A count alone is no word, and several counts in a row no run of words.
        worded = (answer for answer in holdings.answers(reader, ids) if not answer.isdigit())
        answered = b" ".join(worded).decode("utf-8", "replace")
        assert attacker.grams([answered], 4) & world.grams(4) == set()


def test_nothing_is_logged_of_a_text(world: Exam, caplog: Any, capsys: Any) -> None:
    inquiry = inquiry_actions.ask_overlap(world.secret[0], by=person("rosa"))
    inquiry_tasks.answer(str(inquiry.pk))
    screening_tasks.screen_all()
    written = caplog.text + "".join(capsys.readouterr())
    assert attacker.grams([written], 4) & world.grams(4) == set()
