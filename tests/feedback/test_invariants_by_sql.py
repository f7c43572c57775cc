"""Invariants 1, 3 and 4, attacked with plain SQL as the web process's own role."""

import contextlib
import os
import uuid
from datetime import timedelta

import psycopg
import pytest
from django.utils import timezone
from psycopg import errors

from feedback.actions import grant_consent, record_interaction, submit_correction
from tests.support.wordings import SHOWN

pytestmark = pytest.mark.django_db(transaction=True)

TABLES = {
    "feedback_bugreport": ("what_happened, expected", "'x', ''"),
    "feedback_tastenote": ("preference, aspect", "'x', 'tone'"),
    "feedback_correction": ("replacement, reason", "'x', 'other'"),
    "feedback_comment": ("rating, text", "'', 'x'"),
}


@pytest.fixture
def lesson(shop):
    return record_interaction(shop, "u-1", "p", "a", by="process:test")


@pytest.fixture
def test_item(exam):
    return record_interaction(exam, "u-1", "p", "a", by="process:test")


@pytest.fixture
def web(connect_as) -> psycopg.Connection:
    return connect_as("web")


INTERACTION = """INSERT INTO feedback_interaction
    (id, source_id, subject_id, lane, environment, prompt, answer, model_name, external_id, replay_of_id, happened_at,
     created_at)
    VALUES (%s, %s, %s, %s, %s, %s, '', '', '', %s, now(), now())"""


def insert_feedback(web, table, interaction_id):
    """With its receipt, without which a bug report has no place on the bug list."""
    columns, values = TABLES[table]
    feedback = [uuid.uuid4(), interaction_id]
    receipt = "INSERT INTO feedback_receipt (id, interaction_id, kind, created_at) VALUES (%s, %s, 'comment', now())"
    words = (
        f"INSERT INTO {table} (id, interaction_id, note, created_at, {columns}) VALUES (%s, %s, '', now(), {values})"
    )
    with web.transaction():
        for statement in (receipt, words):
            web.execute(statement, feedback)


@pytest.mark.parametrize("table", TABLES)
def test_feedback_on_the_exam_is_refused(web, lesson, test_item, table):
    insert_feedback(web, table, lesson.pk)  # the same statement is right for a lesson
    with pytest.raises(errors.CheckViolation, match="belongs in the vault"):
        insert_feedback(web, table, test_item.pk)


def test_a_temporary_table_does_not_deceive_the_trigger(web, test_item):
    with pytest.raises((errors.InsufficientPrivilege, errors.CheckViolation)):
        web.execute("CREATE TEMP TABLE feedback_interaction (id uuid, lane text)")
        web.execute("INSERT INTO pg_temp.feedback_interaction VALUES (%s, 'training')", [test_item.pk])
        insert_feedback(web, "feedback_correction", test_item.pk)


def test_a_held_out_subject_gets_no_training_interaction(web, test_item):
    values = [uuid.uuid4(), test_item.source_id, test_item.subject_id, "training", "production", "p", None]
    with pytest.raises(errors.ForeignKeyViolation, match="interaction_is_in_its_subjects_lane"):
        web.execute(INTERACTION, values)


def test_an_interaction_names_its_subjects_source(web, lesson, exam):
    values = [uuid.uuid4(), exam.pk, lesson.subject_id, "training", "production", "p", None]
    with pytest.raises(errors.ForeignKeyViolation):
        web.execute(INTERACTION, values)


def test_a_held_out_stub_holds_no_text(web, test_item):
    values = [uuid.uuid4(), test_item.source_id, test_item.subject_id, "held_out", "production", "p", None]
    with pytest.raises(errors.CheckViolation, match="held_out_text_is_in_the_vault_only"):
        web.execute(INTERACTION, values)


