"""Streams in their middle: the client goes, the model server breaks off, the database is not kept waiting."""

import httpx
import openai
import pytest
from django.db import connection

from feedback.models import Interaction
from tests.serving.conftest import connect
from tests.serving.gateway.test_gateway_answers import ASK
from tests.support import world
from tests.support.servers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def told(puppet, web_of_puppet, transactional_db):
    world.base()
    puppet.left.clear()
    puppet.asked.clear()
    return connect(web_of_puppet)


def stream(client, **more):
    return client.chat.completions.create(model="champion", messages=ASK, user="ana", stream=True, **more)


def test_when_the_client_goes_the_model_server_is_let_go_and_what_was_said_is_recorded(told, puppet):
    puppet.script = ["Half ", "an ", "hang"]
    coming = stream(told)
    assert next(coming).choices[0].delta.content == "Half "
    assert next(coming).choices[0].delta.content == "an "
    assert not Interaction.objects.exists()
    coming.close()
    assert puppet.left.wait(60)
    kept = wait_until(lambda: Interaction.objects.first())
    assert kept.answer == "Half an "


def test_when_the_client_goes_before_the_first_word_nothing_is_recorded(told, puppet):
    puppet.script = ["hang"]
    with pytest.raises(openai.APITimeoutError):
        stream(told, timeout=0.5)
    assert puppet.left.wait(60)
    assert not Interaction.objects.exists()


def test_when_the_model_server_breaks_off_the_stream_says_so_and_what_was_said_is_recorded(told, puppet):
    puppet.script = ["Half ", "break"]
    said = []
    with pytest.raises(openai.APIError, match="broke off"):
        said.extend(chunk.choices[0].delta.content for chunk in stream(told))
    assert said in ([], ["Half "])
    assert Interaction.objects.get().answer == "Half "


def test_no_connection_is_held_while_words_come(told, puppet, web_of_puppet):
    puppet.script = ["Half ", "hang"]
    streams = [stream(told) for _ in range(12)]
    for coming in streams:
        next(coming)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = 'cft_web' AND state <> 'idle'")
        assert cursor.fetchone() == (0,)
    assert [model.id for model in told.models.list()] == ["champion", "v0"]
    for coming in streams:
        coming.close()
    wait_until(lambda: Interaction.objects.count() == 12)


def test_whose_words_they_are_stays_in_front_of_the_model_server(told, puppet):
    puppet.script = ["Yes."]
    list(stream(told, temperature=0.5, metadata={"a": "b"}))
    assert puppet.asked == [{"model": "base", "messages": ASK, "temperature": 0.5, "stream": True}]


def test_an_empty_answer_is_an_answer(told, puppet):
    puppet.script = []
    list(stream(told))
    assert Interaction.objects.get().answer == ""


def test_a_word_is_passed_on_when_it_comes(told, puppet, web_of_puppet):
    puppet.script = ["Now.", "hang"]
    headers = {"Authorization": f"Bearer {told.api_key}"}
    body = {"model": "champion", "messages": ASK, "stream": True}
    with httpx.stream("POST", f"{web_of_puppet.url}/v1/chat/completions", headers=headers, json=body) as response:
        assert '"content":"Now."' in next(response.iter_lines())
    wait_until(lambda: Interaction.objects.exists())
