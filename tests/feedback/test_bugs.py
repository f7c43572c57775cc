"""The bug list: every report is on it, triage has its word, engineers move what is there."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction

from audit.models import Event
from cftapp.base.refusal import Conflict, Refused
from feedback.actions import (
    list_by_verdict,
    move_bug,
    record_interaction,
    submit_bug_report,
    submit_comment,
)
from feedback.models import Bug, Source, with_words
from tests.support.people import person

pytestmark = pytest.mark.django_db
TEST = "process:test"


@pytest.fixture
def erin(db: None) -> User:
    return person("erin", "engineer")


@pytest.fixture
def report(shop: Source) -> Callable[..., Bug]:
    def send(what_happened: str = "It hung.", **more: str) -> Bug:
        asked = record_interaction(shop, "ann", "How long?", "14 days.", by=TEST)
        sent = submit_bug_report(asked.pk, what_happened=what_happened, by=TEST, **more)
        return Bug.objects.get(receipt_id=sent.pk)

    return send


def newest_event() -> tuple[str, dict[str, Any]]:
    event = Event.objects.order_by("-pk")[0]
    return event.name, event.detail


def test_a_report_is_on_the_list_at_once(report: Callable[..., Bug]) -> None:
    bug = report()
    assert (bug.state, with_words([bug])[0].words) == ("open", "It hung.")


def test_what_lies_on_the_exam_is_on_no_list(exam: Source) -> None:
    asked = record_interaction(exam, "ann", "How long?", "14 days.", by=TEST)
    submit_bug_report(asked.pk, what_happened="It hung.", by=TEST)
    assert not Bug.objects.exists()


def test_a_bug_is_taken_and_mended_with_one_event_each(report: Callable[..., Bug], erin: User) -> None:
    bug = report()
    move_bug(bug.pk, "taken", by=erin)
    assert newest_event() == ("bug.moved", {"from": "open", "to": "taken"})
    move_bug(bug.pk, "fixed", " https://tracker.example/7 ", by=erin)
    bug.refresh_from_db()
    assert (bug.state, bug.note) == ("fixed", "https://tracker.example/7")
    assert newest_event() == ("bug.moved", {"from": "taken", "to": "fixed"})


@pytest.mark.parametrize(
    ("state", "note", "field", "kind"),
    [
        ("open", "", "state", Conflict),
        ("dropped", "", "state", Refused),
        ("nowhere", "", "state", Refused),
        ("fixed", "  ", "note", Refused),
        ("declined", "", "note", Refused),
        ("fixed", "x" * 501, "note", Refused),
        ("fixed", "a\0b", "note", Refused),
    ],
)
def test_a_refused_move_changes_nothing(
    report: Callable[..., Bug], erin: User, state: str, note: str, field: str, kind: type[Refused]
) -> None:
    bug, events = report(), Event.objects.count()
    with pytest.raises(kind) as refused:
        move_bug(bug.pk, state, note, by=erin)
    assert [(one.field, bool(one.remedy)) for one in refused.value.blockers] == [(field, True)]
    bug.refresh_from_db()
    assert (bug.state, bug.note, Event.objects.count()) == ("open", "", events)


def test_a_reviewer_takes_a_report_off_the_list_and_back(report: Callable[..., Bug], erin: User) -> None:
    bug = report()
    list_by_verdict(bug.receipt_id, is_bug=False)
    assert not Bug.objects.in_state("open").exists() and not Bug.objects.in_state("all").exists()
    with pytest.raises(Conflict):
        move_bug(bug.pk, "taken", by=erin)
    list_by_verdict(bug.receipt_id, is_bug=True)
    move_bug(bug.pk, "taken", by=erin)
    assert list_by_verdict(bug.receipt_id, is_bug=False) is None
    assert Bug.objects.get().state == "taken", "what somebody works on stays"


def test_other_feedback_becomes_a_bug_by_verdict_with_its_own_words(shop: Source) -> None:
    asked = record_interaction(shop, "ann", "How long?", "14 days.", by=TEST)
    comment = submit_comment(asked.pk, rating="down", text="blank page", by=TEST)
    assert not Bug.objects.exists()
    list_by_verdict(comment.pk, is_bug=True)
    assert with_words(Bug.objects.all())[0].words == "down · blank page"


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM feedback_bug",
        "UPDATE feedback_bug SET opened_at = now() - interval '1 year'",
        "UPDATE feedback_bug SET receipt_id = gen_random_uuid()",
    ],
)
def test_no_bug_leaves_the_list(report: Callable[..., Bug], sql: str) -> None:
    report()
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert Bug.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_web_process_may_move_a_bug_and_not_remove_it(connect_as: Callable[..., psycopg.Connection]) -> None:
    with connect_as("web") as session:
        session.execute("UPDATE feedback_bug SET state = 'taken', note = '', changed_at = now() WHERE false")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("DELETE FROM feedback_bug")
