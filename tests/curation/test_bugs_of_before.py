"""Reports and verdicts from before there was a bug list are on it after the upgrade."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from curation.models import Case
from curation.screening import tasks as screening_tasks
from curation.triage import actions
from feedback.actions import record_interaction, submit_bug_report
from feedback.models import Bug, Source
from tests.curation.conftest import TEST, publish


@pytest.mark.django_db(transaction=True, databases=["default", "vault"])
def test_what_was_there_before_is_listed(vault: Any, shop: Source, corrected: Callable[..., Any], rosa: User) -> None:
    publish(1)
    asked = record_interaction(shop, "ann", "How long?", "14 days.", by=TEST)
    kept, none = (submit_bug_report(asked.pk, what_happened=words, by=TEST) for words in ("It hung.", "Hello."))
    other = corrected("Who owns it?")
    for kind, feedback, verdict in (("bug_report", none, "rejected"), ("correction", other, "bug")):
        screening_tasks.screen(kind, str(feedback.pk))
        case = Case.objects.get(**{kind: feedback.pk})
        actions.claim_case(rosa, case.pk)
        actions.decide_case(case.pk, verdict, by=rosa)
    expected = {kept.pk: "open", none.pk: "dropped", other.pk: "open"}
    assert dict(Bug.objects.values_list("receipt_id", "state")) == expected
    try:
        call_command("migrate", "curation", "0002", verbosity=0)
        call_command("migrate", "feedback", "0002", verbosity=0)
    finally:
        call_command("migrate", verbosity=0)
        call_command("provision", verbosity=0)
    assert dict(Bug.objects.values_list("receipt_id", "state")) == expected
