"""What a person asks through the gateway and what is learnt of it later are the same token ids."""

import pytest
import torch

from feedback.models import Interaction
from serving.engine.app import ModelServer
from tests.serving.conftest import connect
from tests.serving.engine.test_trained_as_served import DIALOGUE, TOOL, Listening
from tests.support import servers, serving_rows
from tests.support.chat_templates import random_model
from training.engine.encoding import encode
from training.engine.loading import load_model
from training.engine.tokenizer import load_tokenizer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.heavy]


class InThread(servers.ServerInThread):
    def __init__(self, app):
        super().__init__()
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    base = random_model("Qwen 2.5", tmp_path_factory.mktemp("qwen"))
    return Listening(load_model(base, torch.device("cpu"), "float32"), load_tokenizer(base), "base")


@pytest.fixture(scope="module")
def web(pool, django_db_setup):
    model = InThread(ModelServer(pool, "0" * 64).app()).start()
    server = servers.web_server(model.url).start()
    yield server
    server.kill()
    model.kill()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("messages", "tools"), [(DIALOGUE, [TOOL]), (DIALOGUE[:4], []), (DIALOGUE[1:2], [TOOL])])
def test_the_recorded_conversation_is_trained_as_it_was_served(web, pool, transactional_db, messages, tools, stream):
    serving_rows.base_release()
    pool.heard = []
    more = {"tools": tools} if tools else {}
    answer = connect(web).chat.completions.create(
        model="champion", messages=messages, user="ana", max_tokens=4, stream=stream, **more
    )
    if stream:
        list(answer)
    servers.wait_until(Interaction.objects.exists)
    recorded = Interaction.objects.get()
    [served] = pool.heard
    for loss in ("answer", "assistant"):
        row = encode(pool.tokenizer, recorded.asked, "On Friday.", loss)
        assert row.ids[: len(served)] == served == row.prompt
