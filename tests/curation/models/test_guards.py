"""Invariants 3 and 4 under attack: plain SQL as the process roles, past every line of Python."""

import uuid

import psycopg
import pytest

from curation.checks.identity import row_hash
from curation.datasets import actions as dataset_actions
from curation.models import Pair, ReplayRow
from curation.screening import actions as screening_actions
from feedback.actions import record_interaction, register_source, submit_bug_report, submit_correction, withdraw_consent
from tests.curation.conftest import TEST, adopt
from tests.support.wordings import SHOWN

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])

PAIR = """INSERT INTO curation_pair (id, correction_id, subject_id, prompt, chosen, rejected, row_hash, screened_epoch,
    state, accepted_by_id, accepted_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, now())"""
REFUSED = (psycopg.errors.RestrictViolation, psycopg.errors.InsufficientPrivilege)


def attempt(connection, case, user, **changed):
    interaction = case.correction.interaction
    row = {
        "correction": case.correction_id,
        "subject": case.subject_id,
        "prompt": interaction.prompt,
        "chosen": case.correction.replacement,
        "rejected": interaction.answer,
        "epoch": 1,
        "state": "accepted",
    } | changed
    digest = changed.get("row_hash") or row_hash(row["prompt"], row["chosen"], row["rejected"])
    connection.execute(
        PAIR,
        [
            uuid.uuid4(),
            *(row[name] for name in ("correction", "subject", "prompt", "chosen", "rejected")),
            digest,
            row["epoch"],
            row["state"],
            user.pk,
        ],
    )


DECIDE = "UPDATE curation_case SET state = 'decided', verdict = 'accepted', decided_by_id = %s WHERE id = %s"


@pytest.fixture
def intruder(connect_as):
    """The one process that may write pairs at all, with SQL of its own."""
    return connect_as("web")


@pytest.mark.parametrize("role", ["curator", "trainer", "evaluator", "beat"])
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO curation_pair DEFAULT VALUES",
        "INSERT INTO curation_dataset DEFAULT VALUES",
        "INSERT INTO curation_datasetrow DEFAULT VALUES",
        "INSERT INTO curation_replayrow DEFAULT VALUES",
        "UPDATE curation_case SET verdict = 'accepted'",
        "DELETE FROM curation_blocker",
    ],
)
def test_who_reviews_nothing_may_write_none_of_it(connect_as, role, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connect_as(role).execute(statement)


def test_the_honest_insert_works(intruder, world, rosa):
    case = world.screened()
    intruder.execute(DECIDE, [rosa.pk, case.pk])
    attempt(intruder, case, rosa)
    assert Pair.objects.count() == 1


def test_no_pair_without_a_reviewers_verdict(intruder, world, rosa):
    with pytest.raises(psycopg.errors.RestrictViolation, match="no reviewer accepted"):
        attempt(intruder, world.screened(), rosa)


def test_no_pair_in_the_name_of_another(intruder, world, rosa, rob):
    case = world.screened()
    intruder.execute(DECIDE, [rosa.pk, case.pk])
    with pytest.raises(psycopg.errors.RestrictViolation, match="no reviewer accepted"):
        attempt(intruder, case, rob)


def test_no_pair_without_consent(intruder, world, rosa):
    case = world.screened()
    intruder.execute(DECIDE, [rosa.pk, case.pk])
    withdraw_consent(case.subject, by=TEST)
    with pytest.raises(psycopg.errors.RestrictViolation, match="has not consented"):
        attempt(intruder, case, rosa)


def test_no_pair_in_the_name_of_a_subject_that_consented(intruder, world, rosa):
    case, other = world.screened("One?"), world.screened("Two?", subject="bea")
    intruder.execute(DECIDE, [rosa.pk, case.pk])
    with pytest.raises(psycopg.errors.RestrictViolation, match="subject is not the one"):
        attempt(intruder, case, rosa, subject=other.subject_id)


@pytest.mark.parametrize("part", ["prompt", "chosen", "rejected"])
def test_no_pair_with_other_words(intruder, world, rosa, part):
    case = world.screened()
    intruder.execute(DECIDE, [rosa.pk, case.pk])
    with pytest.raises(psycopg.errors.RestrictViolation, match="words are not those"):
        attempt(intruder, case, rosa, **{part: "Something else."})


def test_no_pair_with_anothers_hash(intruder, world, rosa):
    case = world.screened()
    intruder.execute(DECIDE, [rosa.pk, case.pk])
    with pytest.raises(psycopg.errors.RestrictViolation, match="hash is not that"):
        attempt(intruder, case, rosa, row_hash="0" * 64)


def test_no_verdict_over_a_blocker(intruder, world, rosa):
    case = world.screened(consent=False)
    with pytest.raises(psycopg.errors.RestrictViolation, match="a blocker forbids"):
        intruder.execute(DECIDE, [rosa.pk, case.pk])


def test_no_verdict_under_an_older_epoch(intruder, world, rosa, exam):
    case = world.screened()
    exam.number = 2
    try:
        adopt(exam)
    finally:
        exam.number = 1
    with pytest.raises(psycopg.errors.RestrictViolation, match="current epoch"):
        intruder.execute(DECIDE, [rosa.pk, case.pk])


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM curation_blocker",
        "UPDATE curation_blocker SET blocking = false",
        "UPDATE curation_case SET screened_epoch = 1",
        "UPDATE curation_case SET correction_id = gen_random_uuid()",
        "INSERT INTO curation_registryepoch (number, sha256, items, unprotected_items, normaliser, adopted_at)"
        " VALUES (99, '', 0, 0, '', now())",
        'UPDATE curation_replayrow SET "overlaps" = false',
        "DELETE FROM curation_pair",
        "UPDATE curation_pair SET chosen = 'x'",
        "TRUNCATE curation_pair CASCADE",
        "DROP TRIGGER curation_guard_pair ON curation_pair",
        "SET session_replication_role = replica",
    ],
)
def test_the_findings_cannot_be_made_to_fit(intruder, world, statement):
    world.screened(consent=False)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        intruder.execute(statement)


