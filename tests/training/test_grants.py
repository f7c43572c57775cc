"""What each login may do with runs, tried on PostgreSQL itself."""

import psycopg
import pytest

from training.models import Run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("web", "UPDATE training_run SET adapter_sha256 = 'x'"),
        ("web", "UPDATE training_run SET fencing_token = 9"),
        ("web", "DELETE FROM training_run"),
        ("trainer", "INSERT INTO training_run DEFAULT VALUES"),
        ("trainer", "UPDATE training_run SET recipe = '{}'"),
        ("trainer", "SELECT prompt FROM feedback_interaction"),
        ("trainer", "SELECT subject_id FROM curation_pair"),
        ("trainer", "SELECT password FROM auth_user"),
        ("evaluator", "UPDATE training_run SET state = 'finished'"),
        ("screener", "SELECT * FROM training_run"),
    ],
)
def test_it_is_refused(connect_as, role, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connect_as(role).execute(statement)


def test_the_web_stops_what_waits(connect_as, queue):
    run = queue()
    connect_as("web").execute("UPDATE training_run SET state = 'stopped', ended_at = now() WHERE id = %s", [run.pk])
    run.refresh_from_db()
    assert run.state == Run.State.STOPPED


def test_the_trainer_cannot_connect_to_the_vault(connect_as):
    with pytest.raises(psycopg.OperationalError, match='permission denied for database "vault"'):
        connect_as("trainer", "vault")
