"""A session that ends while somebody writes, in the playground and on the feedback page: no word is lost."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.models import Session

from feedback.models import Correction, Interaction
from tests.browser.test_conversations import FIRST, SECOND, ask, model, open_web, turns, web  # noqa: F401
from tests.support.live import look
from tests.support.people import person
from tests.support.servers import ScriptedModelServer

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "vault"])]
THIRD = "Who binds it?"


@pytest.fixture
def talking(open_web: Callable[..., Any], model: ScriptedModelServer) -> Any:  # noqa: F811
    """A page of the playground with two answers."""
    page = open_web()
    page.goto("/playground/")
    for question, answer in ((FIRST, "The pilot."), (SECOND, "On Monday.")):
        model.script = [answer]
        ask(page, question)
    return page


def send(page: Any, question: str) -> None:
    page.fill("[name=prompt]", question)
    page.press("[name=prompt]", "Enter")


def test_the_playground_says_so_keeps_the_question_and_begins_anew(
    talking: Any,
    model: ScriptedModelServer,  # noqa: F811
) -> None:
    Session.objects.all().delete()
    send(talking, THIRD)
    talking.wait_for_selector(".turn.model.bad")
    assert "is not kept any more" in talking.inner_text(".turn.model.bad")
    assert talking.input_value("[name=prompt]") == THIRD and "after=" not in talking.url
    model.script = ["The clerk."]
    ask(talking, "")
    assert [interaction.turn for interaction in Interaction.objects.order_by("created_at")] == [1, 2, 1]
    talking.reload()
    assert turns(talking) == [THIRD, "The clerk."]


def test_who_signs_in_meanwhile_goes_on_where_the_conversation_was(
    talking: Any,
    model: ScriptedModelServer,  # noqa: F811
) -> None:
    rosa = person("rosa", "reviewer")
    rosa.set_password("a long enough one")
    rosa.save()
    other = talking.context.new_page()
    other.goto("/accounts/login/")
    other.fill("[name=username]", "rosa")
    other.fill("[name=password]", "a long enough one")
    other.press("[name=password]", "Enter")
    other.wait_for_url(re.compile("/curation/|/$"))
    model.script = ["The clerk."]
    ask(talking, THIRD)
    assert turns(talking)[-2:] == [THIRD, "The clerk."]
    assert [interaction.turn for interaction in Interaction.objects.order_by("created_at")] == [1, 2, 3]


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_the_feedback_page_gives_back_what_was_written(
    open_web: Callable[..., Any],  # noqa: F811
    model: ScriptedModelServer,  # noqa: F811
    script: bool,
) -> None:
    page = open_web(java_script_enabled=script)
    page.goto("/playground/")
    model.script = ["On Monday."]
    page.fill("[name=prompt]", FIRST)
    page.click("form.prompt button")
    page.locator(".turn.model a").last.click()
    page.click("summary:has-text('I know the right answer')")
    page.get_by_label("The right answer").fill("On Friday, <at> noon.")
    page.reload()
    if not page.get_by_label("The right answer").is_visible():
        page.click("summary:has-text('I know the right answer')")
    page.get_by_label("The right answer").fill("On Friday, <at> noon.")
    Session.objects.all().delete()
    page.click("text=Send the correction")
    page.wait_for_selector("h1:has-text('It was not sent')")
    assert page.get_by_label("The right answer").input_value() == "On Friday, <at> noon."
    assert not Correction.objects.exists()
    assert not script or look(page) == []
    page.go_back()
    assert "not for this browser" in page.inner_text("h1") and page.get_by_role("link", name="Sign in as").is_visible()