def test_a_bug_report_does_not_fit_into_a_pair(intruder, world, rosa):
    case = world.screened()
    report = submit_bug_report(case.correction.interaction_id, what_happened="30 days.", by=TEST)
    with pytest.raises(psycopg.IntegrityError):
        attempt(intruder, case, rosa, correction=report.pk)
    bug = screening_actions.open_case("bug_report", report.pk, by=TEST)
    screening_actions.screen_case(bug.pk, world.registry, by=TEST)
    with pytest.raises(REFUSED + (psycopg.errors.CheckViolation,)):
        intruder.execute(DECIDE, [rosa.pk, bug.pk])


def test_no_pair_from_staging(intruder, world, rosa):
    case = world.screened(environment="staging")
    with pytest.raises(psycopg.errors.RestrictViolation):
        intruder.execute(DECIDE, [rosa.pk, case.pk])


def test_a_held_out_correction_is_not_there_to_learn_from(db, intruder, world):
    exam = register_source("held", "Held out", held_out_percent=100, by=TEST)
    interaction = record_interaction(exam, "eve", "Secret?", "Yes.", by=TEST)
    submit_correction(interaction.pk, replacement="No.", consent=SHOWN, by=TEST)
    assert intruder.execute("SELECT count(*) FROM feedback_correction").fetchone() == (0,)


def test_a_dataset_never_changes(intruder, world, rosa, erin):
    pair = world.accepted(rosa)
    dataset = dataset_actions.freeze_dataset("first", {"replay_count": 0}, by=erin)
    for statement in (
        f"UPDATE curation_dataset SET name = 'x' WHERE id = {dataset.pk}",
        f"DELETE FROM curation_dataset WHERE id = {dataset.pk}",
        "UPDATE curation_datasetrow SET row_hash = ''",
        "DELETE FROM curation_datasetrow",
    ):
        with pytest.raises(REFUSED):
            intruder.execute(statement)
    with pytest.raises(REFUSED):
        intruder.execute(
            "INSERT INTO curation_datasetrow (dataset_id, position, pair_id, row_hash) VALUES (%s, 1, %s, %s)",
            [dataset.pk, pair.pk, pair.row_hash],
        )


