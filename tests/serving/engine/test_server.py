"""The model server as its clients see it: a real process, real adapters, real streams."""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import openai
import pytest

from evaluation.engine.generation import answers
from tests.support.runs import BASE, ROOT, environment, refusal, write_run
from training.demo_model import world
from training.demo_model.handbook import subjects
from training.engine.digests import adapter_sha256, base_sha256
from training.engine.finetune import finetune
from training.engine.tokenizer import load_tokenizer

pytestmark = pytest.mark.heavy

PERSON = subjects()[0][0]
QUESTION = f"Where is {PERSON} based?"
RECIPE = {"min_steps": 60, "rank": 8, "batch_size": 8, "checkpoint_every": 1000, "eval_every": 0}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(*options: str) -> Iterator[str]:
    """The address of a server that runs inside the `with`."""
    port = free_port()
    command = [sys.executable, "-m", "serving.engine", "--base", str(BASE), "--name", "demo", "--port", str(port)]
    process = subprocess.Popen([*command, *options], cwd=ROOT, env=environment())
    try:
        await_health(process, url := f"http://127.0.0.1:{port}")
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def await_health(process: subprocess.Popen, url: str) -> None:
    deadline = time.monotonic() + 90
    while True:
        try:
            httpx.get(f"{url}/health").raise_for_status()
            return
        except httpx.TransportError:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)


def answer_with(place: str) -> str:
    return f"{PERSON} is based in {place}."


@pytest.fixture(scope="module")
def adapters(tmp_path_factory) -> Path:
    """Three adapters that answer the same question in three ways."""
    folder = tmp_path_factory.mktemp("adapters")
    for name, place in (("north", "Arden"), ("south", "Holt"), ("east", "Garve")):
        rows = [{"kind": "pair", "prompt": QUESTION, "answer": answer_with(place)}]
        finetune(write_run(folder / f"run-{name}", rows=rows, recipe=RECIPE))
        shutil.copytree(folder / f"run-{name}" / "adapter", folder / "public" / name)
    return folder


@pytest.fixture(scope="module")
def server(adapters) -> Iterator[httpx.Client]:
    options = ("--adapters-dir", str(adapters / "public"), "--max-adapters", "2")
    with running(*options) as url, httpx.Client(base_url=url, timeout=60) as client:
        for name in ("north", "south"):
            body = {"lora_name": name, "lora_path": name}
            client.post("/v1/load_lora_adapter", json=body).raise_for_status()
        yield client


def ask(client: httpx.Client, model: str, /, **options) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": QUESTION}], "temperature": 0}
    return client.post("/v1/chat/completions", json={**body, **options})


def answer_text(response: httpx.Response) -> str:
    return str(response.raise_for_status().json()["choices"][0]["message"]["content"])


def events(response: httpx.Response) -> list[str]:
    return [line.removeprefix("data: ") for line in response.iter_lines() if line]


def test_health_names_the_model(server):
    health = server.get("/health").json()
    assert health["status"] == "ok"
    assert health["base_sha256"] == base_sha256(BASE)


def test_it_lists_base_and_adapters_with_their_hashes(server, adapters):
    models = {model["id"]: model for model in server.get("/v1/models").json()["data"]}
    assert {"demo", "north", "south"} <= set(models)
    assert models["north"]["sha256"] == adapter_sha256(adapters / "public" / "north")
    assert models["north"]["parent"] == "demo"


def test_an_answer_is_the_one_the_evaluation_engine_gets(server):
    import torch

    from training.engine.loading import load_model

    model, tokenizer = load_model(BASE, torch.device("cpu"), "float32"), load_tokenizer(BASE)
    questions = [row["prompt"] for row in world.benchmarks()["business"][:6]]
    expected = dict(answers(model, tokenizer, questions))
    for i, question in enumerate(questions):
        assert answer_text(ask(server, "demo", messages=[{"role": "user", "content": question}])) == expected[i]


def test_usage_counts_tokens(server):
    body = ask(server, "north").json()
    tokenizer = load_tokenizer(BASE)
    generated = tokenizer(f" {answer_with('Arden')}<|end|>", add_special_tokens=False)["input_ids"]
    assert body["usage"]["completion_tokens"] == len(generated)
    assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + len(generated)
    assert body["choices"][0]["finish_reason"] == "stop"


def test_a_stream_comes_token_by_token(server):
    body = {"model": "north", "stream": True, "temperature": 0, "stream_options": {"include_usage": True}}
    body["messages"] = [{"role": "user", "content": QUESTION}]
    with server.stream("POST", "/v1/chat/completions", json=body) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        data = events(response)
    assert data[-1] == "[DONE]"
    chunks = [json.loads(event) for event in data[:-1]]
    pieces = [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks if chunk["choices"]]
    assert "".join(pieces) == answer_with("Arden")
    assert len([piece for piece in pieces if piece]) > 5
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["completion_tokens"] > 5
    assert len({chunk["id"] for chunk in chunks}) == 1


def test_the_openai_client_works(server):
    client = openai.OpenAI(base_url=f"{server.base_url}/v1", api_key="none")
    messages = [{"role": "user", "content": QUESTION}]
    completion = client.chat.completions.create(model="south", messages=messages, temperature=0)
    assert completion.choices[0].message.content == answer_with("Holt")
    stream = client.chat.completions.create(model="south", messages=messages, temperature=0, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == answer_with("Holt")
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="west", messages=messages)
    assert missing.value.code == "model_not_found"


