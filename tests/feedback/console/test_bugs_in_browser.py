"""The bug list in a browser: accessible in both schemes, fit for a phone, and usable without scripts."""

from collections.abc import Callable
from typing import Any

import pytest

from feedback.actions import record_interaction, submit_bug_report
from feedback.models import Bug, Source
from tests.support.live import look
from tests.support.people import person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_an_engineer_takes_a_bug(open_live: Callable[..., Any], shop: Source, scripts: bool) -> None:
    asked = record_interaction(shop, "ann", "How long is the refund window?", "14 days.", by="process:test")
    submit_bug_report(asked.pk, what_happened="It hung. " * 20, expected="An answer.", by="process:test")
    page = open_live(person("erin", "engineer"), java_script_enabled=scripts)
    page.goto("/feedback/bugs/")
    page.click("td summary")
    if scripts:
        assert look(page) == []
    page.click("button[value=taken]")
    page.wait_for_selector("text=No bug of this sort")
    assert Bug.objects.get().state == "taken"
