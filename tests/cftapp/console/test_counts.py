"""The header's figures: one statement that the web's role may run, read at most every two seconds."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from cftapp.base.declared import declared
from cftapp.console import counts

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is read is kept for as long as a test takes, on a slow machine too."""
    monkeypatch.setattr(counts, "kept", counts.Kept())
    monkeypatch.setattr(counts, "KEEP_SECONDS", 3600.0)


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
        cursor = session.execute(counts.statement())
        assert tuple(column.name for column in cursor.description or ()) == counts.NAMES


def test_every_declared_figure_has_a_type_and_every_one_is_declared() -> None:
    assert declared("counts", "COUNTS").keys() == set(counts.NAMES)


def test_every_figure_is_shown_somewhere() -> None:
    pages = [*(ROOT / "cftapp/console").glob("*.py"), *(ROOT / "templates").rglob("*.html")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in pages)
    assert [name for name in counts.NAMES if f"now.{name}" not in text] == []
