"""The header's figures: one statement that the web's role may run, read at most every two seconds."""

from collections.abc import Callable

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from cftapp.console import counts


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "kept", counts.Kept())


def test_an_empty_pipeline_counts_nothing(db: None) -> None:
    now = counts.counts()
    assert (now.to_triage, now.pairs, now.last_gate, now.live_run) == (0, 0, None, None)


def test_it_is_one_statement(db: None) -> None:
    with CaptureQueriesContext(connection) as asked:
        counts.counts()
        counts.counts()
    assert len(asked) == 1


def test_it_is_read_again_when_it_is_old(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    before = counts.counts().roleless
    User.objects.create_user("newcomer")
    assert counts.counts().roleless == before
    monkeypatch.setattr(counts, "KEEP_SECONDS", -1.0)
    assert counts.counts().roleless == before + 1


def test_a_post_with_a_session_makes_the_next_page_count_anew(client: Client, db: None) -> None:
    edda = User.objects.create_user("edda")
    client.force_login(edda)
    before = counts.counts().roleless
    User.objects.create_user("newcomer")
    client.get("/")
    assert counts.counts().roleless == before
    client.post("/accounts/logout/")
    assert counts.counts().roleless == before + 1


@pytest.mark.django_db(transaction=True)
def test_the_web_role_may_run_it(connect_as: Callable[..., psycopg.Connection]) -> None:
    with connect_as("web") as session:
        cursor = session.execute(counts.STATEMENT)
        assert tuple(column.name for column in cursor.description or ()) == counts.NAMES
