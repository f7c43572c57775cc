"""What a subject agreed to can be read, to the letter and for good: wordings are published rows that never change."""

import hashlib
import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from psycopg import errors

from audit.models import Event
from cftapp.base.refusal import Conflict, Refused
from feedback.actions import grant_consent, publish_wording, record_interaction
from feedback.models import ConsentEntry, ConsentWording, Source
from tests.support.wordings import SHOWN

TERMS = "Train on what I write\nYou may withdraw at any time."


def test_the_first_ones_are_those_that_were_shown_before(db: None) -> None:
    assert set(ConsentWording.objects.values_list("version", flat=True)) >= {"2026-11", "2026-11-2"}
    shown = ConsentWording.objects.current()
    assert shown.version == SHOWN and shown.label == "Models may be trained on my corrections"
    assert shown.text_sha256 == hashlib.sha256(shown.text.encode()).hexdigest()


def test_publishing_is_one_event_that_proves_the_text(shop: Source) -> None:
    published = publish_wording("shop-7", TERMS, language="de", source=shop, by="process:test")
    assert (published.label, published.explanation) == ("Train on what I write", "You may withdraw at any time.")
    event = Event.objects.get(name="consent_wording.published")
    assert event.detail == {"language": "de", "text_sha256": hashlib.sha256(TERMS.encode()).hexdigest()}


def test_a_newer_one_is_shown_from_now_on_and_a_sources_own_comes_first(shop: Source, exam: Source) -> None:
    publish_wording("2027-1", TERMS, by="process:test")
    publish_wording("2027-2-de", TERMS, language="de", by="process:test")
    publish_wording("shop-7", TERMS, source=shop, by="process:test")
    assert ConsentWording.objects.current().version == "2027-1"
    assert ConsentWording.objects.current(shop).version == "shop-7"
    assert ConsentWording.objects.current(exam).version == "2027-1"


def test_a_version_is_published_once(db: None) -> None:
    with pytest.raises(Conflict, match="version"):
        publish_wording(SHOWN, TERMS, by="process:test")


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": "two words"},
        {"version": "a/b"},
        {"language": "English please"},
        {"text": " \n"},
        {"text": "a\0b"},
        {"text": "x" * 16_001},
    ],
)
def test_what_is_no_wording_is_refused(db: None, wrong: dict[str, str], event_names) -> None:
    fields = {"version": "2027-1", "language": "en", "text": TERMS} | wrong
    with pytest.raises(Refused, match=next(iter(wrong))):
        publish_wording(fields.pop("version"), fields.pop("text"), **fields, by="process:test")
    assert "consent_wording.published" not in event_names()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE feedback_consentwording SET text = 'Anything'",
        "UPDATE feedback_consentwording SET source_id = NULL",
        "DELETE FROM feedback_consentwording",
        "TRUNCATE feedback_consentwording CASCADE",
    ],
)
def test_not_even_the_owner_changes_one(db: None, statement: str) -> None:
    with pytest.raises(Exception, match="never changes"), connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_hash_is_of_the_text_or_it_is_not_stored(db: None) -> None:
    with pytest.raises(Exception, match="wording_hash_is_of_its_text"):
        ConsentWording.objects.create(
            version="x", language="en", text="a", text_sha256="0" * 64, published_by="visitor"
        )


def test_consent_to_words_that_nobody_published_is_refused(shop: Source, exam: Source) -> None:
    subject = record_interaction(shop, "u-1", "p", "a", by="visitor").subject
    publish_wording("exam-7", TERMS, source=exam, by="process:test")
    for version in ("", "2020-1", "exam-7", "a\0b"):
        with pytest.raises(Refused, match="wording_version"):
            grant_consent(subject, wording_version=version, by="visitor")
    assert not ConsentEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_ledger_names_a_published_wording_whoever_writes(shop: Source, connect_as) -> None:
    subject = record_interaction(shop, "u-1", "p", "a", by="visitor").subject
    web = connect_as("web")
    with pytest.raises(errors.ForeignKeyViolation):
        web.execute(
            "INSERT INTO feedback_consententry (subject_id, purpose, decision, wording_version, legal_basis, given_at,"
            " recorded_at, recorded_by) VALUES (%s, 'training', 'granted', 'made-up', 'consent', now(), now(), 'x')",
            [subject.pk],
        )


# --- the command ---
def test_the_command_publishes_a_file(shop: Source, tmp_path: Path) -> None:
    (tmp_path / "terms.txt").write_text(TERMS + "\n", encoding="utf-8")
    told = io.StringIO()
    call_command("publish_wording", "shop-7", str(tmp_path / "terms.txt"), "--source", "shop", stdout=told)
    wording = ConsentWording.objects.get(pk="shop-7")
    assert (wording.text, wording.source, wording.published_by) == (TERMS, shop, "process:owner")
    assert wording.text_sha256 in told.getvalue()


def test_the_command_says_what_is_wrong(shop: Source, tmp_path: Path) -> None:
    (tmp_path / "terms.txt").write_bytes(b"\xff")
    for arguments in (("x", "terms.txt"), ("x", "nothing.txt")):
        with pytest.raises(CommandError, match="cannot be read"):
            call_command("publish_wording", arguments[0], str(tmp_path / arguments[1]))
    (tmp_path / "terms.txt").write_text(TERMS)
    with pytest.raises(CommandError, match="no source"):
        call_command("publish_wording", "x", str(tmp_path / "terms.txt"), "--source", "nobody")
    with pytest.raises(CommandError, match="published already"):
        call_command("publish_wording", SHOWN, str(tmp_path / "terms.txt"))
