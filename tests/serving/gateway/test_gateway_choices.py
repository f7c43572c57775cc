"""Several choices of one request: each is an interaction of its own, which feedback can name."""

import httpx
import openai
import pytest

from feedback.models import Interaction
from serving.gateway.openai_format import MOST_CHOICES
from tests.serving.conftest import connect
from tests.serving.gateway.test_gateway_tools import ASK, ask
from tests.support.servers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def answers_in_order(headers):
    ids = headers["X-Cft-Interactions"].split(", ")
    assert headers["X-Cft-Interaction"] == ids[0]
    recorded = Interaction.objects.in_bulk(ids, field_name="id")
    by_id = {str(key): interaction for key, interaction in recorded.items()}
    return [by_id[each].answer for each in ids]


def texts(completion):
    return [choice.message.content for choice in completion.choices]


def test_each_choice_is_an_interaction_of_the_same_subject_and_turn(tool_client):
    completion = ask(tool_client, n=3)
    assert len(completion.choices) == 3
    assert sorted(Interaction.objects.values_list("answer", flat=True)) == sorted(texts(completion))
    rows = Interaction.objects.all()
    assert len({row.subject_id for row in rows}) == len({row.conversation_key for row in rows}) == 1


def test_the_header_names_all_and_feedback_may_name_each(tool_client, tool_web):
    raw = tool_client.chat.completions.with_raw_response.create(model="champion", messages=ASK, user="ana", n=3)
    completion = raw.parse()
    assert answers_in_order(raw.headers) == texts(completion)
    assert completion.id == f"chatcmpl-{raw.headers['X-Cft-Interaction']}"
    third = raw.headers["X-Cft-Interactions"].split(", ")[2]
    report = {"interaction": third, "what_happened": "It repeats me."}
    headers = {"Authorization": f"Bearer {tool_client.api_key}"}
    reply = httpx.post(f"{tool_web.url}/api/v1/bug-reports", json=report, headers=headers)
    assert (reply.status_code, reply.json()["interaction"]) == (201, third)


def test_choices_of_a_stream_are_told_apart(tool_client):
    with tool_client.chat.completions.with_streaming_response.create(
        model="champion", messages=ASK, user="ana", n=3, stream=True
    ) as response:
        headers = dict(response.headers)
        told = {0: "", 1: "", 2: ""}
        for chunk in response.parse():
            for choice in chunk.choices:
                told[choice.index] += choice.delta.content or ""
    assert answers_in_order({name.title(): value for name, value in headers.items()}) == list(told.values())


def test_a_server_that_gives_fewer_than_were_asked_for_is_taken_at_its_word(scripted_web, scripted_server, tool_client):
    scripted_server.script = ["only one"]
    raw = connect(scripted_web).chat.completions.with_raw_response.create(model="champion", messages=ASK, n=3)
    assert "X-Cft-Interactions" not in raw.headers
    assert str(Interaction.objects.get().pk) == raw.headers["X-Cft-Interaction"]


def test_a_repetition_names_the_same_interactions(tool_client, tool_server):
    headers = {"Idempotency-Key": "choices-1"}
    first, again = (
        tool_client.chat.completions.with_raw_response.create(
            model="champion", messages=ASK, n=2, extra_headers=headers
        )
        for _ in range(2)
    )
    assert first.headers["X-Cft-Interactions"] == again.headers["X-Cft-Interactions"]
    assert len(tool_server.requests) == 1 and Interaction.objects.count() == 2


def test_when_the_client_goes_what_was_said_is_recorded_choice_by_choice(tool_client):
    started = ask(tool_client, [{"role": "user", "content": "hold on"}], n=2, stream=True)
    told = {0: "", 1: ""}
    while not all(told.values()):
        (choice,) = next(started).choices
        told[choice.index] += choice.delta.content or ""
    started.close()
    rows = wait_until(lambda: Interaction.objects.count() == 2 and list(Interaction.objects.all()))
    assert {row.cut_by for row in rows} == {"client"}
    assert {row.answer for row in rows} == set(told.values()) == {"1. hold", "2. hold"}


@pytest.mark.parametrize("n", [0, -1, MOST_CHOICES + 1, "2", 1.5, True])
def test_a_number_of_choices_that_is_none_is_refused(tool_client, n):
    with pytest.raises(openai.BadRequestError) as refused:
        ask(tool_client, n=n)
    assert refused.value.param == "n"
