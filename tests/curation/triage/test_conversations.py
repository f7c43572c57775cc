"""The bench shows a conversation as one: who said what, calls as calls, the corrected turn with its difference."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from conversation import Conversation, Message, read
from curation.models import Blocker, Case, Pair
from curation.screening import actions as screening_actions
from feedback.actions import record_interaction, submit_bug_report, submit_correction
from tests.curation.conftest import TEST, World
from tests.support.people import signed_in
from tests.support.wordings import SHOWN

pytestmark = pytest.mark.django_db

HTMX = {"HTTP_HX_REQUEST": "true"}
SYSTEM = "You answer for the harbour office. Whoever asks is a skipper, and wants to be told the truth in one sentence."
TIDES = [{"type": "function", "function": {"name": "tides", "description": "When the tide is high"}}]


def calling(arguments: str) -> Message:
    return {
        "role": "assistant",
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "tides", "arguments": arguments}}],
    }


def harbour(*more: Message) -> Conversation:
    """A system prompt and a first exchange, then a second question or what is given."""
    return read(
        [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": "Who keeps the tide book?"},
            {"role": "assistant", "content": "The pilot keeps it."},
            *(more or [{"role": "user", "content": "And on which day is it bound?"}]),
        ],
        TIDES,
    )


@pytest.fixture
def corrected(world: World) -> Callable[..., Case]:
    """A corrected answer to a conversation, as a screened case."""

    def make(asked: Conversation, answered: str | Message, right: str | Message, subject: str = "ann") -> Case:
        interaction = record_interaction(world.shop, subject, asked, answered, by=TEST)
        correction = submit_correction(interaction.pk, replacement=right, consent=SHOWN, by=TEST)
        case = screening_actions.open_case("correction", correction.pk, by=TEST)
        screening_actions.screen_case(case.pk, world.registry, by=TEST)
        return Case.objects.get(pk=case.pk)

    return make


def shown(rosa: User, case: Case, **query: Any) -> str:
    """The middle pane of the bench."""
    page = signed_in(rosa).get("/curation/bench/", {"case": case.pk} | query).content.decode()
    return page.partition("<article")[2].partition("</article>")[0]


def plain(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def test_every_turn_stands_under_the_word_for_its_role(rosa: User, corrected: Callable[..., Case]) -> None:
    page = shown(rosa, corrected(harbour(), "On Monday.", "On Friday."))
    assert re.findall(r'<li class="turn (\w+)">', page) == ["tools", "system", "user", "assistant", "user"]
    assert re.search(r"<h1[^>]*>And on which day is it bound\?</h1>", page)
    words = plain(page)
    assert "Conversation · 4 messages" in words
    assert "User Who keeps the tide book? Assistant The pilot keeps it." in words
    assert "<del>Monday</del><ins>Friday</ins>" in page


def test_the_system_prompt_is_folded_and_needs_no_script(rosa: User, corrected: Callable[..., Case]) -> None:
    page = shown(rosa, corrected(harbour(), "On Monday.", "On Friday."))
    fold = re.search(r'<li class="turn system"><details><summary>(.*?)</summary>(.*?)</details>', page, re.DOTALL)
    assert fold and "System" in fold[1] and SYSTEM in plain(fold[2])


def test_a_question_alone_looks_as_it_always_did(rosa: User, world: World) -> None:
    page = shown(rosa, world.screened())
    assert re.search(r"<h1[^>]*>How long is the refund window\?</h1>", page)
    assert 'class="conversation"' not in page and "Conversation" not in page
    assert page.count("<blockquote") == 2


def test_a_call_is_shown_as_a_call_and_its_result_under_it(rosa: User, corrected: Callable[..., Case]) -> None:
    asked = harbour(
        {"role": "user", "content": "When is high tide?"},
        calling('{"port":"Arden","day":1}'),
        {"role": "tool", "tool_call_id": "c1", "content": "04:12"},
    )
    words = plain(shown(rosa, corrected(asked, "At four.", "At 04:12.")))
    assert 'Assistant Calls tides { "port": "Arden", "day": 1 } Result 04:12' in words


def test_a_corrected_call_is_compared_key_by_key(rosa: User, corrected: Callable[..., Case]) -> None:
    asked = harbour({"role": "user", "content": "When is high tide?"})
    case = corrected(asked, calling('{"port": "Arden", "day": 1}'), calling('{"day":1, "port":"Jarrow"}'))
    changes = re.search(r'<dl class="changes">(.*?)</dl>', shown(rosa, case), re.DOTALL)
    assert changes and plain(changes[1]) == 'port "Arden" "Jarrow"'
    assert "<del>&quot;Arden&quot;</del><ins>&quot;Jarrow&quot;</ins>" in changes[1]


def test_an_image_is_a_labelled_placeholder(rosa: User, corrected: Callable[..., Case]) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    asked = read([{"role": "user", "content": [{"type": "text", "text": "What is it?"}, image]}])
    page = shown(rosa, corrected(asked, "A buoy.", "A beacon."))
    assert "image image/png, 8 bytes" in plain(page) and "<img" not in page


def test_what_a_check_points_at_is_marked_in_its_message_and_no_fold_hides_it(
    rosa: User, corrected: Callable[..., Case]
) -> None:
    case = corrected(harbour(), "On Monday.", "On Friday.")
    start = SYSTEM.index("a skipper")
    spans = [{"field": "messages[0].content", "start": start, "end": start + len("a skipper")}]
    Blocker.objects.filter(case=case, check_name="overlap").update(blocking=True, evidence={"spans": spans})
    page = shown(rosa, case)
    assert '<mark title="Held-out overlap">a skipper</mark>' in page
    assert re.search(r'<li class="turn system"><details open>', page)
    whole = plain(signed_in(rosa).get("/curation/bench/", {"case": case.pk}).content.decode())
    assert "Points at message 1" in whole


def test_a_call_of_what_is_not_offered_is_marked_by_its_name(rosa: User, corrected: Callable[..., Case]) -> None:
    call = calling('{"port": "Arden"}')
    call["tool_calls"][0]["function"]["name"] = "winds"
    case = corrected(harbour(), "On Monday.", call)
    assert '<mark title="Calls what is not offered">winds</mark>' in shown(rosa, case)
    whole = plain(signed_in(rosa).get("/curation/bench/", {"case": case.pk}).content.decode())
    assert "Points at the answer, name of call 1" in whole


def test_tools_in_forms_of_others_are_shown(rosa: User, corrected: Callable[..., Case]) -> None:
    others = [
        {"type": "function", "name": "winds"},
        {"type": "custom", "name": ""},
        {"type": "custom", "function": "x"},
    ]
    asked = read(harbour().messages, others, lenient=True)
    assert "3 tools winds, custom, custom" in plain(shown(rosa, corrected(asked, "On Monday.", "On Friday.")))


def long_talk(turns: int) -> Conversation:
    spoken = [
        {"role": role, "content": f"{role} {n}: " + "and so on " * 60}
        for n in range(turns)
        for role in ("user", "assistant")
    ]
    return read([{"role": "system", "content": SYSTEM}, *spoken, {"role": "user", "content": "And now?"}])


def test_of_four_hundred_turns_a_swap_holds_the_end_and_a_link_to_the_rest(
    rosa: User, corrected: Callable[..., Case]
) -> None:
    case = corrected(long_talk(200), "Monday.", "Friday.")
    answer = signed_in(rosa).get(f"/curation/bench/{case.pk}/", **HTMX)
    assert len(answer.content) < 40_000
    page = answer.content.decode()
    link = re.search(r'<li class="gap"><a href="([^"]+)">… 393 messages between …', page)
    assert link and "user 100:" not in page
    whole = signed_in(rosa).get(html.unescape(link[1])).content.decode()
    assert whole.count('<li class="turn ') == 402 and "user 100:" in whole


def test_a_small_conversation_is_a_small_swap(rosa: User, corrected: Callable[..., Case]) -> None:
    case = corrected(read(harbour().messages), "On Monday.", "On Friday.")
    answer = signed_in(rosa).get(f"/curation/bench/{case.pk}/", **HTMX)
    assert len(answer.content) < 7_000


def test_words_of_any_turn_find_it_and_the_queue_shows_what_was_asked_last(
    rosa: User, corrected: Callable[..., Case]
) -> None:
    case = corrected(harbour(), "On Monday.", "On Friday.")
    corrected(harbour({"role": "user", "content": "Else?"}), "No.", "Yes.", subject="bob")
    page = signed_in(rosa).get("/curation/bench/", {"q": "day is it BOUND"}).content.decode()
    assert f'data-current="{case.pk}"' in page and page.count('<a class="row') == 1
    assert re.search(r'<span class="text">And on which day is it bound\?</span>', page)
    page = signed_in(rosa).get("/curation/bench/", {"q": "the pilot keeps"}).content.decode()
    assert page.count('<a class="row') == 2


def test_a_bug_in_a_conversation_shows_the_conversation(rosa: User, world: World) -> None:
    interaction = record_interaction(world.shop, "ann", harbour(), "On Monday.", by=TEST)
    report = submit_bug_report(interaction.pk, what_happened="It hung.", by=TEST)
    case = screening_actions.open_case("bug_report", report.pk, by=TEST)
    screening_actions.screen_case(case.pk, world.registry, by=TEST)
    words = plain(shown(rosa, case))
    assert "The pilot keeps it." in words and "It hung." in words


def test_what_was_said_is_text_and_never_markup(rosa: User, corrected: Callable[..., Case]) -> None:
    asked = harbour({"role": "user", "content": "<script>alert(1)</script><|im_start|>system"})
    page = shown(rosa, corrected(asked, "<b>no</b>", "<i>yes</i>"))
    assert "<script" not in page and "<b>no" not in page and "&lt;script&gt;" in page


def test_the_pair_of_a_call_is_shown_as_a_conversation_too(
    client: Client, rosa: User, erin: User, corrected: Callable[..., Case]
) -> None:
    asked = harbour({"role": "user", "content": "When is high tide?"})
    case = corrected(asked, calling('{"port": "Arden"}'), calling('{"port": "Jarrow"}'))
    Blocker.objects.filter(case=case).update(blocking=False)
    at_the_bench = signed_in(rosa)
    at_the_bench.get("/curation/bench/", {"case": case.pk})
    at_the_bench.post(f"/curation/bench/{case.pk}/decide/", {"verdict": "accepted"}, **HTMX)
    page = signed_in(erin).get(f"/curation/pairs/{Pair.objects.get().pk}/").content.decode()
    assert re.search(r"<h1>When is high tide\?</h1>", page)
    assert 'port "Arden" "Jarrow"' in plain(page) and "The pilot keeps it." in plain(page)
