"""Conversations in the lists of feedback and bugs, and on the page of a bug."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from conversation import Conversation, Message, read
from feedback.actions import record_interaction, submit_bug_report, submit_correction
from feedback.models import Bug, Source
from tests.support.people import person, signed_in

pytestmark = pytest.mark.django_db
TEST = "process:test"
TIDES = [{"type": "function", "function": {"name": "tides", "description": "When the tide is high"}}]


def calling(arguments: str) -> Message:
    call = {"id": "c1", "type": "function", "function": {"name": "tides", "arguments": arguments}}
    return {"role": "assistant", "tool_calls": [call]}


def harbour(question: str = "And on which day is it bound?") -> Conversation:
    spoken = [("system", "You answer for the harbour office. " * 4), ("user", "Who keeps the tide book?")]
    spoken += [("assistant", "The pilot keeps it."), ("user", question)]
    return read([{"role": role, "content": words} for role, words in spoken], TIDES)


def plain(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def opened(user: User, path: str) -> str:
    answer = signed_in(user).get(path)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def erin(db: None) -> User:
    return person("erin", "engineer")


@pytest.fixture
def bug(shop: Source) -> Bug:
    asked = record_interaction(shop, "ann", harbour(), calling('{"port": "Arden"}'), model_name="base", by=TEST)
    report = submit_bug_report(asked.pk, what_happened="It hung.", expected="A day.", by=TEST)
    return Bug.objects.get(receipt_id=report.pk)


def test_the_list_of_feedback_says_what_was_asked_last_and_what_is_called(shop: Source, rosa: User) -> None:
    asked = record_interaction(shop, "ann", harbour(), calling('{"port": "Arden"}'), by=TEST)
    submit_correction(asked.pk, replacement=calling('{"port": "Jarrow"}'), by=TEST)
    page = opened(rosa, "/feedback/")
    assert 'calls tides {"port": "Jarrow"} About: And on which day is it bound? · turn 2' in plain(page)
    assert "system:" not in page and "[calls" not in page


def test_the_bug_list_does_too_and_leads_to_the_bug(bug: Bug, erin: User) -> None:
    page = opened(erin, "/feedback/bugs/")
    assert "It hung. Expected: A day. About: And on which day is it bound? · turn 2" in plain(page)
    assert f'href="/feedback/bugs/{bug.pk}/">Bug {bug.pk}</a>' in page and "system:" not in page


def test_a_bug_has_a_page_with_the_conversation_in_which_it_happened(bug: Bug, erin: User) -> None:
    page = opened(erin, f"/feedback/bugs/{bug.pk}/")
    assert re.findall(r'<li class="turn (\w+)">', page) == ["tools", "system", "user", "assistant", "user"]
    assert re.search(r'<li class="turn system"><details><summary>', page), "folded"
    words = plain(page)
    for shown in ("It hung.", "Expected A day.", "The pilot keeps it.", 'Calls tides { "port": "Arden" }'):
        assert shown in words


def test_it_is_moved_there(bug: Bug, erin: User, rosa: User) -> None:
    here = f"/feedback/bugs/{bug.pk}/"
    assert f'name="next" value="{here}"' in opened(erin, here) and "/move/" not in opened(rosa, here)
    answer = signed_in(erin).post(f"{here}move/", {"state": "taken", "next": here})
    assert answer["Location"] == here
    assert "In work" in plain(opened(erin, here))


def test_a_bug_about_a_question_alone_shows_question_and_answer(shop: Source, erin: User) -> None:
    asked = record_interaction(shop, "ann", "How long is the refund window?", "14 days.", by=TEST)
    report = submit_bug_report(asked.pk, what_happened="It hung.", by=TEST)
    words = plain(opened(erin, f"/feedback/bugs/{Bug.objects.get(receipt_id=report.pk).pk}/"))
    assert "Question How long is the refund window? Model answered 14 days." in words


def test_who_may_read_it(bug: Bug, outsider: User) -> None:
    path = f"/feedback/bugs/{bug.pk}/"
    assert signed_in(outsider).get(path).status_code == 403 and Client().get(path).status_code == 302
    assert signed_in(person("cleo", "compliance")).get(path).status_code == 200
    assert signed_in(person("eve", "engineer")).get("/feedback/bugs/999999/").status_code == 404


def test_more_rows_take_no_more_queries(
    shop: Source, erin: User, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for number in range(20):
        asked = record_interaction(shop, f"u-{number}", harbour(f"And number {number}?"), calling("{}"), by=TEST)
        submit_bug_report(asked.pk, what_happened="It hung.", by=TEST)
        submit_correction(asked.pk, replacement=calling('{"day": 2}'), by=TEST)
    client = signed_in(erin)
    for path in ("/feedback/", "/feedback/bugs/", f"/feedback/bugs/{Bug.objects.latest('pk').pk}/"):
        client.get(path)
        with django_assert_max_num_queries(12):
            page = client.get(path)
        assert page.status_code == 200 and len(page.content) < 60_000
