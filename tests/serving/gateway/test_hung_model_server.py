"""A model server that hangs, or gets more than it can answer: nobody waits for it in vain, and it is said."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest
from django.conf import settings
from django.test import Client

from feedback.models import Interaction
from serving.gateway import model_server as gateway
from tests.serving.conftest import connect
from tests.serving.gateway.test_gateway_answers import ask
from tests.support import servers, serving_rows
from tests.support.servers import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hung(model_server):
    """The model server, stopped: it takes connections and says nothing."""
    serving_rows.base_release()
    os.kill(model_server.process.pid, signal.SIGSTOP)
    yield model_server
    os.kill(model_server.process.pid, signal.SIGCONT)


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_to_a_server_that_hangs_ends_with_503(client, hung, stream):
    with pytest.raises(openai.InternalServerError, match="The model server does not answer") as refused:
        ask(client, stream=stream)
    assert refused.value.status_code == 503
    assert refused.value.response.headers["Retry-After"] == "5"
    assert not Interaction.objects.exists()


def test_readiness_says_that_it_hangs(hung, settings):
    settings.CFT_MODEL_SERVER_URL = hung.url
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["model server"] == "no answer in 3 s"


def test_after_it_goes_on_it_answers_again(client, model_server):
    serving_rows.base_release()
    assert ask(client).choices[0].message.content


@pytest.fixture(scope="module")
def narrow_web(scripted_server, django_db_setup):
    """A web process that lets two calls wait."""
    os.environ["CFT_MODEL_SERVER_CALLS"] = "2"
    server = servers.web_server(scripted_server.url)
    del os.environ["CFT_MODEL_SERVER_CALLS"]
    yield server.start()
    server.kill()


def test_more_calls_than_may_wait_are_refused_at_once_and_say_when_to_try_again(narrow_web, scripted_server):
    serving_rows.base_release()
    client = connect(narrow_web)
    scripted_server.script, scripted_server.requests[:] = ["Half ", "hang"], []
    waiting = [ask(client, stream=True) for _ in range(2)]
    wait_until(lambda: len(scripted_server.requests) == 2)
    for stream in (False, True):
        with pytest.raises(openai.InternalServerError, match="try again in a few seconds") as refused:
            ask(client, stream=stream)
        assert refused.value.code == "model_server_busy"
        assert refused.value.response.headers["Retry-After"] == "5"
    with httpx.Client(base_url=narrow_web.url) as visitor:
        visitor.get("/playground/")
        headers = {"X-CSRFToken": visitor.cookies["csrftoken"]}
        refused = visitor.post("/playground/ask/", data={"prompt": "Hello?"}, headers=headers)
        assert refused.status_code == 503 and refused.headers["Retry-After"] == "5"
    for one in waiting:
        one.close()
    scripted_server.script = ["whole"]
    wait_until(lambda: answers(client))


def answers(client):
    try:
        return ask(client, stream=True).close() is None
    except openai.InternalServerError:
        return False


def test_places_are_free_again_whatever_became_of_the_calls(narrow_web, scripted_server):
    serving_rows.base_release()
    client = connect(narrow_web)
    scripted_server.script = ["hang"]
    with ThreadPoolExecutor(2) as pool:
        for _ in range(3):
            left = [pool.submit(impatient, client) for _ in range(2)]
            assert all(one.result() for one in left)
    scripted_server.script = ["whole"]
    wait_until(lambda: answers(client))


def impatient(client):
    """Whether the client had to give up, or was refused since those before it are not gone yet."""
    try:
        ask(client.with_options(timeout=0.5), stream=True)
    except (openai.APITimeoutError, openai.InternalServerError):
        return True
    return False


def test_as_many_calls_may_wait_as_are_configured():
    assert settings.CFT_MODEL_SERVER_CALLS == 64
    places = [gateway.Place() for _ in range(64)]
    with pytest.raises(gateway.Busy):
        gateway.Place()
    places.pop().leave()
    places.append(gateway.Place())
    for place in places:
        place.leave()
        place.leave()  # leaving twice frees no second place
    places = [gateway.Place() for _ in range(64)]
    with pytest.raises(gateway.Busy):
        gateway.Place()
    del places, place
    gateway.Place().leave()
