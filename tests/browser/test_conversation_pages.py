"""Conversations on the console's pages, posted through the API, in a browser: accessible, by keys, without a script."""

import json
from collections.abc import Callable
from itertools import count
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User

from curation.datasets import actions as dataset_actions
from curation.decontamination.registry import Registry
from curation.inquiries import actions as inquiry_actions
from curation.models import Case, Pair, ReplayRow
from curation.screening import actions as screening_actions
from curation.triage import actions as triage_actions
from curation.triage.override_actions import request_override
from feedback.actions import issue_api_key, register_source
from feedback.models import Bug
from tests.curation.conftest import EXAM, KEY, TEST, adopt
from tests.support.live import look
from tests.support.people import person
from tests.support.wordings import SHOWN

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, databases=["default", "vault"])]

SYSTEM = "You answer for the harbour office of Arden. Whoever asks is a skipper, in a hurry, and wants one sentence."
TIDES = {
    "type": "function",
    "function": {
        "name": "tides",
        "description": "When the tide is high at a port, and how high.",
        "parameters": {"type": "object", "properties": {"port": {"type": "string"}, "day": {"type": "integer"}}},
    },
}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def call(arguments: str, identity: str = "c1") -> dict[str, Any]:
    return {"id": identity, "type": "function", "function": {"name": "tides", "arguments": arguments}}


def calling(arguments: str, identity: str = "c1") -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": [call(arguments, identity)]}


