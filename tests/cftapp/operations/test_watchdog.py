"""A worker that has gone deaf leaves; a busy one, and one whose Redis is away, stay."""

import time

import pytest

from cftapp.operations import heartbeat
from cftapp.operations.heartbeat import DEAF_AFTER, DEAF_STATUS, Watchdog


@pytest.fixture
def left() -> list[int]:
    return []


@pytest.fixture
def watchdog(left, monkeypatch) -> Watchdog:
    monkeypatch.setattr(heartbeat, "is_busy", lambda: False)
    monkeypatch.setattr(heartbeat.beat, "apply_async", lambda *_, **__: None)
    monkeypatch.setattr(heartbeat, "tell", lambda role: None)
    return Watchdog(queue="curation", role="curator", leave=left.append)


def test_it_leaves_when_its_own_messages_do_not_arrive(watchdog, left):
    watchdog.heard = time.monotonic() - DEAF_AFTER - 1
    watchdog.tick()
    assert left == [DEAF_STATUS]


def test_it_stays_when_a_message_arrives(watchdog, left):
    watchdog.heard = time.monotonic() - DEAF_AFTER - 1
    watchdog.hear()
    watchdog.tick()
    assert left == []


def test_it_stays_while_a_task_runs(watchdog, left, monkeypatch):
    monkeypatch.setattr(heartbeat, "is_busy", lambda: True)
    watchdog.heard = time.monotonic() - DEAF_AFTER - 1
    watchdog.tick()
    assert left == []


def test_the_silence_of_an_absent_redis_is_not_its_own(watchdog, left, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(heartbeat.beat, "apply_async", refuse)
    watchdog.heard = time.monotonic() - DEAF_AFTER + 1
    before = time.monotonic()
    watchdog.tick()
    assert left == []
    assert watchdog.heard >= before
