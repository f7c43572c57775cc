"""Streams in their middle: the client goes, the model server breaks off, the database is not kept waiting."""

import httpx
import openai
import pytest
from django.db import connection

from audit.models import Event
from feedback.models import Interaction
from tests.serving.conftest import connect
from tests.serving.gateway.test_gateway_answers import ASK
from tests.support import serving_rows
from tests.support.servers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scripted_client(scripted_server, scripted_web, transactional_db):
    serving_rows.base_release()
    scripted_server.client_left.clear()
    scripted_server.requests.clear()
    return connect(scripted_web)


def stream(client, **options):
    return client.chat.completions.create(model="champion", messages=ASK, user="ana", stream=True, **options)


def test_when_the_client_goes_the_model_server_stops_and_the_answer_so_far_is_recorded(
    scripted_client, scripted_server
):
    scripted_server.script = ["Half ", "an ", "hang"]
    started = stream(scripted_client)
    assert next(started).choices[0].delta.content == "Half "
    assert next(started).choices[0].delta.content == "an "
    assert not Interaction.objects.exists()
    started.close()
    assert scripted_server.client_left.wait(60)
    interaction = wait_until(lambda: Interaction.objects.first())
    assert (interaction.answer, interaction.cut_by) == ("Half an ", "client")
    assert Event.objects.get(name="interaction.recorded").detail["cut_by"] == "client"


def test_when_the_client_goes_before_the_first_word_nothing_is_recorded(scripted_client, scripted_server):
    scripted_server.script = ["hang"]
    with pytest.raises(openai.APITimeoutError):
        stream(scripted_client, timeout=0.5)
    assert scripted_server.client_left.wait(60)
    assert not Interaction.objects.exists()


def test_when_the_model_server_breaks_off_the_stream_says_so_and_the_answer_so_far_is_recorded(
    scripted_client, scripted_server
):
    scripted_server.script = ["Half ", "break"]
    texts = []
    with pytest.raises(openai.APIError, match="broke off"):
        texts.extend(chunk.choices[0].delta.content for chunk in stream(scripted_client))
    assert texts in ([], ["Half "])
    interaction = Interaction.objects.get()
    assert (interaction.answer, interaction.cut_by) == ("Half ", "model_server")


def test_no_connection_is_held_while_words_come(scripted_client, scripted_server, scripted_web):
    scripted_server.script = ["Half ", "hang"]
    streams = [stream(scripted_client) for _ in range(12)]
    for started in streams:
        next(started)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = 'cft_web' AND state <> 'idle'")
        assert cursor.fetchone() == (0,)
    assert [model.id for model in scripted_client.models.list()] == ["champion", "v0"]
    for started in streams:
        started.close()
    wait_until(lambda: Interaction.objects.count() == 12)


def test_whose_words_they_are_stays_in_front_of_the_model_server(scripted_client, scripted_server):
    scripted_server.script = ["Yes."]
    list(stream(scripted_client, temperature=0.5, metadata={"a": "b"}))
    assert scripted_server.requests == [{"model": "base", "messages": ASK, "temperature": 0.5, "stream": True}]


def test_an_empty_answer_is_an_answer(scripted_client, scripted_server):
    scripted_server.script = []
    list(stream(scripted_client))
    interaction = Interaction.objects.get()
    assert (interaction.answer, interaction.cut_by) == ("", "")


def test_a_word_is_passed_on_when_it_comes(scripted_client, scripted_server, scripted_web):
    scripted_server.script = ["Now.", "hang"]
    headers = {"Authorization": f"Bearer {scripted_client.api_key}"}
    body = {"model": "champion", "messages": ASK, "stream": True}
    with httpx.stream("POST", f"{scripted_web.url}/v1/chat/completions", headers=headers, json=body) as response:
        assert '"content":"Now."' in next(response.iter_lines())
    wait_until(lambda: Interaction.objects.exists())
