"""What the gateway adds to an answer: milliseconds beside a direct call and beside a plain reverse proxy.

    python -m bench.gateway_overhead [--rates 100 500] [--seconds 12] [--rounds 3] [--out gateway_overhead.json]

The model server is an echo on this machine that answers at once and always alike. It is asked directly, through the
smallest reverse proxy of the same parts (uvicorn and httpx, one process), and through the gateway as it is shipped (one
web process, a private PostgreSQL with fsync): key, lane, consent's subject, recording and audit event included.
Requests carry a dialogue of three turns and are due at even times, whether or not those before were answered; a
millisecond counts from when a request was due. Each rate is measured in rounds of direct, proxy and gateway in turn;
what something adds is the difference of its quantile to that of the direct calls of the same rounds. Where fewer were
answered than were due, the figures are those of a queue and not of the gateway, and the table says so.
"""

import argparse
import asyncio
import json
import os
import platform
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from bench.private import services

CONNECTIONS, WARM_UP, PATIENCE = 128, 50, 120.0
SYSTEM = (
    "You answer for the harbour office of Holt. Say what the tide book says, in one sentence, and nothing else. " * 4
)
ANSWER = "High water in Holt is at 14:20 today, and the pilot keeps the book in which it is written down. " * 2
USERS = 50


# --- the servers ------------------------------------------------------------------------------------------------------
async def read_all(receive: Any) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def reply(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


MODELS = json.dumps({"object": "list", "data": [{"id": "base"}]}).encode()
COMPLETION = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "base",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 150, "completion_tokens": 50, "total_tokens": 200},
    }
).encode()


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """The model server: the same answer, at once."""
    await read_all(receive)
    await reply(send, 200, COMPLETION if scope["path"].endswith("/completions") else MODELS)


class Proxy:
    """A reverse proxy and nothing else."""

    def __init__(self, upstream: str) -> None:
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
        self.client = httpx.AsyncClient(base_url=upstream, limits=limits, trust_env=False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = await read_all(receive)
        headers = {"content-type": "application/json"}
        answer = await self.client.request(scope["method"], scope["path"], content=body, headers=headers)
        await reply(send, answer.status_code, answer.content)


def serve(kind: str, port: int, upstream: str) -> None:
    import uvicorn

    application: Any = echo if kind == "echo" else Proxy(upstream)
    uvicorn.run(application, port=port, lifespan="off", log_level="warning", access_log=False)


@contextmanager
def process(command: Sequence[str], url: str, environment: dict[str, str] | None = None) -> Iterator[str]:
    """A server that answers at `url` within the `with`."""
    running = subprocess.Popen([sys.executable, *command], env=environment)
    try:
        deadline = time.monotonic() + PATIENCE
        while not answers(url):
            if running.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{command[1]} did not start")
            time.sleep(0.1)
        yield url
    finally:
        running.terminate()
        running.wait(30)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=2).status_code < 500
    except httpx.HTTPError:
        return False


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def targets() -> Iterator[tuple[dict[str, str], str]]:
    """The addresses to ask, by name, and the key that the gateway wants."""
    ports = free_ports(3)
    echo_url, proxy_url, web_url = (f"http://127.0.0.1:{port}" for port in ports)
    with services(), ExitStack() as stack:
        key = prepared()
        me = ["-m", "bench.gateway_overhead", "--serve"]
        stack.enter_context(process([*me, "echo", str(ports[0]), ""], echo_url))
        stack.enter_context(process([*me, "proxy", str(ports[1]), echo_url], proxy_url))
        web = ["-m", "uvicorn", "cftapp.asgi:application", "--port", str(ports[2])]
        web += ["--lifespan", "off", "--no-access-log", "--no-proxy-headers"]
        stack.enter_context(process(web, web_url, web_environment(echo_url)))
        yield {"direct": echo_url, "proxy": proxy_url, "gateway": web_url}, key


def web_environment(model_server: str) -> dict[str, str]:
    from cftapp.access.roles import environment_for

    given = {"CFT_MODEL_SERVER_URL": model_server, "CFT_API_REQUESTS_PER_MINUTE": "10000000"}
    return dict(environment_for("web", os.environ)) | given | {"DJANGO_SETTINGS_MODULE": "cftapp.settings"}


def prepared() -> str:
    """A base model as champion and a source whose subjects are all of the training lane; returns a key of it."""
    from feedback.actions import issue_api_key, register_source
    from serving.releases.actions import install_base

    install_base("b" * 64, by="process:bench")
    source = register_source("bench", "Bench", held_out_percent=0, by="process:bench")
    return issue_api_key(source, "bench", by="process:bench")[1]


