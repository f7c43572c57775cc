"""What an answer costs beside the model's own work: few statements, one commit, hardly a way to another thread."""

import asyncio
import json
import threading
from contextvars import Context
from typing import Any

import pytest
from asgiref.sync import SyncToAsync
from django.core.cache import caches
from django.db import connection
from django.http import HttpRequest
from django.test import AsyncClient, RequestFactory
from django.test.utils import CaptureQueriesContext

from feedback.actions import issue_api_key
from feedback.models import Interaction, Subject
from serving.gateway import openai_format
from serving.gateway.answers import Answered, recorded
from serving.gateway.asking import Asked, asked_by
from serving.gateway.recording import record
from serving.gateway.routing import champion_targets
from serving.gateway.threads import run_in_database_thread
from serving.releases.actions import promote, roll_back
from tests.support import serving_rows

pytestmark = pytest.mark.django_db(transaction=True)
ANSWER = {0: Answered(recorded({"role": "assistant", "content": "At 14:20."}))}


@pytest.fixture
def request_of_ana(rf: RequestFactory) -> HttpRequest:
    """A request to the gateway of somebody who was answered before."""
    serving_rows.base_release()
    source = serving_rows.source()
    Subject.objects.get_or_open(source, "ana")
    _, token = issue_api_key(source, "test", by="process:test")
    body = {"model": "champion", "user": "ana", "messages": [{"role": "user", "content": "When is high water?"}]}
    headers = {"Authorization": f"Bearer {token}"}
    return rf.post("/v1/chat/completions", json.dumps(body), content_type="application/json", headers=headers)


def asked_in(request: HttpRequest) -> Asked:
    asked = asked_by(request)
    assert isinstance(asked, Asked)
    return asked


def kinds(queries: CaptureQueriesContext) -> list[str]:
    """The first word of each statement."""
    return [query["sql"].split()[0] for query in queries]


def test_who_asks_and_who_answers_are_one_statement_each(request_of_ana: HttpRequest) -> None:
    with CaptureQueriesContext(connection) as queries:
        asked = asked_in(request_of_ana)
    assert [target.served_name for target in asked.targets] == ["base"]
    assert kinds(queries) == ["SELECT", "SELECT"]


def test_a_champion_and_its_predecessor_are_one_statement_and_after_a_roll_back_two() -> None:
    serving_rows.base_release()
    release, gate = serving_rows.candidate()
    promote(release, gate, by="process:test")
    with CaptureQueriesContext(connection) as queries:
        targets = champion_targets()
    assert [target.title for target in targets] == ["v1", "v0"] and kinds(queries) == ["SELECT"]
    roll_back(by="process:test")
    with CaptureQueriesContext(connection) as queries:
        targets = champion_targets()
    assert [target.title for target in targets] == ["v0"] and kinds(queries) == ["SELECT", "SELECT"]


def test_the_interaction_and_its_event_are_one_transaction_without_a_statement_too_many(
    request_of_ana: HttpRequest,
) -> None:
    pending = asked_in(request_of_ana).pending
    with CaptureQueriesContext(connection) as queries:
        record(pending, ANSWER, "base", is_new=True)
    assert kinds(queries) == ["BEGIN", "SELECT", "INSERT", "SELECT", "COMMIT"]
    assert "feedback_subject" in queries[1]["sql"] and "audit_append" in queries[3]["sql"]


def test_what_was_tried_before_is_looked_for_first(request_of_ana: HttpRequest) -> None:
    pending = asked_in(request_of_ana).pending
    [first], [again] = record(pending, ANSWER, "base", is_new=True), record(pending, ANSWER, "base")
    assert again.already_recorded and again == first == Interaction.objects.get()


def steps_taken(monkeypatch: pytest.MonkeyPatch, path: str) -> tuple[Any, list[str]]:
    """The response to a request at this address, and what was taken to another thread for it."""
    steps: list[str] = []
    call = SyncToAsync.__call__

    async def counted(self: Any, *args: Any, **options: Any) -> Any:
        steps.append(self.func.__qualname__)
        return await call(self, *args, **options)

    monkeypatch.setattr(SyncToAsync, "__call__", counted)
    response = asyncio.run(AsyncClient().get(path))  # type: ignore[arg-type]
    return response, [step for step in steps if "process_" in step]


def test_no_step_of_the_pages_middleware_is_taken(monkeypatch: pytest.MonkeyPatch, services: object) -> None:
    response, steps = steps_taken(monkeypatch, "/v1/models")
    assert response.status_code == 401 and steps == []
    assert response["X-Content-Type-Options"] == "nosniff" and response["Cache-Control"] == "no-store"
    assert response["X-Request-ID"] and response["Content-Length"] == str(len(response.content))


def test_a_page_goes_the_long_way(monkeypatch: pytest.MonkeyPatch, services: object) -> None:
    response, steps = steps_taken(monkeypatch, "/accounts/login/")
    assert response.status_code == 200 and any("Session" in step for step in steps)


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("/v1/models/", {}, 401),
        ("/v1/nothing", {}, 404),
        ("/v1/models", {"Host": "evil.example"}, 400),
        ("/v1/models?a=%00", {}, 400),
    ],
)
def test_whatever_is_refused_is_refused_on_either_way(
    address: str, headers: dict[str, str], status: int, services: object
) -> None:
    async def ask() -> Any:
        return await AsyncClient().get(address, headers=headers)  # type: ignore[arg-type]

    response = asyncio.run(ask())
    assert response.status_code == status and response.json()["error"]["message"]


def test_requests_share_their_connections_to_redis(services: object) -> None:
    def pool() -> object:
        return caches["default"]._cache.get_client().connection_pool  # type: ignore[attr-defined]

    assert Context().run(pool) is Context().run(pool)


def test_what_a_thread_of_the_database_does_knows_its_request() -> None:
    import structlog

    async def ask() -> dict[str, Any]:
        with structlog.contextvars.bound_contextvars(request_id="r-1"):
            return await run_in_database_thread(structlog.contextvars.get_contextvars)

    assert asyncio.run(ask()) == {"request_id": "r-1"}


def test_a_body_is_read_away_from_the_event_loop(request_of_ana: HttpRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    readers: list[str] = []

    def parsed(raw: bytes) -> None:
        readers.append(threading.current_thread().name.partition("_")[0])
        raise openai_format.GatewayError(400, "No.")

    monkeypatch.setattr(openai_format, "parse_chat", parsed)
    headers = {"Authorization": request_of_ana.headers["Authorization"]}

    async def ask() -> Any:
        return await AsyncClient().post(request_of_ana.path, {}, "application/json", headers=headers)  # type: ignore[arg-type]

    assert asyncio.run(ask()).status_code == 400 and readers == ["asking"]
