"""The people and sources of these tests."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection, connections
from django.test import Client

from feedback.actions import issue_api_key, register_source
from feedback.models import ApiKey, Source
from tests.support.people import person

SECRET_WORDS = "zyzzyva quokka 4711"


@pytest.fixture(autouse=True)
def fresh_cache(request: pytest.FixtureRequest) -> None:
    if "django_db_setup" in request.fixturenames:
        cache.clear()


@pytest.fixture
def shop(db: None) -> Source:
    """A web shop; all its users are of the training lane."""
    return register_source("shop", "Shop", held_out_percent=0, by="process:test")


@pytest.fixture
def exam(db: None) -> Source:
    """The same, all held out."""
    return register_source("exam", "Exam", held_out_percent=100, by="process:test")


@pytest.fixture
def rosa(db: None) -> User:
    return person("rosa", "reviewer")


@pytest.fixture
def carl(db: None) -> User:
    return person("carl", "compliance")


@pytest.fixture
def ada(db: None) -> User:
    return person("ada", "admin")


@pytest.fixture
def outsider(db: None) -> User:
    return person("otto")


class Application:
    """An application that posts with a key."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.key: ApiKey
        self.key, self.token = issue_api_key(source, "test", by="process:test")
        self.client = Client()

    def at_once(self, count: int, path: str, body: Any, *, idempotency_key: str = "") -> list[Any]:
        """The same post from `count` threads that start together."""
        start = threading.Barrier(count)

        def post(_: int) -> Any:
            start.wait()
            try:
                return self.post(path, body, idempotency_key=idempotency_key)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(post, range(count)))

    def post(self, path: str, body: Any, *, idempotency_key: str = "", raw: bytes | None = None, **headers: str) -> Any:
        sent = {"Authorization": f"Bearer {self.token}"} | headers
        if idempotency_key:
            sent["Idempotency-Key"] = idempotency_key
        data = json.dumps(body).encode() if raw is None else raw
        content_type = sent.pop("Content-Type", "application/json")
        return self.client.post(f"/api/v1/{path}", data, content_type=content_type, headers=sent)

    def get(self, path: str) -> Any:
        return self.client.get(path if path.startswith("http") else f"/api/v1/{path}", headers=self.authorization)

    @property
    def authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def interaction(self, subject: str = "u-1", **fields: Any) -> str:
        body = {"subject": subject, "prompt": "How long is the refund window?", "answer": "14 days."} | fields
        response = self.post("interactions/", body)
        assert response.status_code == 201, response.content
        return response.json()["id"]


@pytest.fixture
def application(shop: Source) -> Application:
    return Application(shop)


@pytest.fixture
def examined(exam: Source) -> Application:
    return Application(exam)


@pytest.fixture
def mailbox(db: None) -> Callable[[], list[tuple[str, str, dict[str, Any]]]]:
    """What lies in the vault's mailbox: (kind, object id, content), oldest first."""

    def read() -> list[tuple[str, str, dict[str, Any]]]:
        with connections["vault"].cursor() as cursor:
            cursor.execute("SELECT kind, object_id, content FROM vault_mailboxentry ORDER BY id")
            return [(kind, str(key), json.loads(content)) for kind, key, content in cursor.fetchall()]

    return read


@pytest.fixture
def default_database_text(db: None) -> Callable[[], str]:
    """All rows of all tables of the default database, as text."""

    def read() -> str:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT quote_ident(relname) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
                " WHERE n.nspname = 'public' AND relkind = 'r'"
            )
            parts = []
            for (table,) in cursor.fetchall():
                cursor.execute(f"SELECT coalesce(string_agg(row::text, '\n'), '') FROM {table} AS row")
                parts.append(cursor.fetchone()[0])
            cursor.execute("SELECT coalesce(string_agg(convert_from(body, 'UTF8'), '\n'), '') FROM audit_event")
            return "\n".join([*parts, cursor.fetchone()[0]])

    return read


@pytest.fixture
def event_names(db: None) -> Callable[[], list[str]]:
    def read() -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM audit_event ORDER BY id")
            return [name for (name,) in cursor.fetchall()]

    return read
