"""Who waits, for the model or for the vault, keeps no connection and no thread from those who need neither."""

import asyncio
import threading
import uuid
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import LazySettings
from django.db import connection, connections
from django.test import AsyncClient, Client
from django.utils import timezone

from cftapp.access.databases import POOL_SIZE, connection_settings
from feedback.actions import issue_api_key
from feedback.models import Interaction
from serving.gateway import recording
from serving.gateway.answers import Answered, recorded
from serving.gateway.recording import PendingInteraction, record_durably
from serving.gateway.threads import ASKING, RECORDING
from tests.support import serving_rows
from tests.support.tool_server import ToolServer

pytestmark = pytest.mark.django_db(transaction=True)
ANSWER = {0: Answered(recorded({"role": "assistant", "content": "At 14:20."}))}


def test_a_form_that_waits_for_the_model_holds_no_connection(
    tool_server: ToolServer, settings: LazySettings, monkeypatch: pytest.MonkeyPatch, services: object
) -> None:
    serving_rows.base_release()
    settings.CFT_MODEL_SERVER_URL = tool_server.url
    of_request, held, said = connections["default"], [], tool_server.said

    def looked(*args: Any) -> Any:
        held.append(of_request.connection is not None)
        return said(*args)

    monkeypatch.setattr(tool_server, "said", looked)
    visitor, after = Client(), ""
    for question in ("When is high water?", "And tomorrow?"):
        connection.close()
        page = visitor.post("/playground/", {"prompt": question, "after": after}, follow=True)
        after = str(page.context["after"])
    assert Interaction.objects.count() == 2 and held == [False, False]


def test_a_stream_holds_no_connection_of_the_session_that_it_began(
    tool_server: ToolServer, settings: LazySettings, services: object
) -> None:
    serving_rows.base_release()
    settings.CFT_MODEL_SERVER_URL = tool_server.url

    async def ask() -> tuple[bytes, bool]:
        """The first event, and whether the thread that saved the visitor's session has a connection then."""
        response: Any = await AsyncClient().post("/playground/ask/", {"prompt": "When is high water?"})
        assert response.cookies
        events = aiter(response)
        first, held = await anext(events), await sync_to_async(lambda: connection.connection is not None)()
        [event async for event in events]
        return first, held

    first, held = asyncio.run(ask())
    assert first.startswith(b"data: ") and not held


def test_a_key_is_checked_while_recordings_wait(monkeypatch: pytest.MonkeyPatch, services: object) -> None:
    serving_rows.base_release()
    source = serving_rows.source()
    _, token = issue_api_key(source, "test", by="process:test")
    begun, go_on = threading.Event(), threading.Event()

    def waiting(*_: Any) -> list[Interaction]:
        begun.set()
        assert go_on.wait(60)
        return []

    monkeypatch.setattr(recording, "record", waiting)
    pending = PendingInteraction(uuid.uuid4(), source, "ana", "When?", timezone.now(), "process:test")

    async def ask() -> Any:
        recordings = [asyncio.create_task(record_durably(pending, ANSWER, "base")) for _ in range(POOL_SIZE)]
        try:
            await asyncio.to_thread(begun.wait)
            headers = {"Authorization": f"Bearer {token}"}
            return await asyncio.wait_for(AsyncClient().get("/v1/models", headers=headers), 30)  # type: ignore[arg-type]
        finally:
            go_on.set()
            await asyncio.gather(*recordings)

    assert asyncio.run(ask()).status_code == 200


def test_the_threads_of_the_gateway_leave_connections_to_pages() -> None:
    pool = connection_settings("postgresql:///cft", "web")["OPTIONS"]["pool"]
    assert ASKING._max_workers + RECORDING._max_workers < pool["max_size"]
