"""A request that fails says so on the page, and can be tried again; an ended session leads to the sign-in."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session

from curation.models import Case
from curation.screening import tasks as screening_tasks
from tests.curation.conftest import publish
from tests.support.live import look

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "vault"])]

BANNER = "#failure"


@pytest.fixture
def bench(open_live: Callable[..., Any], rosa: User, three_cases: list[Case]) -> Any:
    page = open_live(rosa)
    page.goto("/curation/bench/")
    return page


@pytest.fixture
def three_cases(vault: Any, corrected: Callable[..., Any]) -> list[Case]:
    publish(1)
    for prompt in ("How long is the refund window?", "Who owns the blue door?", "Where is Otto?"):
        screening_tasks.screen("correction", str(corrected(prompt, subject=prompt).pk))
    return list(Case.objects.order_by("id"))


def current(page: Any) -> int:
    return int(page.get_attribute("#case", "data-current"))


def test_offline_a_key_shows_a_banner_and_try_again_does_it(bench: Any, three_cases: list[Case]) -> None:
    bench.context.set_offline(True)
    bench.keyboard.press("r")
    bench.wait_for_selector(BANNER)
    assert "cannot be reached" in bench.inner_text(BANNER)
    assert current(bench) == three_cases[0].pk
    bench.keyboard.press("r")  # the key waits for nothing: nothing is in flight any more
    bench.wait_for_selector(BANNER)
    bench.context.set_offline(False)
    bench.click(f"{BANNER} button")
    bench.wait_for_selector(f"#case[data-current='{three_cases[1].pk}']")
    assert not bench.is_visible(BANNER)
    assert Case.objects.get(pk=three_cases[0].pk).verdict == "rejected"


def test_an_answer_of_500_shows_the_banner_in_both_schemes(bench: Any, three_cases: list[Case]) -> None:
    bench.route("**/decide/", lambda route: route.fulfill(status=503, body="no"))
    bench.keyboard.press("a")
    bench.wait_for_selector(BANNER)
    assert "503" in bench.inner_text(BANNER)
    assert look(bench) == []
    bench.unroute("**/decide/")
    bench.focus(f"{BANNER} button")
    bench.keyboard.press("Enter")
    bench.wait_for_selector(f"#case[data-current='{three_cases[1].pk}']")
    assert Case.objects.get(pk=three_cases[0].pk).verdict == "accepted"


def test_an_ended_session_leads_to_the_sign_in_and_back(bench: Any, rosa: User) -> None:
    Session.objects.all().delete()
    rosa.set_password("a long enough one")
    rosa.save()
    bench.keyboard.press("a")
    bench.wait_for_url(re.compile("/accounts/login/"))
    bench.fill("[name=username]", "rosa")
    bench.fill("[name=password]", "a long enough one")
    bench.press("[name=password]", "Enter")
    bench.wait_for_url(re.compile("/curation/bench/$"))
    assert bench.is_visible("#case[data-current]")


def test_a_poll_of_an_ended_session_leaves_what_is_being_written(bench: Any) -> None:
    bench.fill(".search input[name=q]", "half a sentence")
    Session.objects.all().delete()
    bench.evaluate("htmx.trigger(document.body, 'counts')")
    bench.wait_for_selector(BANNER)
    assert "session has ended" in bench.inner_text(BANNER)
    assert bench.input_value(".search input[name=q]") == "half a sentence"
    assert bench.inner_html(".pipeline").count("<li>") == 6  # no form in the header
    bench.click(f"{BANNER} button")
    bench.wait_for_url(re.compile("/accounts/login/"))
