"""A case and an override with several items: read in both schemes, on a desk and on a phone."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from curation.triage.override_actions import request_override
from tests.curation.conftest import World
from tests.curation.triage.test_override_covers_items import LIGHT, PROMPT, registry_of, screened_under
from tests.support.live import look
from tests.support.people import person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "vault"])]


def test_the_items_are_read_and_fit(open_live: Callable[..., Any], world: World, rosa: User) -> None:
    case = screened_under(world.case(PROMPT, right="Twenty."), registry_of(2, LIGHT))
    page = open_live(rosa)
    page.goto(f"/curation/bench/?case={case.pk}")
    assert page.locator(".checks .items tr").count() == 1 + 2
    assert look(page) == []
    request_override(case.pk, "overlap", "Riddles that are printed everywhere.", by=rosa)
    leads = open_live(person("lea", "lead"))
    leads.goto("/curation/overrides/")
    assert leads.locator(".items caption").inner_text().startswith("2 items")
    assert look(leads) == []