def said(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


CALLED = [
    said("system", SYSTEM),
    said("user", "Who keeps the tide book?"),
    said("assistant", "The pilot keeps it. " + "He writes the tides into it. " * 25),
    said("user", "And when is high tide at Arden tomorrow?"),
    calling('{"port": "Arden", "day": 1}'),
    {"role": "tool", "tool_call_id": "c1", "content": "04:12, 5.1 m; 16:40, 4.9 m"},
    said("assistant", "At 04:12 and at 16:40."),
    said("user", "And the day after?"),
]
SEEN = [said("system", SYSTEM), said("user", [{"type": "text", "text": "What is on this buoy?"}, IMAGE])]
LEAKED = [said("user", "Good morning."), said("assistant", "Good morning, skipper."), said("user", EXAM[0][2])]


class Harbour:
    """A source that posts to the API of the live server, and what screening and people make of it."""

    def __init__(self, url: str, registry: Registry, rosa: User):
        source = register_source("harbour", "Harbour office", held_out_percent=0, by=TEST)
        token = issue_api_key(source, "tests", by=TEST)[1]
        headers = {"Authorization": f"Bearer {token}"}
        self.http = httpx.Client(base_url=f"{url}/api/v1/", headers=headers, timeout=60)
        self.registry, self.rosa, self.numbers = registry, rosa, count(1)

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self.http.post(f"{path}/", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def asked(self, messages: list[Any], answer: Any, subject: str = "skipper-1") -> dict[str, str]:
        """What feedback on the answer names."""
        about = {"subject": subject, "external_id": f"chat-{next(self.numbers)}"}
        self.post("interactions", **about, messages=messages, answer=answer, tools=[TIDES], model_name="base-2")
        return about

    def corrected(self, messages: list[Any], answer: Any, right: Any, subject: str = "skipper-1") -> Case:
        about = self.asked(messages, answer, subject)
        correction = self.post("corrections", **about, replacement=right, consent=SHOWN)
        case = screening_actions.open_case("correction", correction["id"], by=TEST)
        screening_actions.screen_case(case.pk, self.registry, by=TEST)
        return Case.objects.get(pk=case.pk)

    def accepted(self, *exchange: Any, **more: Any) -> Pair:
        case = self.corrected(*exchange, **more)
        triage_actions.claim_case(self.rosa, case.pk)
        triage_actions.decide_case(case.pk, "accepted", by=self.rosa)
        return Pair.objects.get(correction=case.correction_id)


@pytest.fixture
def rosa(db: None) -> User:
    return person("rosa", "reviewer")


@pytest.fixture
def olga(db: None) -> User:
    """Somebody who may open every page."""
    return person("olga", "reviewer", "lead", "engineer", "compliance")


@pytest.fixture
def harbour(live_server: Any, rosa: User) -> Harbour:
    registry = Registry.from_bytes(Registry.build(EXAM, KEY), KEY, number=1)
    adopt(registry)
    return Harbour(live_server.url, registry, rosa)


@pytest.fixture
def pages(harbour: Harbour, olga: User) -> list[str]:
    """Every page on which a conversation stands."""
    pair = harbour.accepted(CALLED, calling('{"port": "Arden", "day": 1}'), calling('{"port": "Arden", "day": 2}'))
    replayed = {"skill": "tools", "messages": CALLED[:6], "tools": [TIDES], "answer": "At 04:12 and at 16:40."}
    dataset_actions.import_replay_rows([replayed], by=TEST)
    screening_actions.screen_replay_rows(10, harbour.registry, by=TEST)
    dataset = dataset_actions.freeze_dataset("Tides", {"replay_count": 1, "longer": "take"}, by=olga)
    harbour.post(
        "bug-reports", **harbour.asked(SEEN, "A seal."), what_happened="It is a cormorant.", expected="A bird."
    )
    leaked = harbour.corrected(LEAKED, "Thirty.", "Twenty wagons reach Jarrow in the evening.", subject="skipper-2")
    request_override(leaked.pk, "overlap", "It is our own timetable.", by=harbour.rosa)
    return [
        "/curation/pairs/",
        f"/curation/pairs/{pair.pk}/",
        f"/curation/datasets/{dataset.pk}/",
        f"/curation/replay/{ReplayRow.objects.get().pk}/",
        "/curation/overrides/",
        "/feedback/",
        "/feedback/bugs/",
        f"/feedback/bugs/{Bug.objects.get().pk}/",
    ]


@pytest.mark.slow
def test_every_page_is_accessible_in_both_schemes_and_fits_a_phone(
    pages: list[str], open_live: Callable[..., Any], olga: User
) -> None:
    page = open_live(olga)
    for path in pages:
        assert page.goto(path).status == 200
        assert (path, look(page)) == (path, [])
        assert "system:" not in page.inner_text("main") and "[calls" not in page.inner_text("main")


def test_from_the_list_to_a_bug_by_keyboard_and_it_is_taken_without_a_script(
    harbour: Harbour, open_live: Callable[..., Any], olga: User
) -> None:
    harbour.post("bug-reports", **harbour.asked(CALLED, "At noon."), what_happened="It hung.")
    page = open_live(olga)
    page.goto("/feedback/bugs/")
    page.get_by_role("link", name=f"Bug {Bug.objects.get().pk}").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".conversation")
    assert page.locator(".conversation > .turn > details:not([open])").count() == 3, "tools, system and a long turn"
    page.locator(".turn.system summary").focus()
    page.keyboard.press("Enter")
    assert page.locator(".turn.system .words").inner_text() == SYSTEM
    assert page.locator(".result").inner_text().split("\n")[-1] == "04:12, 5.1 m; 16:40, 4.9 m"
    assert look(page) == []

    plain = open_live(olga, java_script_enabled=False)
    plain.goto(page.url)
    plain.click(".turn.system summary")
    assert plain.locator(".turn.system .words").is_visible()
    plain.get_by_role("button", name="Take").click()
    assert plain.url == page.url and "In work" in plain.inner_text("header.title")


def test_what_overlaps_is_marked_in_its_turn_for_the_lead(
    harbour: Harbour, open_live: Callable[..., Any], olga: User
) -> None:
    leaked = harbour.corrected(LEAKED, "Thirty.", "Twenty wagons reach Jarrow.")
    request_override(leaked.pk, "overlap", "It is our own timetable.", by=harbour.rosa)
    page = open_live(olga)
    page.goto("/curation/overrides/")
    marked = page.locator(".conversation .turn mark")
    assert "freight train leaves Arden" in marked.first.inner_text()
    assert page.locator(".conversation .turn:has(mark)").count() == 1
    page.keyboard.press("c")
    page.get_by_text("Confirmed: the case may be accepted.").wait_for()


def test_a_pasted_conversation_is_told_where_it_overlaps(
    harbour: Harbour, open_live: Callable[..., Any], olga: User
) -> None:
    inquiry = inquiry_actions.ask_overlap(json.dumps(LEAKED), by=olga)
    inquiry_actions.answer_inquiry(inquiry.pk, harbour.registry, by=TEST)
    page = open_live(olga)
    page.goto(f"/curation/check/{inquiry.pk}/")
    assert "Message 3 messages[2].content, characters 1 to" in page.inner_text("#answer")
    assert look(page) == []
