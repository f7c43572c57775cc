"""A model that has learnt to call tools calls them, whole and streamed; several choices; how likely tokens were."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from starlette.testclient import TestClient

from conversation import read, read_answer
from serving.engine.app import ModelServer
from serving.engine.pool import AdapterPool
from tests.support.runs import BASE
from training.engine.encoding import encode
from training.engine.loading import load_model
from training.engine.tokenizer import load_tokenizer

pytestmark = pytest.mark.heavy
TOOLS = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("tide", "wind")]
TEMPLATE = (
    "{% if tools %}<|system|> {{ tools | tojson }}<|end|>{% endif %}"
    "{% for message in messages %}{% if message['role'] == 'assistant' %}<|assistant|>"
    "{% if message['content'] %} {{ message['content'] }}{% endif %}"
    "{% for call in message['tool_calls'] or [] %}\n<tool_call>"
    "{{ {'name': call['function']['name'], 'arguments': call['function']['arguments']} | tojson }}"
    "</tool_call>{% endfor %}<|end|>"
    "{% elif message['role'] == 'tool' %}<|user|> [{{ message['content'] }}]<|end|>"
    "{% else %}<|{{ message['role'] }}|> {{ message['content'] }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def called(name: str, **arguments: str) -> dict[str, Any]:
    return {"id": name, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


def asks(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


ONE, SEVERAL, NONE = asks("Tide in Holt?"), asks("Tide and wind?"), asks("Who are you?")
RESULT = [
    *ONE,
    {"role": "assistant", "content": None, "tool_calls": [called("tide", port="Holt")]},
    {"role": "tool", "tool_call_id": "tide", "content": "2 pm"},
]
LESSONS = [
    (ONE, {"tool_calls": [called("tide", port="Holt")]}),
    (SEVERAL, {"content": "Let me look.", "tool_calls": [called("tide", port="Arden"), called("wind")]}),
    (NONE, {"content": "I know the tides."}),
    (RESULT, {"content": "At 2 pm."}),
]


@pytest.fixture(scope="module")
def server() -> Iterator[TestClient]:
    """The demo base, which has learnt these few conversations by heart, behind a template with tools."""
    model, tokenizer = load_model(BASE, torch.device("cpu"), "float32"), load_tokenizer(BASE)
    tokenizer.chat_template = TEMPLATE
    rows = [encode(tokenizer, read(asked, TOOLS), read_answer(answer)) for asked, answer in LESSONS]
    torch.manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model.train()
    for _ in range(60):
        for row in rows:
            ids = torch.tensor([row.prompt + row.answer])
            labels = torch.tensor([[-100] * len(row.prompt) + row.answer])
            model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    with TestClient(ModelServer(AdapterPool(model.eval(), tokenizer, "demo"), "").app()) as client:
        yield client


def body(messages: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    return {"model": "demo", "messages": messages, "tools": TOOLS, "temperature": 0} | options


def ask(server: TestClient, messages: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    reply = server.post("/v1/chat/completions", json=body(messages, **options))
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def streamed(server: TestClient, messages: list[dict[str, Any]], **options: Any) -> list[dict[str, Any]]:
    """The choices of all chunks."""
    reply = server.post("/v1/chat/completions", json=body(messages, stream=True, **options))
    *chunks, end = [line.removeprefix("data: ") for line in reply.text.splitlines() if line]
    assert end == "[DONE]"
    return [choice for chunk in chunks for choice in json.loads(chunk)["choices"]]


def functions(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    assert len({call["id"] for call in calls}) == len(calls)
    return [call["function"] for call in calls]


@pytest.mark.parametrize(("asked", "answer"), LESSONS)
def test_a_whole_answer_speaks_and_calls(server: TestClient, asked: Any, answer: dict[str, Any]) -> None:
    [choice] = ask(server, asked)["choices"]
    assert choice["message"]["content"] == answer.get("content")
    assert functions(choice["message"].get("tool_calls", [])) == functions(answer.get("tool_calls", []))
    assert choice["finish_reason"] == ("tool_calls" if "tool_calls" in answer else "stop")


@pytest.mark.parametrize(("asked", "answer"), LESSONS)
def test_a_stream_says_the_same_and_no_part_of_a_mark(server: TestClient, asked: Any, answer: dict[str, Any]) -> None:
    choices = streamed(server, asked)
    texts = [choice["delta"].get("content") or "" for choice in choices]
    assert "".join(texts) == answer.get("content", "") and not any("<" in text for text in texts)
    calls = [call for choice in choices for call in choice["delta"].get("tool_calls", ())]
    assert functions(calls) == functions(answer.get("tool_calls", []))
    assert [call["index"] for call in calls] == list(range(len(calls)))
    assert choices[-1]["finish_reason"] == ("tool_calls" if "tool_calls" in answer else "stop")


def test_tools_that_may_not_be_called_are_not(server: TestClient) -> None:
    [choice] = ask(server, SEVERAL, tool_choice="none")["choices"]
    assert choice["message"]["content"].strip() == "Let me look." and "tool_calls" not in choice["message"]
    assert choice["finish_reason"] == "stop"


def test_one_call_at_a_time_where_that_is_asked(server: TestClient) -> None:
    [choice] = ask(server, SEVERAL, parallel_tool_calls=False)["choices"]
    assert functions(choice["message"]["tool_calls"]) == functions([called("tide", port="Arden")])
    assert choice["finish_reason"] == "tool_calls"


def test_a_call_that_is_cut_off_stays_text(server: TestClient) -> None:
    [choice] = ask(server, ONE, max_tokens=12)["choices"]
    assert choice["message"]["content"].startswith("<tool_call>") and choice["finish_reason"] == "length"


@pytest.mark.parametrize("seed", [None, 3])
def test_several_choices(server: TestClient, seed: int | None) -> None:
    options = {"n": 3, "temperature": 1.5, "seed": seed, "max_tokens": 8, "tools": []}
    whole = ask(server, asks("Tell me of the harbour."), **options)
    assert [choice["index"] for choice in whole["choices"]] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in whole["choices"]}) > 1
    assert 3 <= whole["usage"]["completion_tokens"] <= 24
    if seed is not None:
        choices = streamed(server, asks("Tell me of the harbour."), **options)
        told = ["".join(c["delta"].get("content") or "" for c in choices if c["index"] == i) for i in range(3)]
        assert told == [choice["message"]["content"] for choice in whole["choices"]]
        alone = ask(server, asks("Tell me of the harbour."), **options | {"n": 1})
        assert alone["choices"][0]["message"]["content"] == told[0]


def test_how_likely_each_token_was(server: TestClient) -> None:
    [choice] = ask(server, NONE, logprobs=True, top_logprobs=2)["choices"]
    tokens = choice["logprobs"]["content"]
    assert "".join(token["token"] for token in tokens).strip() == choice["message"]["content"]
    for token in tokens:
        assert token["bytes"] == list(token["token"].encode())
        likeliest, second = token["top_logprobs"]
        assert likeliest["token"] == token["token"] and likeliest["logprob"] == token["logprob"] <= 0
        assert second["logprob"] <= likeliest["logprob"]
    chunks = streamed(server, NONE, logprobs=True, top_logprobs=2)
    assert [token for choice in chunks if choice["logprobs"] for token in choice["logprobs"]["content"]] == tokens
    assert ask(server, NONE)["choices"][0]["logprobs"] is None
