"""A request that never ends, or lies about its length, is cut off before anything is kept of it."""

import asyncio

import pytest

from cftapp.operations.limits import LimitedBodies


def ask(parts, headers=(), most=10):
    """Send a body in parts; returns what the application read, None if it lost its client, and the statuses sent."""
    read, sent, messages = [], [], iter(parts)

    async def receive():
        part = next(messages, None)
        if part is None:
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.request", "body": part, "more_body": True}

    async def send(message):
        sent.append(message)

    async def application(scope, receive, send):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                read.append(None)
                break
            read.append(message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    scope = {"type": "http", "path": "/", "headers": list(headers)}
    asyncio.run(LimitedBodies(application, most)(scope, receive, send))
    return read, [message["status"] for message in sent if message["type"] == "http.response.start"]


def test_what_fits_passes():
    assert ask([b"12345", b"67890"]) == ([b"12345", b"67890", b""], [200])


def test_a_chunked_body_is_counted_as_it_comes():
    read, statuses = ask([b"12345", b"67890", b"1", b"never read"])
    assert read == [b"12345", b"67890", None]
    assert statuses == [413]


@pytest.mark.parametrize("length", [b"11", b"99999999999999999999"])
def test_a_declared_length_is_refused_at_once(length):
    assert ask([b"1"], [(b"content-length", length)]) == ([], [413])


def test_a_length_that_is_a_lie_does_not_help():
    assert ask([b"1" * 11], [(b"content-length", b"3")])[1] == [413]


def test_the_site_stands_behind_it():
    from cftapp.asgi import application

    assert isinstance(application, LimitedBodies)
