"""A client that leaves ends its answer: no more tokens are generated, and slot and adapter are free again."""

import json
from typing import Any

import anyio
import pytest
import torch

from serving.engine.app import ModelServer
from serving.engine.pool import AdapterPool
from tests.support.runs import BASE
from training.engine.loading import load_model
from training.engine.tokenizer import load_tokenizer

TOKENS = 150


class CountingPool(AdapterPool):
    passes = 0

    def forward(self, *args: Any) -> Any:
        self.passes += 1
        return super().forward(*args)


class AsgiClient:
    """An ASGI client that asks for a long answer and leaves after `patience` parts of the body."""

    def __init__(self, stream: bool, patience: int):
        body = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}], "stream": stream}
        self.body = json.dumps({**body, "temperature": 2, "max_tokens": TOKENS, "seed": 1}).encode()
        self.patience, self.parts, self.has_sent = patience, 0, False
        self.left = anyio.Event()

    async def receive(self) -> dict[str, Any]:
        if not self.has_sent:
            self.has_sent = True
            return {"type": "http.request", "body": self.body, "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        self.parts += message["type"] == "http.response.body"
        if self.parts >= self.patience:
            self.left.set()


@pytest.fixture
def pool(monkeypatch):
    model, tokenizer = load_model(BASE, torch.device("cpu"), "float32"), load_tokenizer(BASE)
    monkeypatch.setattr("serving.engine.generation.end_tokens", lambda model, tokenizer: [])
    return CountingPool(model, tokenizer, "demo")


def served(pool: AdapterPool, new_client: Any) -> ModelServer:
    """The server after it has answered a client; the client is created inside the event loop."""

    async def run() -> ModelServer:
        server, client = ModelServer(pool, "", parallel=1), new_client()
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "headers": [],
            "path": "/v1/chat/completions", "raw_path": b"", "query_string": b"", "root_path": "", "scheme": "http",
        }  # fmt: skip
        await server.app()(scope, client.receive, client.send)
        return server

    return anyio.run(run)


def test_a_stream_ends_when_its_client_leaves(pool):
    server = served(pool, lambda: AsgiClient(stream=True, patience=4))
    assert 1 <= pool.passes < TOKENS / 2
    assert server.slots.value == 1


def test_a_patient_client_gets_the_whole_answer(pool):
    server = served(pool, lambda: AsgiClient(stream=True, patience=10**6))
    assert pool.passes == TOKENS
    assert server.slots.value == 1
