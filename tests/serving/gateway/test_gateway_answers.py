"""Applications ask the champion with the openai client, and each answer becomes an interaction."""

import uuid

import httpx
import openai
import pytest

from audit.models import Event
from feedback.actions import submit_bug_report
from feedback.models import Interaction, Subject
from tests.support import serving_rows

pytestmark = pytest.mark.django_db(transaction=True)
ASK = [{"role": "user", "content": "What is 3 + 4?"}]


def ask(client, model="champion", messages=ASK, **options):
    return client.chat.completions.create(model=model, messages=messages, temperature=0, max_tokens=40, **options)


def test_the_champion_answers_and_the_interaction_is_recorded(client):
    release = serving_rows.base_release()
    completion = ask(client, user="ana")
    text = completion.choices[0].message.content
    assert "7" in text
    assert completion.model == "v0"
    interaction = Interaction.objects.get()
    assert (interaction.prompt, interaction.answer) == ("What is 3 + 4?", text)
    assert (interaction.model_name, interaction.environment) == (release.model_name, "production")
    assert completion.id == f"chatcmpl-{interaction.pk}"
    assert Event.objects.get(name="interaction.recorded").actor == f"source:{interaction.source_id}"


def test_headers_say_which_interaction_and_which_release(client):
    serving_rows.base_release()
    raw = client.chat.completions.with_raw_response.create(model="champion", messages=ASK, user="ana")
    interaction = Interaction.objects.get()
    assert raw.headers["X-Cft-Interaction"] == str(interaction.pk)
    assert raw.headers["X-Cft-Release"] == "v0"
    assert "X-Cft-Fallback" not in raw.headers
    assert submit_bug_report(interaction.pk, what_happened="It broke.", by="source:1").interaction == interaction


def test_a_user_is_one_subject(client):
    serving_rows.base_release()
    for user in ("ana", "ana", "bo"):
        ask(client, user=user)
    ask(client, extra_headers={"X-Cft-Subject": "bo"})
    assert Subject.objects.count() == 2
    assert Interaction.objects.count() == 4


def test_a_stream_comes_in_pieces_that_make_the_recorded_answer(client):
    serving_rows.base_release()
    chunks = list(ask(client, messages=[{"role": "user", "content": "Who are you?"}], user="ana", stream=True))
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert len([piece for piece in pieces if piece]) > 1
    interaction = Interaction.objects.get()
    assert interaction.answer == "".join(pieces)
    assert {chunk.id for chunk in chunks} == {f"chatcmpl-{interaction.pk}"}
    assert {chunk.model for chunk in chunks} == {"v0"}


def test_a_stream_is_not_buffered_on_its_way(client):
    serving_rows.base_release()
    with client.chat.completions.with_streaming_response.create(
        model="champion", messages=ASK, user="ana", stream=True
    ) as response:
        assert response.headers["X-Accel-Buffering"] == "no"
        assert response.headers["Content-Type"] == "text/event-stream"
        assert "Content-Encoding" not in response.headers
        assert uuid.UUID(response.headers["X-Cft-Interaction"])
        assert list(response.iter_lines())[-2] == "data: [DONE]"


def test_each_release_that_was_champion_answers_under_its_name(client, releases):
    question = [{"role": "user", "content": "Who are you?"}]
    answers = {
        name: ask(client, name, messages=question) for name in ("champion", "v2", "v1", "v0", releases[1].model_name)
    }
    assert [answer.model for answer in answers.values()] == ["v2", "v2", "v1", "v0", "v1"]
    texts = {name: answer.choices[0].message.content for name, answer in answers.items()}
    assert texts["champion"] == texts["v2"]
    assert len({texts["v0"], texts["v1"], texts["v2"]}) == 3
    recorded = set(Interaction.objects.values_list("model_name", flat=True))
    assert recorded == {release.model_name for release in releases}


def test_models_lists_the_alias_and_whoever_was_champion(client, releases):
    serving_rows.candidate("FAIL")
    assert [model.id for model in client.models.list()] == ["champion", "v2", "v1", "v0"]
    assert client.models.retrieve("v1").owned_by == "cftapp"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("v3")


def test_a_conversation_is_recorded_with_its_roles(client):
    serving_rows.base_release()
    messages = [*ASK, {"role": "assistant", "content": "7."}, {"role": "user", "content": "And 1 + 1?"}]
    client.chat.completions.create(model="champion", messages=messages, user="ana", max_tokens=5)
    assert Interaction.objects.get().prompt == "user: What is 3 + 4?\nassistant: 7.\nuser: And 1 + 1?"


def test_the_default_format_may_be_named_and_feedback_may_name_the_completion(client, web):
    serving_rows.base_release()
    completion = ask(client, user="ana", response_format={"type": "text"})
    assert "7" in completion.choices[0].message.content
    report = {"interaction": completion.id, "what_happened": "It broke."}
    headers = {"Authorization": f"Bearer {client.api_key}"}
    reply = httpx.post(f"{web.url}/api/v1/bug-reports", json=report, headers=headers)
    assert reply.status_code == 201 and reply.json()["interaction"] == str(Interaction.objects.get().pk)


def test_a_parameter_is_honoured_or_refused_and_never_ignored(client):
    serving_rows.base_release()
    plain = ask(client).choices[0].message.content
    everything = {str(token): -100 for token in range(1024) if token != 7}
    assert ask(client, logit_bias=everything).choices[0].message.content != plain
    assert ask(client, extra_body={"repetition_penalty": 0.01}).choices[0].message.content != plain
    assert ask(client, extra_body={"top_k": 1}).choices[0].message.content == plain
    recorded = Interaction.objects.count()
    for parameter in ({"response_format": {"type": "json_object"}}, {"reasoning_effort": "high"}):
        with pytest.raises(openai.BadRequestError, match="not supported") as refused:
            ask(client, **parameter)
        assert refused.value.param == next(iter(parameter))
    assert Interaction.objects.count() == recorded