def test_a_replay_has_its_originals_subject(web, lesson, shop):
    other = record_interaction(shop, "u-2", "p", "a", by="process:test")
    right = [uuid.uuid4(), shop.pk, lesson.subject_id, "training", "replay", "p", lesson.pk]
    web.execute(INTERACTION, right)
    wrong = [uuid.uuid4(), shop.pk, other.subject_id, "training", "replay", "p", lesson.pk]
    with pytest.raises(errors.CheckViolation, match="original's subject"):
        web.execute(INTERACTION, wrong)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE feedback_subject SET lane = 'training'",
        "UPDATE feedback_interaction SET lane = 'training'",
        "UPDATE feedback_interaction SET prompt = 'x'",
        "UPDATE feedback_correction SET replacement = 'x'",
        "UPDATE feedback_consententry SET decision = 'granted'",
        "DELETE FROM feedback_consententry",
        "TRUNCATE feedback_consententry",
        "DELETE FROM feedback_interaction",
        "UPDATE feedback_receipt SET kind = 'correction'",
        "DROP TRIGGER training_lane_only ON feedback_correction",
        "ALTER TABLE feedback_correction DISABLE TRIGGER training_lane_only",
        "SET session_replication_role = replica",
    ],
)
def test_the_web_role_changes_nothing_that_was_said(web, lesson, test_item, statement):
    with pytest.raises(errors.InsufficientPrivilege):
        web.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE feedback_subject SET lane = 'training'",
        "UPDATE feedback_interaction SET prompt = 'rewritten' WHERE lane = 'training'",
        "UPDATE feedback_interaction SET lane = 'training'",
        "UPDATE feedback_correction SET replacement = 'rewritten'",
        "UPDATE feedback_correction SET interaction_id = NULL",
        "UPDATE feedback_consententry SET decision = 'granted'",
        "DELETE FROM feedback_consententry",
        "TRUNCATE feedback_consententry",
    ],
)
def test_not_even_the_owner_rewrites(connection_as_owner, lesson, test_item, statement):
    submit_correction(lesson.pk, replacement="b", consent=SHOWN, by="process:test")
    with pytest.raises(errors.InsufficientPrivilege):
        connection_as_owner.execute(statement)


def test_the_owner_may_erase(connection_as_owner, lesson):
    submit_correction(lesson.pk, replacement="b", by="process:test")
    connection_as_owner.execute("UPDATE feedback_correction SET replacement = '', note = ''")
    connection_as_owner.execute("UPDATE feedback_interaction SET prompt = '', answer = ''")
    lesson.refresh_from_db()
    assert (lesson.prompt, lesson.answer) == ("", "")


def test_the_web_role_reads_nothing_in_the_vault(connect_as, test_item):
    vault = connect_as("web", "vault")
    for table in ("vault_mailboxentry", "vault_item", "vault_registrysnapshot", "vault_itemscore"):
        with pytest.raises(errors.InsufficientPrivilege):
            vault.execute(f"SELECT * FROM {table}")
    with pytest.raises(errors.InsufficientPrivilege):
        vault.execute("DELETE FROM vault_mailboxentry")


def in_force(connection, subject, at="now()"):
    return connection.execute(f"SELECT consent_in_force(%s, 'training', {at})", [subject.pk]).fetchone()[0]


def test_unknown_is_no(web, lesson):
    assert in_force(web, lesson.subject) is False


def test_a_trainer_cannot_even_ask(connect_as, lesson):
    with pytest.raises(errors.InsufficientPrivilege):
        in_force(connect_as("trainer"), lesson.subject)


def test_a_consent_table_of_ones_own_does_not_count(web, lesson):
    with contextlib.suppress(errors.InsufficientPrivilege):
        web.execute("CREATE TEMP TABLE feedback_consententry AS SELECT 1 AS id, 'granted' AS decision")
    assert in_force(web, lesson.subject) is False


def test_expiry_is_asked_at_the_time_given(web, lesson):
    grant_consent(
        lesson.subject,
        wording_version=SHOWN,
        expires_at=timezone.now() + timedelta(days=2),
        by="process:test",
    )
    assert in_force(web, lesson.subject) is True
    assert in_force(web, lesson.subject, "now() + interval '3 days'") is False


@pytest.fixture
def connection_as_owner(django_db_setup):
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        yield connection
