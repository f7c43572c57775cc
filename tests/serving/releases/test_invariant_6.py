"""Nothing ships that the gate did not pass: what PostgreSQL says to somebody who has the web process's own login."""

import psycopg
import pytest

from evaluation.models import Verdict
from serving.models import Promotion
from serving.releases.actions import promote
from serving.releases.champion import champion
from tests.support import serving_rows
from tests.support.people import person

pytestmark = pytest.mark.django_db(transaction=True)

INSERT = """
    INSERT INTO serving_promotion (release_id, replaced_id, reason, gate_id, waiver_id, promoted_by, promoted_at)
    VALUES (%s, %s, %s, %s, %s, 'intruder', now())"""


@pytest.fixture
def web(connect_as):
    serving_rows.base_release()
    return connect_as("web")


def newest() -> int:
    return Promotion.objects.newest_first().first().pk


def refuses(web, message: str, *row: object) -> None:
    before = champion()
    with pytest.raises(psycopg.Error, match=message):
        web.execute(INSERT, row)
    assert champion() == before


def test_a_true_promotion_by_sql_goes_through(web):
    release, gate = serving_rows.candidate()
    web.execute(INSERT, (release.pk, newest(), "promoted", gate.pk, None))
    assert champion() == release


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.INCONCLUSIVE])
def test_a_gate_that_did_not_pass_is_refused(web, verdict):
    release, gate = serving_rows.candidate(verdict)
    refuses(web, f"says {verdict}, not PASS", release.pk, newest(), "promoted", gate.pk, None)


def test_no_gate_an_unknown_gate_and_a_foreign_gate_are_refused(web):
    release, _ = serving_rows.candidate(Verdict.FAIL)
    _, foreign = serving_rows.candidate()
    refuses(web, "did not examine", release.pk, newest(), "promoted", None, None)
    refuses(web, "did not examine", release.pk, newest(), "promoted", 999, None)
    refuses(web, "did not examine", release.pk, newest(), "promoted", foreign.pk, None)


def test_a_gate_that_is_still_open_is_refused(web):
    release, _ = serving_rows.candidate(Verdict.FAIL)
    gate = release.run.gates.create(requested_by="process:evaluator")
    refuses(web, "says queued, not PASS", release.pk, newest(), "promoted", gate.pk, None)


def test_a_pass_against_an_earlier_champion_is_refused(web):
    first, gate = serving_rows.candidate()
    late, stale = serving_rows.candidate()
    promote(first, gate, by="process:test")
    refuses(web, "another champion", late.pk, newest(), "promoted", stale.pk, None)


def test_a_waiver_of_one_person_or_of_another_gate_is_refused(web):
    release, gate = serving_rows.candidate(Verdict.FAIL)
    unconfirmed = serving_rows.waiver(gate)
    refuses(web, "not confirmed by a second person", release.pk, newest(), "promoted", gate.pk, unconfirmed.pk)
    _, other = serving_rows.candidate(Verdict.FAIL)
    foreign = serving_rows.waiver(other, confirmed_by=person("omar", "compliance"))
    refuses(web, "not confirmed by a second person", release.pk, newest(), "promoted", gate.pk, foreign.pk)


def test_a_candidate_cannot_be_rolled_back_to_or_installed(web):
    release, gate = serving_rows.candidate(Verdict.FAIL)
    refuses(web, "never the champion", release.pk, newest(), "rolled_back", None, None)
    refuses(web, "only the base model is installed", release.pk, newest(), "installed", None, None)
    refuses(web, "unknown reason", release.pk, newest(), "canary", gate.pk, None)


def test_a_gate_of_ones_own_making_in_a_temporary_table_is_refused(web):
    release, gate = serving_rows.candidate(Verdict.FAIL)
    try:
        web.execute("CREATE TEMPORARY TABLE evaluation_gate AS SELECT * FROM evaluation_gate")
        web.execute("UPDATE pg_temp.evaluation_gate SET verdict = 'PASS'")
    except psycopg.errors.InsufficientPrivilege:
        pass  # then a role cannot even make one
    refuses(web, "says FAIL, not PASS", release.pk, newest(), "promoted", gate.pk, None)


def test_a_row_put_beside_the_line_of_history_is_refused(web):
    first, gate = serving_rows.candidate()
    replaced = newest()
    promote(first, gate, by="process:test")
    refuses(web, "champion changed meanwhile", first.pk, replaced, "rolled_back", None, None)
    refuses(web, "champion changed meanwhile", first.pk, None, "rolled_back", None, None)


def test_a_high_number_does_not_make_a_row_the_newest(web):
    release, gate = serving_rows.candidate()
    web.execute(
        INSERT.replace("(release_id", "(id, release_id").replace("VALUES (", "VALUES (1000000, "),
        (release.pk, newest(), "promoted", gate.pk, None),
    )
    assert newest() == 2


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE serving_promotion SET release_id = release_id",
        "DELETE FROM serving_promotion",
        "TRUNCATE serving_promotion CASCADE",
        "ALTER TABLE serving_promotion DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "UPDATE serving_release SET model_sha256 = 'x'",
        "UPDATE serving_release SET run_id = NULL",
        "UPDATE evaluation_gate SET verdict = 'PASS'",
        "CREATE OR REPLACE FUNCTION serving_guard_promotion() RETURNS trigger LANGUAGE sql AS 'SELECT NEW'",
    ],
)
def test_history_and_rules_are_out_of_reach_of_the_web(web, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        web.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE serving_promotion SET promoted_by = 'me'",
        "DELETE FROM serving_promotion",
        "TRUNCATE serving_promotion CASCADE",
    ],
)
def test_not_even_the_owner_rewrites_history_without_disabling_a_trigger(web, statement):
    from django.db import connection

    with pytest.raises(Exception, match="append-only"), connection.cursor() as cursor:
        cursor.execute(statement)
    assert Promotion.objects.get().promoted_by == "process:owner"
