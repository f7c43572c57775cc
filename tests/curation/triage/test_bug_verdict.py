"""A verdict has its word on the bug list: what is a bug stands there, what is none does not."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from audit.models import Event
from curation.models import Case
from curation.screening import actions as screening_actions
from curation.screening import tasks as screening_tasks
from curation.triage import actions
from feedback.actions import record_interaction, submit_bug_report
from feedback.models import Bug, Source
from tests.curation.conftest import TEST, publish

pytestmark = pytest.mark.django_db


def decide(case: Case, verdict: str, by: User) -> None:
    actions.claim_case(by, case.pk)
    actions.decide_case(case.pk, verdict, by=by)


def named_by_the_newest_event(kind: str) -> list[str]:
    event = Event.objects.order_by("-pk")[0]
    return list(event.edges.filter(kind=kind).values_list("object_id", flat=True))


def test_a_correction_that_is_a_bug_is_filed_and_taken_back(
    vault: Any, corrected: Callable[..., Any], rosa: User
) -> None:
    publish(1)
    screening_tasks.screen("correction", str(corrected("How long is it?").pk))
    case = Case.objects.get()
    decide(case, "bug", rosa)
    bug = Bug.objects.get()
    assert (bug.state, bug.receipt_id, bug.receipt.kind) == ("open", case.correction_id, "correction")
    assert named_by_the_newest_event("bug") == [str(bug.pk)]
    actions.undo_verdict(case.pk, by=rosa)
    bug.refresh_from_db()
    assert bug.state == "dropped"
    assert named_by_the_newest_event("bug") == [str(bug.pk)]


def test_a_report_that_is_rejected_is_no_bug_until_that_is_undone(vault: Any, shop: Source, rosa: User) -> None:
    publish(1)
    asked = record_interaction(shop, "ann", "How long?", "14 days.", by=TEST)
    report = submit_bug_report(asked.pk, what_happened="It hung.", by=TEST)
    screening_actions.open_case("bug_report", report.pk, by=TEST)
    screening_tasks.screen("bug_report", str(report.pk))
    case = Case.objects.get()
    decide(case, "rejected", rosa)
    assert Bug.objects.get().state == "dropped"
    actions.undo_verdict(case.pk, by=rosa)
    assert Bug.objects.get().state == "open"
    decide(case, "bug", rosa)
    assert Bug.objects.get().state == "open"