# --- the load ---------------------------------------------------------------------------------------------------------
def request(url: str, key: str, user: int) -> bytes:
    messages = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": f"When is high water in Holt, in week {user}?"},
        {"role": "assistant", "content": ANSWER},
        {"role": "user", "content": "And who wrote that down?"},
    ]
    body = json.dumps({"model": "champion", "messages": messages, "user": f"user-{user}", "temperature": 0}).encode()
    head = [
        "POST /v1/chat/completions HTTP/1.1",
        f"Host: {url.removeprefix('http://')}",
        f"Authorization: Bearer {key}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


class Connection:
    """One kept connection; as little as HTTP allows, so that the client costs little."""

    def __init__(self, url: str) -> None:
        self.host, _, port = url.removeprefix("http://").partition(":")
        self.port = int(port)
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def status_of(self, request: bytes) -> int:
        if self.streams is None:
            self.streams = await asyncio.open_connection(self.host, self.port)
        reader, writer = self.streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.split("content-length:")[1].split("\r\n")[0])
        await reader.readexactly(length)
        if "connection: close" in head:
            writer.close()
            self.streams = None
        return int(head.split(" ", 2)[1])


@dataclass
class Tally:
    """Milliseconds from when each request was due, what was answered, and how long all of it took."""

    millis: list[float] = field(default_factory=list)
    codes: Counter[int] = field(default_factory=Counter)
    due: int = 0
    seconds: float = 0.0

    def add(self, other: "Tally") -> None:
        self.millis += other.millis
        self.codes += other.codes
        self.due += other.due
        self.seconds += other.seconds


async def load(url: str, key: str, rate: float, seconds: float) -> Tally:
    """Requests at even times over kept connections; those that find none free wait for one, and it counts."""
    bodies = [request(url, key, user) for user in range(USERS)]
    free: asyncio.Queue[Connection] = asyncio.Queue()
    connections = [Connection(url) for _ in range(CONNECTIONS)]
    for connection in connections:
        free.put_nowait(connection)
    tally = Tally(due=round(rate * seconds))

    async def ask(number: int, due: float) -> None:
        connection = await free.get()
        try:
            tally.codes[await connection.status_of(bodies[number % USERS])] += 1
            tally.millis.append(1000 * (time.perf_counter() - due))
        except (OSError, asyncio.IncompleteReadError):
            tally.codes[0] += 1
            connection.streams = None
        finally:
            free.put_nowait(connection)

    began = time.perf_counter()
    asked = []
    for number in range(tally.due):
        due = began + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        asked.append(asyncio.create_task(ask(number, due)))
    await asyncio.gather(*asked)
    tally.seconds = time.perf_counter() - began
    for connection in connections:
        if connection.streams:
            connection.streams[1].close()
    return tally


def measure(urls: dict[str, str], key: str, rate: float, seconds: float, rounds: int) -> dict[str, Any]:
    tallies = {name: Tally() for name in urls}
    for _ in range(rounds):
        for name, url in urls.items():
            tallies[name].add(asyncio.run(load(url, key, rate, seconds / rounds)))
    return {name: figures(tally) for name, tally in tallies.items()}


def figures(tally: Tally) -> dict[str, Any]:
    good = sum(count for code, count in tally.codes.items() if code == 200)
    p50, p99 = np.quantile(tally.millis, [0.5, 0.99]) if tally.millis else (float("nan"), float("nan"))
    return {
        "due": tally.due,
        "answered": good,
        "answered_per_second": round(good / tally.seconds, 1),
        "p50_ms": round(float(p50), 2),
        "p99_ms": round(float(p99), 2),
        "codes": {str(code): count for code, count in sorted(tally.codes.items())},
    }


# --- the table --------------------------------------------------------------------------------------------------------
def table(results: dict[str, dict[str, Any]]) -> str:
    lines = [f"{'due/s':>6} {'asked':8} {'answered/s':>11} {'p50 ms':>9} {'p99 ms':>9} {'adds p50':>9} {'adds p99':>9}"]
    for rate, measured in results.items():
        direct = measured["direct"]
        for name, r in measured.items():
            added = [r[quantile] - direct[quantile] for quantile in ("p50_ms", "p99_ms")]
            keeps_up = r["answered"] == r["due"] and r["answered_per_second"] > 0.95 * float(rate)
            note = "" if keeps_up else f"  more than it answers; codes {r['codes']}"
            lines.append(
                f"{rate:>6} {name:8} {r['answered_per_second']:11.1f} {r['p50_ms']:9.2f} {r['p99_ms']:9.2f}"
                f" {added[0]:9.2f} {added[1]:9.2f}{note}"
            )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=int, nargs="+", default=[100, 500])
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("gateway_overhead.json"))
    parser.add_argument("--serve", nargs=3, metavar=("KIND", "PORT", "UPSTREAM"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve[0], int(options.serve[1]), options.serve[2])
        return 0
    with targets() as (urls, key):
        for url in urls.values():
            asyncio.run(load(url, key, WARM_UP, 2))
        print("ready", file=sys.stderr, flush=True)
        load_before = os.getloadavg()[0]
        rates = {str(rate): measure(urls, key, rate, options.seconds, options.rounds) for rate in options.rates}
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    about = {"day": datetime.now(UTC).date().isoformat(), **machine, "load_before": round(load_before, 2)}
    print(table(rates))
    options.out.write_text(json.dumps({"about": about, "rates": rates}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