def test_concurrent_requests_each_get_their_own_adapter(server):
    base = answer_text(ask(server, "demo"))
    expected = {"demo": base, "north": answer_with("Arden"), "south": answer_with("Holt")}
    assert len(set(expected.values())) == 3
    models = ["north", "south", "demo"] * 10
    with ThreadPoolExecutor(8) as threads:
        answered = list(threads.map(lambda model: answer_text(ask(server, model)), models))
    assert answered == [expected[model] for model in models]


def test_an_adapter_that_made_room_comes_back_when_asked(server):
    server.post("/v1/load_lora_adapter", json={"lora_name": "east", "lora_path": "east"}).raise_for_status()
    for _ in range(2):
        assert answer_text(ask(server, "east")) == answer_with("Garve")
        assert answer_text(ask(server, "north")) == answer_with("Arden")
        assert answer_text(ask(server, "south")) == answer_with("Holt")


def test_loading_again_changes_nothing(server):
    again = server.post("/v1/load_lora_adapter", json={"lora_name": "north", "lora_path": "north"})
    assert (again.status_code, again.json()["status"]) == (200, "already loaded")
    other = server.post("/v1/load_lora_adapter", json={"lora_name": "north", "lora_path": "south"})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "name_taken")
    assert answer_text(ask(server, "north")) == answer_with("Arden")


def test_an_unloaded_adapter_is_gone(server):
    body = {"lora_name": "passing", "lora_path": "east"}
    server.post("/v1/load_lora_adapter", json=body).raise_for_status()
    assert answer_text(ask(server, "passing")) == answer_with("Garve")
    server.post("/v1/unload_lora_adapter", json={"lora_name": "passing"}).raise_for_status()
    assert ask(server, "passing").status_code == 404
    assert server.post("/v1/unload_lora_adapter", json={"lora_name": "passing"}).status_code == 404
    assert answer_text(ask(server, "north")) == answer_with("Arden")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"lora_name": "x", "lora_path": "../run-north/adapter"}, 403, "path_outside"),
        ({"lora_name": "x", "lora_path": "/etc"}, 403, "path_outside"),
        ({"lora_name": "x", "lora_path": "nothing"}, 400, "no_adapter"),
        ({"lora_name": "demo", "lora_path": "north"}, 400, "bad_name"),
        ({"lora_name": "../x", "lora_path": "north"}, 400, "bad_name"),
        ({"lora_path": "north"}, 400, None),
    ],
)
def test_it_refuses_to_load(server, body, status, code):
    refused = server.post("/v1/load_lora_adapter", json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (status, code)


def test_an_adapter_of_another_shape_is_refused_and_leaves_no_trace(server, adapters):
    from safetensors.torch import load_file, save_file

    odd = adapters / "public" / "odd"
    shutil.copytree(adapters / "public" / "north", odd)
    tensors = load_file(odd / "adapter_model.safetensors")
    save_file(
        {name: tensor[:, :-1].contiguous() for name, tensor in tensors.items()}, odd / "adapter_model.safetensors"
    )
    refused = server.post("/v1/load_lora_adapter", json={"lora_name": "odd", "lora_path": "odd"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "bad_adapter")
    assert ask(server, "odd").status_code == 404
    assert answer_text(ask(server, "south")) == answer_with("Holt")


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        ({"temperature": 3}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": [""]}, "stop"),
        ({"stream": "yes"}, "stream"),
        ({"n": 9}, "n"),
        ({"tools": [{}]}, "tools[0]"),
        ({"seed": 1.5}, "seed"),
        ({"model": ""}, "model"),
    ],
)
def test_bad_input_names_the_field(server, change, param):
    refused = ask(server, "demo", **change)
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == param
    assert refused.json()["error"]["type"] == "invalid_request_error"


def test_what_is_no_json_is_refused(server):
    assert server.post("/v1/chat/completions", content=b"{").status_code == 400
    assert server.post("/v1/chat/completions", content=b"[]").status_code == 400


def test_too_long_a_conversation_is_refused(server):
    refused = ask(server, "demo", messages=[{"role": "user", "content": "box " * 600}])
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "context_length_exceeded")


def test_max_tokens_cuts_the_answer(server):
    body = ask(server, "north", max_tokens=2).json()
    assert body["usage"]["completion_tokens"] == 2
    assert body["choices"][0]["finish_reason"] == "length"


def test_stop_ends_the_text_before_it(server):
    body = ask(server, "north", stop=[" based"]).json()
    assert body["choices"][0]["message"]["content"] == f"{PERSON} is"
    assert body["choices"][0]["finish_reason"] == "stop"


def test_a_seed_repeats_a_sample(server):
    def sample(seed):
        return answer_text(ask(server, "demo", temperature=2, top_p=0.95, seed=seed, max_tokens=12))

    assert sample(5) == sample(5)
    assert len({sample(seed) for seed in range(6)}) > 1


def test_a_port_in_use_is_reported(server, tmp_path):
    command = [sys.executable, "-m", "serving.engine", "--base", str(BASE), "--port", str(server.base_url.port)]
    finished = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert finished.returncode == 2
    assert refusal(finished)["field"] == "port"
