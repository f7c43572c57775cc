"""What lies in Redis is data: whoever can write there can run nothing in the processes that read it."""

import os
import pickle
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from kombu.exceptions import ContentDisallowed
from kombu.serialization import loads

from cftapp.celery import app
from cftapp.operations.heartbeat import key

pytestmark = pytest.mark.django_db


class Trap:
    """Runs a command in whoever unpickles it."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.fixture
def trap(tmp_path):
    return pickle.dumps(Trap(tmp_path / "ran"))


def plant(name, value):
    redis.from_url(settings.REDIS_URL).set(cache.make_key(name), value)


def test_a_pickle_where_readiness_looks_runs_nothing(trap, tmp_path, services):
    for role in ("curator", "screener", "trainer", "evaluator"):
        plant(key(role), trap)
    try:
        answer = Client().get("/readyz")
    finally:
        cache.clear()
    assert not (tmp_path / "ran").exists()
    assert answer.status_code == 503
    assert answer.json()["workers"] == "silent: curator, screener, trainer, evaluator"


@pytest.mark.parametrize("planted", [b"[" * 100_000, b'"late"', b"{}", b"\xff", b"1e400"])
def test_nor_does_anything_else_break_it(planted, services):
    plant(key("curator"), planted)
    try:
        assert Client().get("/readyz").status_code == 503
    finally:
        cache.clear()


def test_the_cache_keeps_what_json_holds(services):
    for value in (3, "three", [3, None, {"three": True}]):
        cache.set("kept", value)
        assert cache.get("kept") == value
    cache.set("count", 1)
    assert cache.incr("count") == 2
    cache.clear()


def test_a_pickled_message_is_refused_by_every_worker(trap, tmp_path):
    with pytest.raises(ContentDisallowed):
        loads(trap, "application/x-python-serialize", "binary", accept=app.conf.accept_content)
    assert app.conf.result_accept_content in (None, ["json"])
    assert not (tmp_path / "ran").exists()


def test_no_process_keeps_pickles_of_its_own():
    assert app.conf.beat_scheduler == "celery.beat:Scheduler"  # the usual one keeps a shelf of pickles
    assert settings.SESSION_SERIALIZER == "django.contrib.sessions.serializers.JSONSerializer"
