"""How large a request may be, whatever it says about itself.

Django takes a body in whole, on disk, before it knows who sent it, and its own limit trusts `Content-Length`, which a
chunked request does not have. So bytes are counted here, where they arrive.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from cftapp.operations.errors import TOO_LARGE, as_json

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

MOST_BYTES = 24 * 2**20
"""The largest upload there is, a benchmark's file of 20 MiB, and room for its form."""


class LimitedBodies:
    """ASGI middleware: answers 413 and hangs up once a request holds more than `most` bytes."""

    def __init__(self, application: Application, most: int = MOST_BYTES) -> None:
        self.application, self.most = application, most

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.application(scope, receive, send)
        if declared(scope) > self.most:
            return await refuse(scope, send)
        received, refused = 0, False

        async def count() -> Message:
            nonlocal received, refused
            message = await receive()
            received += len(message.get("body", b""))
            if received <= self.most:
                return message
            if not refused:
                refused = True
                await refuse(scope, send)
            return {"type": "http.disconnect"}

        async def answer(message: Message) -> None:
            if not refused:
                await send(message)

        return await self.application(scope, count, answer)


def declared(scope: Message) -> int:
    """The length that the request names; 0 if it names none."""
    length = dict(scope["headers"]).get(b"content-length", b"")
    return int(length[:18]) if length.isdigit() else 0


async def refuse(scope: Message, send: Send) -> None:
    plain = "text/plain; charset=utf-8", f"{TOO_LARGE}\n".encode()
    content_type, body = as_json(scope["path"], 413, TOO_LARGE) or plain
    headers = [(b"content-type", content_type.encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
