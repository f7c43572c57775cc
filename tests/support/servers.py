"""Servers for the gateway's tests: the model server, the web process, and a model server with a script."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import uvicorn
from django.conf import settings

from cftapp.access.roles import environment_for
from tests.support.stack import free_ports

ROOT = Path(__file__).resolve().parents[2]


class Process:
    """A server in a process of its own, on a port that stays the same when it starts again."""

    def __init__(self, command, environment, health):
        self.command, self.environment, self.health = command, environment, health
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, cwd=ROOT, env=self.environment)
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(self.health, timeout=1).status_code < 500:
                    return self
            assert self.process.poll() is None, f"{self.command[2]} ended while starting"
            time.sleep(0.05)
        raise AssertionError(f"{self.command[2]} did not start")

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(60)


def model_server():
    """`serving.engine` with the demo base model."""
    (port,) = free_ports(1)
    adapters = Path(settings.CFT_VAR) / "runs"
    adapters.mkdir(parents=True, exist_ok=True)
    base = ROOT / "training" / "demo_model" / "base"
    options = ["--base", str(base), "--name", "base", "--port", str(port), "--adapters-dir", str(adapters)]
    server = Process(
        [sys.executable, "-m", "serving.engine", *options],
        {**os.environ, "OMP_NUM_THREADS": "1"},
        f"http://127.0.0.1:{port}/health",
    )
    server.url = f"http://127.0.0.1:{port}"
    return server


def web_server(model_url):
    """The web process as the supervisor starts it, with the rights of `cft_web` and no more."""
    (port,) = free_ports(1)
    environment = environment_for("web", os.environ) | {
        "CFT_MODEL_SERVER_URL": model_url,
        "CFT_SECRET_KEY": os.environ.get("CFT_SECRET_KEY", "x" * 50),
        "DJANGO_SETTINGS_MODULE": "cftapp.settings",
    }
    collect_static_files(environment)
    uvicorn_command = ["-m", "uvicorn", "cftapp.asgi:application", "--port", str(port), "--lifespan", "off"]
    server = Process([sys.executable, *uvicorn_command], environment, f"http://127.0.0.1:{port}/healthz")
    server.url = f"http://127.0.0.1:{port}"
    return server


def collect_static_files(environment):
    if not (Path(settings.CFT_VAR) / "static" / "staticfiles.json").exists():
        collect = [sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"]
        subprocess.run(collect, cwd=ROOT, env=environment, check=True)


class ServerInThread:
    """An ASGI application, served by a thread."""

    def __init__(self):
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self):
        config = uvicorn.Config(self, port=self.port, lifespan="off", log_level="critical")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        return self

    def kill(self):
        self.server.should_exit = True
        self.server.force_exit = True
        self.thread.join(60)


class ScriptedModelServer(ServerInThread):
    """A model server that answers what the test tells it to: so a stream can be seen in its middle.

    `script` is a list of words (or deltas), or "hang" (wait for the client to go), or "break" (end without the end
    mark), or "wait" (until the test sets `go`).
    """

    def __init__(self):
        super().__init__()
        self.script = ["first ", "second"]
        self.requests = []
        self.client_left, self.go = threading.Event(), threading.Event()

    async def __call__(self, scope, receive, send):
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message.get("more_body"):
                break
        if scope["path"] != "/v1/chat/completions":
            await self.reply(send, 200, b'{"object": "list", "data": [{"id": "base"}]}', b"application/json")
            return
        self.requests.append(json.loads(body))
        if not self.requests[-1].get("stream"):
            if "wait" in self.script:
                await asyncio.to_thread(self.go.wait)
            message = {"role": "assistant", "content": "".join(word for word in self.script if word != "wait")}
            whole = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
            await self.reply(send, 200, json.dumps(whole).encode(), b"application/json")
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        for word in self.script:
            if word == "break":
                raise ConnectionAbortedError
            if word == "wait":
                await asyncio.to_thread(self.go.wait)
                continue
            if word == "hang":
                while (await receive())["type"] != "http.disconnect":
                    pass
                self.client_left.set()
                return
            delta = {"content": word} if isinstance(word, str) else word
            await self.send_chunk(send, {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        await self.send_chunk(send, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})

    async def reply(self, send, status, body, content_type):
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", content_type)]})
        await send({"type": "http.response.body", "body": body})

    async def send_chunk(self, send, chunk):
        data = json.dumps({"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "base", **chunk})
        await send({"type": "http.response.body", "body": f"data: {data}\n\n".encode(), "more_body": True})
        await asyncio.sleep(0)


def wait_until(condition, timeout=60.0):
    """What `condition()` returns, as soon as it is truthy; fails after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (result := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return result