def test_even_the_owner_keeps_a_dataset_as_it_is(world, rosa, erin, owner):
    world.accepted(rosa)
    dataset = dataset_actions.freeze_dataset("first", {"replay_count": 0}, by=erin)
    for statement in (
        f"UPDATE curation_dataset SET merkle_root = '' WHERE id = {dataset.pk}",
        f"DELETE FROM curation_dataset WHERE id = {dataset.pk}",
        "UPDATE curation_datasetrow SET row_hash = ''",
        "DELETE FROM curation_datasetrow",
        "UPDATE curation_registryepoch SET items = 0",
    ):
        with pytest.raises(psycopg.errors.RestrictViolation):
            owner.execute(statement)
    owner.execute("UPDATE curation_datasetrow SET pair_id = NULL")
    owner.execute("UPDATE curation_dataset SET learnt_from_withdrawn_at = now()")


def test_a_row_without_consent_is_not_frozen(intruder, world, rosa, erin):
    pair = world.accepted(rosa)
    withdraw_consent(pair.subject, by=TEST)
    with pytest.raises(psycopg.errors.RestrictViolation, match="has not consented"), intruder.transaction():
        forge(intruder, erin, pair=pair)


def test_an_unscreened_or_overlapping_replay_row_is_not_frozen(intruder, world, erin):
    dataset_actions.import_replay_rows([{"skill": "chat", "prompt": "Hello", "answer": "Hi"}], by=TEST)
    row = ReplayRow.objects.get()
    with pytest.raises(psycopg.errors.RestrictViolation, match="not clean"), intruder.transaction():
        forge(intruder, erin, replay=row)
    ReplayRow.objects.update(screened_epoch=1, overlaps=True)
    with pytest.raises(psycopg.errors.RestrictViolation, match="not clean"), intruder.transaction():
        forge(intruder, erin, replay=row)


@pytest.mark.parametrize(("epoch_of", "overlaps"), [(1, False), (None, True)])
def test_a_replay_row_begins_unscreened(intruder, epoch, epoch_of, overlaps):
    with pytest.raises(psycopg.errors.RestrictViolation, match="begins unscreened"):
        insert_replay(intruder, row_hash("Hello", "Hi"), epoch_of, overlaps)


def test_a_replay_row_has_the_hash_of_its_words(intruder, epoch):
    with pytest.raises(psycopg.errors.RestrictViolation, match="hash is not that"):
        insert_replay(intruder, "0" * 64)
    insert_replay(intruder, row_hash("Hello", "Hi"))
    assert ReplayRow.objects.get().screened_epoch is None


def test_a_replay_rows_words_are_fixed(owner, epoch):
    dataset_actions.import_replay_rows([{"skill": "chat", "prompt": "Hello", "answer": "Hi"}], by=TEST)
    with pytest.raises(psycopg.errors.RestrictViolation, match="words are fixed"):
        owner.execute("UPDATE curation_replayrow SET answer = 'Bye'")


def insert_replay(connection, row_hash, screened_epoch=None, overlaps=False):
    connection.execute(
        'INSERT INTO curation_replayrow (skill, is_refusal, prompt, answer, row_hash, screened_epoch, "overlaps")'
        " VALUES ('chat', false, 'Hello', 'Hi', %s, %s, %s)",
        [row_hash, screened_epoch, overlaps],
    )


def test_a_dataset_holds_the_rows_it_counts(intruder, world, rosa, erin):
    world.accepted(rosa)
    with pytest.raises(psycopg.errors.RestrictViolation, match="does not hold"), intruder.transaction():
        forge(intruder, erin)


def forge(connection, user, pair=None, replay=None):
    number = connection.execute(
        "INSERT INTO curation_dataset (name, recipe, report, merkle_root, pair_count, replay_count, epoch,"
        " frozen_by_id, frozen_at) VALUES ('forged', '{}', '{}', '', 1, 0, 1, %s, now()) RETURNING id",
        [user.pk],
    ).fetchone()[0]
    row = pair or replay
    if row is not None:
        connection.execute(
            "INSERT INTO curation_datasetrow (dataset_id, position, pair_id, replay_row_id, row_hash)"
            " VALUES (%s, 0, %s, %s, %s)",
            [number, pair and pair.pk, replay and replay.pk, row.row_hash],
        )
