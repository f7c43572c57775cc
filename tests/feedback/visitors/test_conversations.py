"""Feedback on a turn of a conversation: what led to the answer is shown, and a call is corrected as a call."""

import html
import json
import re
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from conversation import Conversation, Message, read
from feedback.actions import open_playground, record_interaction
from feedback.models import Correction, Interaction, Receipt, Source
from feedback.visitors.sessions import cache_exchange, cached_exchange, feedback_url
from tests.feedback.visitors.test_give_feedback import visitor, without_tokens

TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in ("tides", "weather")
]


def calling(*arguments: str, name: str = "tides") -> Message:
    calls = [
        {"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": one}}
        for n, one in enumerate(arguments)
    ]
    return {"role": "assistant", "tool_calls": calls}


def harbour(tools: Any = None) -> Conversation:
    return read(
        [
            {"role": "system", "content": "You answer for the harbour office."},
            {"role": "user", "content": "Who keeps the tide book?"},
            {"role": "assistant", "content": "The pilot keeps it."},
            {"role": "user", "content": "And when is high tide?"},
        ],
        tools,
    )


def recorded(asked: Conversation, answered: str | Message, name: str = "v-1") -> Interaction:
    interaction = record_interaction(open_playground(), name, asked, answered, by="visitor")
    cache_exchange(interaction.pk, asked, answered)
    return interaction


@pytest.fixture(params=[0, 100], ids=["training", "held_out"])
def lane(request, db):
    Source.objects.filter(pk=open_playground().pk).update(held_out_percent=request.param)


def send(interaction: Interaction, **fields: str) -> Any:
    form = {"door": "correction", "correction-reason": "other"}
    form |= {f"correction-{name}": value for name, value in fields.items()}
    return visitor().post(feedback_url(interaction.pk), form)


def test_the_page_shows_the_conversation_that_led_to_the_answer(lane):
    page = visitor().get(feedback_url(recorded(harbour(), "At four.").pk)).content.decode()
    assert re.findall(r'<li class="turn (\w+)">', page) == ["system", "user", "assistant", "user"]
    assert "The pilot keeps it." in page and "At four." in page


def test_it_is_the_same_in_both_lanes(db):
    pages = []
    for percent in (0, 100):
        Source.objects.filter(pk=open_playground().pk).update(held_out_percent=percent)
        interaction = recorded(harbour(TOOLS), calling('{"port": "Arden"}'), f"v-{percent}")
        pages.append(without_tokens(visitor(f"v-{percent}").get(feedback_url(interaction.pk)).content))
    assert set(Interaction.objects.values_list("lane", flat=True)) == {"training", "held_out"}
    assert pages[0] == pages[1]


def test_a_conversation_waits_in_the_cache_whole_and_encrypted(lane):
    interaction = recorded(harbour(TOOLS), calling('{"port": "Arden"}'))
    kept = cached_exchange(interaction.pk)
    assert (kept.asked, kept.answered) == (harbour(TOOLS), calling('{"port": "Arden"}'))
    assert kept.question == "And when is high tide?"
    assert "Arden" not in cache.get(f"feedback:exchange:{interaction.pk}")


def test_the_form_offers_the_arguments_of_a_call_as_json(lane):
    page = visitor().get(feedback_url(recorded(harbour(TOOLS), calling('{"port":"Arden","day":1}')).pk))
    text = html.unescape(page.content.decode())
    field = re.search(r'<textarea name="correction-call_0_arguments"[^>]*>\s*(.*?)</textarea>', text, re.DOTALL)
    assert json.loads(field[1]) == {"port": "Arden", "day": 1} and "\n" in field[1]
    assert re.findall(r'<option value="(\w+)"[^>]*>', text.partition("call_0_name")[2])[:2] == ["tides", "weather"]


def test_a_corrected_call_is_stored_as_a_message_with_the_call(db):
    Source.objects.filter(pk=open_playground().pk).update(held_out_percent=0)
    interaction = recorded(harbour(TOOLS), calling('{"port": "Arden"}'))
    answer = send(interaction, call_0_name="weather", call_0_arguments='{"port":\r\n "Jarrow"}')
    assert answer.status_code == 302
    right = Correction.objects.get().right_answer
    [call] = right["tool_calls"]
    assert (call["id"], call["function"]["name"]) == ("c0", "weather")
    assert json.loads(call["function"]["arguments"]) == {"port": "Jarrow"}
    assert "content" not in right


