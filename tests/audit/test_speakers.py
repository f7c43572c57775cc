"""A login records what its rows of the table let it say, as itself or as whom it acts for, at the time that it is."""

import json
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

import psycopg
import pytest
import rfc8785
from django.contrib.auth.models import User
from django.db import DataError, connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from audit import vocabulary
from audit.actions import record
from audit.models import Event
from cftapp.access.speakers import OWNER_ONLY, SPEAKERS, rows

pytestmark = pytest.mark.django_db(transaction=True)
WORKERS = ["curator", "screener", "trainer", "evaluator", "beat", "sealer"]


def say(session: psycopg.Connection, name: str, actor: Any, **more: Any) -> int:
    said = {"name": name, "actor": actor, "used": [], "generated": [], "detail": {}, **more}
    row = session.execute("SELECT audit_append(%s)", [json.dumps(said).encode()]).fetchone()
    assert row
    return int(row[0])


@pytest.mark.parametrize("role", WORKERS)
@pytest.mark.parametrize("speaker", ["user:1", "itself", "visitor", "process:web", "process:owner"])
def test_a_promotion_forged_by_a_worker_s_login_is_refused(connect_as: Any, role: str, speaker: str) -> None:
    actor = f"process:{role}" if speaker == "itself" else speaker
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match=f"cft_{role} may not record champion.promoted"):
        say(connect_as(role), "champion.promoted", actor)
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    ("role", "name", "actor"),
    [
        ("trainer", "run.finished", "process:evaluator"),
        ("trainer", "run.finished", "user:1"),
        ("trainer", "run.queued", "process:trainer"),
        ("screener", "case.decided", "process:screener"),
        ("screener", "case.screened", "user:1"),
        ("evaluator", "gate.finished", "user:1"),
        ("evaluator", "waiver.confirmed", "user:1"),
        ("curator", "case.decided", "user:1"),
        ("web", "gate.finished", "user:1"),
        ("web", "run.finished", "process:trainer"),
        ("web", "case.screened", "process:screener"),
        ("web", "case.decided", "visitor"),
        ("web", "champion.promoted", "source:1"),
        ("web", "log.opened", "process:web"),
        ("beat", "run.requeued", "process:beat"),
        *[
            ("web", "case.decided", actor)
            for actor in ("user", "user:0", "user:x", "user:1 ", "user:1\nuser:2", "", None)
        ],
    ],
)
def test_nobody_says_what_is_another_s_to_say(connect_as: Any, role: str, name: str, actor: Any) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="may not record"):
        say(connect_as(role), name, actor)
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    ("role", "name", "actor"),
    [
        ("web", "case.decided", "user:7"),
        ("web", "interaction.recorded", "source:2"),
        ("web", "correction.submitted", "visitor"),
        ("web", "source.created", "process:web"),
        ("evaluator", "benchmark.published", "user:7"),
        ("trainer", "run.finished", "process:trainer"),
    ],
)
def test_each_says_what_it_does(connect_as: Any, role: str, name: str, actor: str) -> None:
    event = Event.objects.get(pk=say(connect_as(role), name, actor))
    assert (event.name, event.actor) == (name, actor)


@pytest.mark.parametrize("role", ["web", *WORKERS])
def test_no_login_changes_the_table_of_who_may(connect_as: Any, role: str) -> None:
    for statement in (
        "INSERT INTO audit_speaker (login, speaker, event) VALUES (session_user, 'user', 'champion.promoted')",
        "DELETE FROM audit_speaker",
        "UPDATE audit_speaker SET event = 'champion.promoted'",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connect_as(role).execute(statement)


def test_a_table_of_the_same_name_does_not_stand_in_for_it(connect_as: Any) -> None:
    session = connect_as("trainer")
    with pytest.raises(psycopg.Error):
        session.execute("CREATE TEMP TABLE audit_speaker AS SELECT 'cft_trainer', 'user', 'champion.promoted'")
        say(session, "champion.promoted", "user:1")
    assert not Event.objects.exists()


def test_every_event_can_be_said_and_every_pattern_means_one() -> None:
    names = vocabulary.events()
    assert names.keys() - {event for _, _, event in rows(names)} == set(OWNER_ONLY)
    patterns = {pattern for voices in SPEAKERS.values() for each in voices.values() for pattern in each}
    assert [each for each in patterns if not any(fnmatchcase(name, each) for name in names)] == []


# --- the time ---
def test_the_time_is_postgresql_s_whatever_is_said(connect_as: Any) -> None:
    before = timezone.now()
    said = say(connect_as("web"), "case.decided", "user:1", recorded_at="2020-01-01T00:00:00+00:00")
    event = Event.objects.get(pk=said)
    assert before - timedelta(seconds=1) <= event.recorded_at <= timezone.now() + timedelta(seconds=1)
    assert json.loads(bytes(event.body))["recorded_at"] == event.recorded_at.isoformat()


# --- the bytes ---
@pytest.mark.parametrize(
    "detail",
    [
        '{"n": 1e400}',
        '{"n": -1e400}',
        '{"n": [1e-400]}',
        '{"n": NaN}',
        '{"n": Infinity}',
        '{"n": 9007199254740993}',
        '{"n": 0.12345678901234567890123}',
        '{"s": "\\ud800"}',
        '{"s": "\\u0000"}',
        '{"\\ud83d\\ude00": 1}',
    ],
)
def test_what_rfc_8785_cannot_write_is_refused(detail: str) -> None:
    body = f'{{"actor":"process:test","detail":{detail},"generated":[],"name":"case.decided","used":[]}}'
    with pytest.raises(DataError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT audit_append(%s)", [body.encode()])
    assert not Event.objects.exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_an_action_is_refused_what_is_no_number(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"), transaction.atomic():
        record("case.decided", by="process:test", detail={"n": value})


plain = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
)
numbers = st.floats(-(2.0**53) + 1, 2.0**53 - 1, allow_subnormal=False)
keys = st.text(st.characters(max_codepoint=0xFFFF, exclude_characters="\0", exclude_categories=["Cs"]))
values = st.recursive(
    plain | numbers, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4)
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values)
@example([0.1, 1e-6, 1e-7, 1.5e-10, 123456789012345.6, 1000000000000000.5, -0.0, 1e15, 5.0, 2.2250738585072014e-308])
@example({"\x7f": '\b\f\n\r\t"\\/\x1f\u2028é', "é": 1, "z": {"": []}, "Z": {}, "\ufffd": None})
def test_postgresql_writes_what_rfc_8785_says(value: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_json(%s::jsonb)", [json.dumps(value)])
        assert cursor.fetchone()[0].encode() == rfc8785.dumps(value)


def test_a_role_s_own_settings_do_not_change_the_bytes(connect_as: Any) -> None:
    session = connect_as("web")
    session.execute("SET extra_float_digits = -10")
    session.execute("SET timezone = 'Asia/Tokyo'")
    session.execute("SET datestyle = 'German'")
    event = Event.objects.get(
        pk=say(
            session, "case.decided", f"user:{User.objects.create(username='kim').pk}", detail={"n": 0.30000000000000004}
        )
    )
    body = json.loads(bytes(event.body))
    assert bytes(event.body) == rfc8785.dumps(body) and body["detail"] == {"n": 0.30000000000000004}
    assert body["recorded_at"] == event.recorded_at.isoformat()
