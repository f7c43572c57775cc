"""Check a text, in a browser: by keyboard, in both schemes, on a phone, and without scripts."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User

from curation.inquiries import actions as inquiry_actions
from curation.inquiries import tasks as inquiry_tasks
from curation.models import Inquiry
from tests.curation.conftest import EXAM, publish
from tests.support.live import look
from tests.support.people import person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "vault"])]

PAGE = "/curation/check/"
LEAKED = EXAM[0][2]


@pytest.fixture
def open_as(open_live: Any, vault: Any) -> Iterator[Callable[..., Any]]:
    """A page of somebody who is signed in, with an exam published; any error on its console fails the test."""
    publish(1)
    complaints: list[str] = []

    def open_one(user: User, **options: Any) -> Any:
        page = open_live(user, **options)
        page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
        return page

    yield open_one
    assert complaints == []


def test_by_keyboard_the_answer_comes_by_itself_and_the_text_stays(open_as, rosa):
    page = open_as(rosa)
    page.goto(PAGE)
    page.get_by_label("Question or passage").focus()
    page.keyboard.insert_text(LEAKED)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("The screener is looking").wait_for()
    assert look(page) == []
    inquiry_tasks.answer_waiting()
    page.get_by_role("heading", name="Overlaps").wait_for()
    assert look(page) == []
    assert page.get_by_label("Question or passage").input_value() == LEAKED
    assert page.url.endswith(PAGE)


def test_without_scripts_a_reload_shows_the_answer(open_as, rosa):
    page = open_as(rosa, java_script_enabled=False)
    page.goto(PAGE)
    page.get_by_label("Question or passage").fill(LEAKED)
    page.get_by_role("button", name="Check", exact=True).click()
    page.get_by_text("The screener is looking").wait_for()
    inquiry_tasks.answer_waiting()
    page.get_by_role("link", name="refresh it").click()
    assert page.get_by_role("heading", name="Overlaps").is_visible()
    assert "gravel" not in page.content()


def test_a_refusal_stands_beside_the_form(open_as, rosa):
    page = open_as(rosa)
    page.goto(PAGE)
    page.get_by_role("button", name="Check", exact=True).click()
    page.get_by_text("There is no text to check.").first.wait_for()
    assert look(page) == []


def test_compliance_settles_an_alert(open_as, rosa):
    words = LEAKED.split()
    for number in range(9):
        inquiry_actions.ask_overlap(" ".join([*words, f"w{number}"]), by=rosa)
    inquiry_tasks.answer_waiting()
    page = open_as(person("cleo", "compliance"))
    page.goto("/")
    page.get_by_role("link", name="check alert").click()
    assert look(page) == []
    page.get_by_role("button", name="Settle").click()
    page.get_by_text("rosa may check texts again.").first.wait_for()
    assert inquiry_actions.ask_overlap("Again.", by=rosa).state == Inquiry.State.WAITING