def test_it_is_sent_alike_when_held_out(lane):
    interaction = recorded(harbour(), calling('{"port": "Arden"}'))
    assert send(interaction, call_0_arguments='{"port": "Jarrow"}').status_code == 302
    assert Receipt.objects.count() == 1
    assert "Jarrow" in visitor().get("/feedback/mine/").content.decode()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ('{"port": ', "They are no JSON object. Send JSON text such as"),
        ('["Arden"]', "They are no JSON object."),
        ('{ "port":"Arden" }', "This is still the model's answer."),
        ("", "Write the right answer, or the arguments of a call."),
    ],
)
def test_what_is_no_json_or_no_change_is_refused_with_a_sentence_and_stays_in_the_form(lane, arguments, sentence):
    answer = send(recorded(harbour(), calling('{"port": "Arden"}')), call_0_arguments=arguments)
    text = html.unescape(answer.content.decode())
    assert (answer.status_code, sentence in text) == (422, True)
    assert f"{arguments}</textarea>" in text
    assert re.search(r'class="door k-correction"[^>]*open', text)
    assert not Receipt.objects.exists()


def test_one_of_two_calls_can_be_taken_out_and_the_error_is_at_its_own_field(db):
    Source.objects.filter(pk=open_playground().pk).update(held_out_percent=0)
    interaction = recorded(harbour(), calling('{"port": "Arden"}', '{"port": "Hull"}'))
    answer = send(interaction, call_0_arguments="", call_1_arguments="{")
    page = html.unescape(answer.content.decode())
    assert page.index("They are no JSON object.") > page.index("call_1_arguments")
    assert send(interaction, call_0_arguments="", call_1_arguments='{"port": "Hull"}').status_code == 302
    [call] = Correction.objects.get().right_answer["tool_calls"]
    assert call["id"] == "c1"


def test_words_in_the_place_of_a_call_are_a_text(db):
    Source.objects.filter(pk=open_playground().pk).update(held_out_percent=0)
    interaction = recorded(harbour(), calling('{"port": "Arden"}'))
    assert send(interaction, call_0_arguments="", replacement="At 04:12.").status_code == 302
    correction = Correction.objects.get()
    assert (correction.replacement, correction.replacement_message) == ("At 04:12.", "")


def test_a_cached_exchange_of_before_is_still_read(db):
    from feedback.visitors import sessions

    interaction = record_interaction(open_playground(), "v-1", "How long?", "14 days.", by="visitor")
    sessions._cache(sessions._exchange_key(interaction.pk), ["How long?", "14 days."])
    kept = cached_exchange(interaction.pk)
    assert (kept.question, kept.answer) == ("How long?", "14 days.")


def test_going_back_does_not_lose_what_was_typed(lane):
    page = visitor().get(feedback_url(recorded(harbour(), "At four.").pk))
    assert "no-store" not in page["Cache-Control"] and "private" in page["Cache-Control"]


def test_a_reviewer_sees_the_stored_conversation(db, rosa):
    Source.objects.filter(pk=open_playground().pk).update(held_out_percent=0)
    interaction = record_interaction(open_playground(), "v-1", harbour(TOOLS), calling("{}"), by="visitor")
    client = Client()
    client.force_login(rosa)
    page = client.get(feedback_url(interaction.pk)).content.decode()
    assert "The pilot keeps it." in page and "call_0_arguments" in page


def test_of_a_very_long_conversation_the_page_holds_the_end_and_stays_small(lane):
    spoken = [
        {"role": role, "content": f"{role} {n}: " + "and so on " * 60}
        for n in range(200)
        for role in ("user", "assistant")
    ]
    tools = [
        {"type": "function", "function": {"name": f"f{n}", "description": "It does a thing. " * 60}} for n in range(128)
    ]
    asked = read(
        [{"role": "system", "content": "Be brief. " * 500}, *spoken, {"role": "user", "content": "Now?"}], tools
    )
    url = feedback_url(recorded(asked, calling(*['{"port": "Arden"}'] * 4)).pk)
    page = visitor().get(url).content.decode()
    shown = page.partition("<main")[2].partition('<div class="doors">')[0]
    assert len(shown) < 40_000 and shown.count("<") < 400
    assert "… 393 messages between …" in shown and "116 more tools" in shown and "user 100:" not in shown
    whole = visitor().get(f"{url}?whole=1").content.decode()
    assert whole.count('<li class="turn ') == 403 and "user 100:" in whole


def test_tools_in_other_forms_are_functions_to_choose_by_their_names(db):
    others = [
        {"type": "function", "name": "winds"},
        {"type": "custom", "name": ""},
        {"type": "custom", "function": "x"},
    ]
    asked = read(harbour().messages, others, lenient=True)
    page = visitor().get(feedback_url(recorded(asked, calling('{"port": "Arden"}')).pk)).content.decode()
    assert re.findall(r'<option value="(tides|winds|custom|x|)"', page) == ["tides", "winds"]
