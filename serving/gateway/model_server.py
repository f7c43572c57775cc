"""Client of the model server: any OpenAI-compatible server that loads LoRA adapters while it runs.

Written against `serving.engine` and vLLM (`VLLM_ALLOW_RUNTIME_LORA_UPDATING`). Adapters have content-addressed names,
so a loaded name has the right content, and loads do not survive the server's restart: whoever finds a model missing
loads it again.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Coroutine
from functools import cache
from pathlib import Path
from threading import Semaphore
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import httpx
from django.conf import settings

TIMEOUT = httpx.Timeout(connect=2.0, read=120.0, write=10.0, pool=10.0)  # seconds
LIMITS = httpx.Limits(max_connections=200, max_keepalive_connections=20)
PULSE_EVERY, SILENT_AFTER = 2.0, 6.0
"""While a call waits, the server is asked for a sign of life this often; it may take this many seconds."""
NEXT_CHUNK_WITHIN = 30.0

Chunk = dict[str, Any]
T = TypeVar("T")


class Unreachable(Exception):
    """The server does not answer, or stopped in the middle of an answer."""


class Busy(Exception):
    """As many calls as this process allows wait for the server already."""


class ModelMissing(Exception):
    """The server does not know the model."""


class NotLoaded(Exception):
    """The server could not load the adapter; the message says why."""


class Rejected(Exception):
    """The server answered with an error of its own."""

    def __init__(self, status: int, message: str, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param


_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = WeakKeyDictionary()
_loading: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Lock]] = WeakKeyDictionary()


def shared_client() -> httpx.AsyncClient:
    """A client with a connection pool for each event loop; no proxy of the environment is used for a neighbour."""
    loop = asyncio.get_running_loop()
    if loop not in _clients:
        _clients[loop] = httpx.AsyncClient(timeout=TIMEOUT, limits=LIMITS, trust_env=False)
    return _clients[loop]


@cache
def places() -> Semaphore:
    """A place for each call that may be with the server at a time: a server that hangs must not gather the rest."""
    return Semaphore(settings.CFT_MODEL_SERVER_CALLS)


class Place:
    """One of the places, from now until it is left. Raises Busy where none is free."""

    def __init__(self) -> None:
        self._taken = places().acquire(blocking=False)
        if not self._taken:
            raise Busy(f"{settings.CFT_MODEL_SERVER_CALLS} calls wait already")

    def leave(self) -> None:
        """Free it; leaving twice is leaving once."""
        if self._taken:
            self._taken = False
            places().release()

    __del__ = leave  # of a stream that nobody got to hold

    def __enter__(self) -> "Place":
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()


class Stream:
    """A streamed answer: read its chunks, then close it. Closing early makes the server stop."""

    def __init__(self, response: httpx.Response, place: Place) -> None:
        self._response, self._place = response, place

    async def chunks(self) -> AsyncGenerator[Chunk]:
        """Every chunk up to the end mark. Unreachable if the stream ends without it, Rejected for an error event."""
        patience = None  # who waits for the first chunk also watches whether the server lives
        lines = self._response.aiter_lines()
        try:
            while True:
                async with asyncio.timeout(patience):
                    line = await anext(lines, None)
                if line is None:
                    raise Unreachable("the answer ended without its end mark")
                if not line.startswith("data:"):
                    continue
                data = line[5:].strip()
                if data == "[DONE]":
                    return
                patience = NEXT_CHUNK_WITHIN
                yield _chunk(data)
        except (httpx.HTTPError, TimeoutError) as error:
            raise Unreachable(f"the answer broke off ({type(error).__name__})") from error

    async def aclose(self) -> None:
        self._place.leave()
        await self._response.aclose()


def _chunk(data: str) -> Chunk:
    try:
        chunk = json.loads(data)
    except ValueError as error:
        raise Rejected(502, "The model server sent a chunk that is not JSON.") from error
    if not isinstance(chunk, dict):
        raise Rejected(502, "The model server sent a chunk that is not an object.")
    if error_body := chunk.get("error"):
        raise Rejected(502, _message(error_body), "model_server_error")
    return chunk


class ModelServer:
    """The server at `url` (scheme, host and port)."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    async def models(self) -> set[str]:
        """The names of the models that it serves now."""
        response = await self._request("GET", "/v1/models")
        _raise_for(response.status_code, response.content)
        return {str(model["id"]) for model in response.json()["data"]}

    async def while_alive(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, however long it takes; Unreachable as soon as the server shows no life meanwhile.

        A stopped process still accepts connections: that nothing comes may be a long answer, or none ever.
        """
        answer, silence = asyncio.create_task(work), asyncio.create_task(self._silence())
        try:
            await asyncio.wait((answer, silence), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise Unreachable("it shows no sign of life")
            return answer.result()
        finally:
            answer.cancel()
            silence.cancel()
            await asyncio.gather(answer, silence, return_exceptions=True)

    async def _silence(self) -> None:
        """Ends when the server does not answer the simplest question in time."""
        try:
            while True:
                await asyncio.sleep(PULSE_EVERY)
                await shared_client().get(f"{self._url}/v1/models", timeout=SILENT_AFTER)
        except httpx.HTTPError:
            return

    async def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """A whole `chat.completion`. Busy, Unreachable, ModelMissing or Rejected on failure."""
        with Place():
            request = self._request("POST", "/v1/chat/completions", {**body, "stream": False})
            response = await self.while_alive(request)
        _raise_for(response.status_code, response.content)
        completion = _json(response.content)
        if not completion.get("choices"):
            raise Rejected(502, "The model server sent an answer without choices.")
        return completion

    async def stream(self, body: dict[str, Any]) -> Stream:
        """A `chat.completion.chunk` stream that has begun to answer with status 200. Errors as of `complete`."""
        place = Place()
        try:
            return Stream(await self._begin(body), place)
        except BaseException:
            place.leave()
            raise

    async def _begin(self, body: dict[str, Any]) -> httpx.Response:
        client = shared_client()
        request = client.build_request("POST", f"{self._url}/v1/chat/completions", json={**body, "stream": True})
        try:
            response = await client.send(request, stream=True)
        except httpx.HTTPError as error:
            raise Unreachable(type(error).__name__) from error
        if response.status_code != 200:
            try:
                content = await response.aread()
            except httpx.HTTPError as error:
                raise Unreachable(type(error).__name__) from error
            finally:
                await response.aclose()
            _raise_for(response.status_code, content)
        return response

    async def load(self, name: str, folder: Path) -> None:
        """Load an adapter under its content-addressed name, once for several requests. NotLoaded on failure."""
        locks = _loading.setdefault(asyncio.get_running_loop(), {})
        async with locks.setdefault(name, asyncio.Lock()):
            if name in await self.models():
                return
            body = {"lora_name": name, "lora_path": str(folder)}
            response = await self.while_alive(self._request("POST", "/v1/load_lora_adapter", body))
            if response.status_code != 200 and name not in await self.models():
                raise NotLoaded(_message(_json(response.content)))

    async def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        try:
            timeout = SILENT_AFTER if method == "GET" else TIMEOUT
            return await shared_client().request(method, self._url + path, json=body, timeout=timeout)
        except httpx.HTTPError as error:
            raise Unreachable(type(error).__name__) from error


def _raise_for(status: int, content: bytes) -> None:
    if status == 200:
        return
    body = _json(content)
    if status == 404:
        raise ModelMissing(_message(body))
    error = body["error"] if isinstance(body.get("error"), dict) else {}
    code, param = (str(error[name]) if error.get(name) else None for name in ("code", "param"))
    raise Rejected(status, _message(body), code, param)


def _json(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _message(body: Any) -> str:
    """The message in an error body of OpenAI's format, of vLLM's or of Starlette's; at most 500 characters."""
    if isinstance(body, dict):
        error = body.get("error", body)
        body = (error.get("message") or error.get("detail")) if isinstance(error, dict) else error
    return str(body)[:500] if body else "The model server gave no reason."
