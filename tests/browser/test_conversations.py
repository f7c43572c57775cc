"""A conversation from the playground to the verdict, in a browser: by keys, without a script, with Back, on a phone."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User

from curation.decontamination.registry import Registry
from curation.models import Case, Pair
from curation.screening import actions as screening_actions
from feedback.actions import open_playground, record_interaction, submit_correction
from feedback.models import Correction, Source
from tests.curation.conftest import EXAM, KEY, TEST, adopt
from tests.curation.triage.test_conversations import calling, harbour
from tests.support import serving_rows
from tests.support.live import look
from tests.support.people import person
from tests.support.servers import ScriptedModelServer, web_server
from tests.support.wordings import SHOWN

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "vault"])]

FIRST, SECOND = "Who keeps the tide book?", "And on which day is it bound?"


@pytest.fixture
def rosa(db: None) -> User:
    return person("rosa", "reviewer")


@pytest.fixture
def registry(db: None) -> Registry:
    """Epoch 1, adopted."""
    built = Registry.from_bytes(Registry.build(EXAM, KEY), KEY, number=1)
    adopt(built)
    return built


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModelServer]:
    server = ScriptedModelServer().start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def web(model: ScriptedModelServer, django_db_setup: None) -> Iterator[Any]:
    server = web_server(model.url).start()
    yield server
    server.kill()


@pytest.fixture
def open_web(browser: Any, web: Any, db: None) -> Iterator[Callable[..., Any]]:
    """`open_web()` is a visitor's page on the real web process, whose visitors are all of the training lane."""
    serving_rows.base_release()
    Source.objects.filter(pk=open_playground().pk).update(held_out_percent=0)
    contexts, complaints = [], []

    def open_one(**options: Any) -> Any:
        contexts.append(browser.new_context(base_url=web.url, **options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: complaints.append(f"script error: {error}"))
        page.on("console", lambda said: "Content Security Policy" in said.text and complaints.append(said.text))
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


def ask(page: Any, question: str) -> None:
    """By keyboard, and wait until the answer is recorded."""
    before = page.locator("[data-feedback]:not([hidden])").count()
    page.focus("[name=prompt]")
    page.keyboard.type(question)
    page.keyboard.press("Enter")
    page.wait_for_function("n => document.querySelectorAll('[data-feedback]:not([hidden])').length > n", arg=before)


def turns(page: Any) -> list[str]:
    return [text.strip() for text in page.locator(".chat .turn > p").all_inner_texts()]


def screened(correction: Correction, registry: Registry) -> Case:
    case = screening_actions.open_case("correction", correction.pk, by=TEST)
    screening_actions.screen_case(case.pk, registry, by=TEST)
    return case


def test_a_second_turn_is_asked_gone_back_to_corrected_and_accepted_with_one_key(
    open_web: Callable[..., Any],
    open_live: Callable[..., Any],
    model: ScriptedModelServer,
    registry: Registry,
    rosa: User,
) -> None:
    page = open_web()
    page.goto("/playground/")
    model.script = ["The pilot ", "keeps it."]
    ask(page, FIRST)
    model.script = ["On Monday."]
    ask(page, SECOND)
    said = [FIRST, "The pilot keeps it.", SECOND, "On Monday."]
    assert turns(page) == said
    assert [message["content"] for message in model.requests[-1]["messages"]] == said[:3]

    page.locator("[data-feedback]").last.click()
    page.wait_for_selector(".conversation")
    assert page.locator(".conversation .who").all_inner_texts() == ["User", "Assistant", "User"]
    page.go_back()
    page.wait_for_selector(".chat")
    assert turns(page) == said, "the conversation is still there"
    page.reload()
    assert turns(page) == said
    assert look(page) == []

    page.locator(".turn.model a").last.click()
    page.click("summary:has-text('I know the right answer')")
    page.get_by_label("The right answer").fill("On Friday.")
    page.click("nav >> text=Playground")
    page.go_back()
    assert page.get_by_label("The right answer").input_value() == "On Friday.", "nor is what was typed lost"
    page.locator(".door.k-correction .consent input").check()
    page.click("text=Send the correction")
    page.wait_for_url(re.compile("/feedback/mine/"))
    page.click("text=Back to the playground")
    assert turns(page) == said

    correction = Correction.objects.get()
    screened(correction, registry)
    bench = open_live(rosa)
    bench.goto("/curation/bench/")
    assert bench.inner_text("h1") == SECOND
    assert bench.locator(".answer ins").inner_text() == "Friday"
    bench.keyboard.press("a")
    bench.wait_for_selector("text=Accepted #")
    pair = Pair.objects.get()
    assert [message["content"] for message in pair.asked.messages] == said[:3]
    assert pair.chosen == "On Friday."


def test_without_a_script_a_conversation_goes_on_and_back(
    open_web: Callable[..., Any], model: ScriptedModelServer
) -> None:
    page = open_web(java_script_enabled=False)
    page.goto("/playground/")
    for question, answer in ((FIRST, "The pilot keeps it."), (SECOND, "On Monday.")):
        model.script = [answer]
        page.fill("[name=prompt]", question)
        page.click("form.prompt button")
        page.wait_for_url(re.compile("after="))
    said = [FIRST, "The pilot keeps it.", SECOND, "On Monday."]
    assert turns(page) == said
    page.go_back()
    assert turns(page) == said[:2]
    page.go_forward()
    assert turns(page) == said
    page.locator("text=Give feedback on this answer").first.click()
    assert page.locator(".conversation").count() == 0, "the first answer followed on one question"
    assert FIRST in page.inner_text("main")
    page.go_back()
    page.click("text=New conversation")
    assert turns(page) == []


def test_a_call_is_read_and_accepted_by_keyboard_in_both_schemes_and_on_a_phone(
    open_live: Callable[..., Any], registry: Registry, rosa: User
) -> None:
    source = serving_rows.source(name="harbour")
    asked = harbour(
        {"role": "user", "content": "When is high tide at Arden?"},
        calling('{"port": "Arden", "day": 1}'),
        {"role": "tool", "tool_call_id": "c1", "content": "04:12"},
        {"role": "assistant", "content": "At 04:12."},
        {"role": "user", "content": "And the day after?"},
    )
    interaction = record_interaction(source, "ann", asked, calling('{"port":"Arden","day":1}'), by=TEST)
    right = calling('{"day":2,"port":"Arden"}')
    correction = submit_correction(interaction.pk, replacement=right, consent=SHOWN, by=TEST)
    screened(correction, registry)
    page = open_live(rosa)
    page.goto("/curation/bench/")
    assert look(page) == []
    assert page.locator(".changes").inner_text().split() == ["day", "12"]
    system = page.locator(".turn.system summary")
    assert "You answer for the harbour office." in system.inner_text()
    system.focus()
    page.keyboard.press("Enter")
    assert page.locator(".turn.system .words").is_visible()
    assert look(page) == []
    page.keyboard.press("a")
    page.wait_for_selector("text=Accepted #")
    assert Pair.objects.get().chosen_answer == correction.right_answer


def test_a_call_can_be_read_without_a_script(open_live: Callable[..., Any], registry: Registry, rosa: User) -> None:
    source = serving_rows.source(name="harbour")
    interaction = record_interaction(source, "ann", harbour(), calling('{"day":1}'), by=TEST)
    screened(submit_correction(interaction.pk, replacement=calling('{"day":2}'), by=TEST), registry)
    page = open_live(rosa, java_script_enabled=False)
    page.goto("/curation/bench/")
    page.click(".turn.system summary")
    assert page.locator(".turn.system .words").is_visible()
    assert page.locator(".changes").is_visible()
