"""What the gateway does when the model server forgets, changes its mind or is gone."""

import shutil
from pathlib import Path

import openai
import pytest
from django.conf import settings

from feedback.models import Interaction
from tests.serving.gateway.test_gateway_answers import ASK, ask
from tests.support import serving_rows

pytestmark = pytest.mark.django_db(transaction=True)


def adapter_of(release):
    return Path(settings.CFT_VAR) / "runs" / str(release.run.folder) / "adapter"


def test_after_a_restart_the_champion_is_loaded_again(client, releases, model_server):
    before = ask(client).choices[0].message.content
    model_server.kill()
    model_server.start()
    assert ask(client).choices[0].message.content == before
    model_server.kill()
    model_server.start()
    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in ask(client, stream=True) if chunk.choices)
    assert streamed == before


def test_while_it_is_down_the_answer_is_503_and_nothing_is_recorded(client, model_server):
    serving_rows.base_release()
    model_server.kill()
    try:
        for stream in (False, True):
            with pytest.raises(openai.InternalServerError, match="The model server does not answer") as refused:
                ask(client, stream=stream)
            assert refused.value.status_code == 503
            assert refused.value.code == "model_server_unavailable"
            assert refused.value.response.headers["Retry-After"] == "5"
    finally:
        model_server.start()
    assert not Interaction.objects.exists()


def test_a_champion_that_cannot_be_loaded_is_stood_in_for_by_the_one_before_and_says_so(client, releases):
    shutil.rmtree(adapter_of(releases[2]))
    for stream in (False, True):
        raw = client.chat.completions.with_raw_response.create(
            model="champion", messages=ASK, user="ana", stream=stream, max_tokens=5
        )
        raw.parse() if not stream else list(raw.parse())
        assert raw.headers["X-Cft-Release"] == "v1"
        assert raw.headers["X-Cft-Fallback"] == "v2 could not be loaded; v1 answers"
    assert set(Interaction.objects.values_list("model_name", flat=True)) == {releases[1].model_name}


def test_nobody_stands_in_for_a_release_that_was_asked_for_by_name(client, releases):
    shutil.rmtree(adapter_of(releases[2]))
    with pytest.raises(openai.InternalServerError, match="could not load v2") as refused:
        ask(client, "v2")
    assert refused.value.code == "model_not_loaded"
    assert not Interaction.objects.exists()


def test_an_adapter_whose_bytes_changed_is_not_served(client, releases):
    config = adapter_of(releases[2]) / "adapter_config.json"
    config.write_text(config.read_text().replace('"lora_alpha": ', '"lora_alpha": 1'))
    raw = client.chat.completions.with_raw_response.create(model="champion", messages=ASK, user="ana", max_tokens=5)
    assert raw.headers["X-Cft-Release"] == "v1"
