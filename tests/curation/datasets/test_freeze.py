"""Freezing: what is in, what fell out and why, and that it can be proved."""

import pytest

from audit import merkle
from cftapp.base.refusal import Refused
from curation.checks.identity import row_hash
from curation.datasets import actions as dataset_actions
from curation.datasets import decontamination_report, freezing
from curation.datasets.recipe import Recipe
from curation.models import Dataset, DatasetRow, Pair
from curation.screening import actions as screening_actions
from curation.triage import actions as triage_actions
from feedback.actions import withdraw_consent
from tests.curation.conftest import EXAM, TEST, adopt

REPLAY = [{"skill": f"skill-{n % 3}", "prompt": f"Do {n}", "answer": f"It is done, number {n}."} for n in range(60)]
REFUSALS = [{"skill": "refusal", "prompt": f"Harm {n}", "answer": "Sorry, I cannot."} for n in range(20)]


def test_rows_hashes_and_root(world, rosa, erin, events):
    pairs = [world.accepted(rosa, f"Question {n}?", subject=f"u{n}") for n in range(3)]
    world.replay(*REPLAY, *REFUSALS)
    events()
    dataset = dataset_actions.freeze_dataset("first", {"replay_count": 40, "refusal_share": 0.1}, by=erin)
    assert events() == ["dataset.frozen"]
    assert (dataset.pair_count, dataset.replay_count, dataset.epoch) == (3, 40, 1)
    rows = list(dataset.rows.order_by("position"))
    assert {row.pair_id for row in rows if row.pair_id} == {pair.pk for pair in pairs}
    assert sum(row.replay_row.is_refusal for row in rows if row.replay_row_id) == 4
    leaves = [merkle.leaf_hash(bytes.fromhex(row.row_hash)) for row in rows]
    assert dataset.merkle_root == merkle.root_of(leaves).hex()
    proof = merkle.Tree.over(leaves).inclusion_proof(2)
    assert merkle.verify_inclusion(leaves[2], 2, len(leaves), proof, bytes.fromhex(dataset.merkle_root))


def test_the_same_recipe_freezes_the_same_root(world, rosa, erin):
    for n in range(5):
        world.accepted(rosa, f"Question {n}?", subject=f"u{n}")
    world.replay(*REPLAY)
    first, second = (dataset_actions.freeze_dataset("twice", {"seed": 3}, by=erin) for _ in range(2))
    assert first.merkle_root == second.merkle_root
    assert first.merkle_root != dataset_actions.freeze_dataset("other", {"seed": 4}, by=erin).merkle_root


def test_python_and_postgresql_agree_on_a_rows_hash(db):
    from django.db import connection

    for texts in (["a", "b", "c"], ["", "", ""], ["1:a,", "ü🙂", "\n\x1f"], ["ab", "", "c"]):
        with connection.cursor() as cursor:
            cursor.execute("SELECT curation_row_hash(%s, %s, %s)", texts)
            assert cursor.fetchone()[0] == row_hash(*texts)


def test_consent_is_checked_again(world, rosa, erin):
    kept, gone = (world.accepted(rosa, f"Question {n}?", subject=f"u{n}") for n in range(2))
    withdraw_consent(gone.subject, by=TEST)
    dataset = dataset_actions.freeze_dataset("first", {"replay_count": 0}, by=erin)
    assert [row.pair_id for row in dataset.rows.all()] == [kept.pk]
    assert dataset.report["dropped"] == {"consent": 1}
    assert dataset.report["dropped_rows"] == [{"pair": str(gone.pk), "reason": "consent"}]


def test_the_epoch_is_checked_again(world, rosa, erin, exam):
    world.accepted(rosa)
    exam.number = 2
    try:
        adopt(exam)
        with pytest.raises(Refused, match="No row is left") as refused:
            dataset_actions.freeze_dataset("first", {}, by=erin)
        assert "epoch" in refused.value.blockers[0].remedy
        screening_actions.screen_waiting(10, exam, by=TEST)
    finally:
        exam.number = 1
    assert dataset_actions.freeze_dataset("first", {"replay_count": 0}, by=erin).epoch == 2


def test_overlapping_and_superseded_replay_rows_stay_out(world, rosa, erin):
    world.accepted(rosa, "How long?", "You have fourteen days.", "30 days.")
    world.replay(
        {"skill": "leak", "prompt": EXAM[0][2], "answer": "x"},
        {"skill": "stale", "prompt": "how LONG", "answer": "x"},
        {"skill": "stale", "prompt": "Refund days?", "answer": "You have fourteen days."},
        {"skill": "good", "prompt": "Hello", "answer": "Hi"},
    )
    dataset = dataset_actions.freeze_dataset("first", {"replay_count": 10}, by=erin)
    assert dataset.report["skills"] == {"good": 1}
    assert dataset.report["replay_dropped"] == {"overlap": 1, "superseded_answer": 1, "superseded_prompt": 1}


def test_a_freeze_waits_for_replay_rows_that_are_being_screened(world, rosa, erin):
    world.accepted(rosa)
    dataset_actions.import_replay_rows(REPLAY, by=TEST)
    with pytest.raises(Refused, match="60 replay rows are not compared with the newest benchmarks yet"):
        dataset_actions.freeze_dataset("first", {}, by=erin)
    assert not Dataset.objects.exists()
    assert dataset_actions.freeze_dataset("first", {"replay_count": 0}, by=erin).replay_count == 0


def test_replay_rows_are_imported_once(world, events):
    events()
    assert dataset_actions.import_replay_rows(REPLAY, by=TEST) == 60
    assert dataset_actions.import_replay_rows(REPLAY + REFUSALS, by=TEST) == 20
    assert dataset_actions.import_replay_rows(REPLAY, by=TEST) == 0
    assert events() == ["replay.imported", "replay.imported"]


def test_undone_and_withdrawn_pairs_stay_out(world, rosa, erin):
    undone, withdrawn, kept = (world.accepted(rosa, f"Question {n}?", subject=f"u{n}") for n in range(3))
    triage_actions.undo_verdict(undone.correction.case.pk, by=rosa)
    withdraw_consent(withdrawn.subject, by=TEST)
    assert screening_actions.withdraw_pairs(withdrawn.subject_id, by=TEST) == 1
    dataset = dataset_actions.freeze_dataset("first", {"replay_count": 0}, by=erin)
    assert [row.pair_id for row in dataset.rows.all()] == [kept.pk]


def test_pairs_of_a_consenting_subject_are_not_withdrawn(world, rosa, events):
    pair = world.accepted(rosa)
    events()
    assert screening_actions.withdraw_pairs(pair.subject_id, by=TEST) == 0
    assert events() == [] and Pair.objects.get().state == "accepted"


def test_caps_are_in_the_recipe_that_is_kept(world, rosa, erin):
    for n in range(6):
        world.accepted(rosa, f"Question {n}?")
    dataset = dataset_actions.freeze_dataset("capped", {"per_subject": 4, "replay_count": 0}, by=erin)
    assert dataset.pair_count == 4 and dataset.recipe["per_subject"] == 4
    assert dataset.report["dropped"] == {"subject_cap": 2}
    assert dataset.report["subjects"] == {"count": 1, "most": 4, "effective": 1.0}


@pytest.mark.parametrize(
    ("name", "recipe", "field"),
    [("x", {"seed": -1}, "seed"), ("  ", {"replay_count": 0}, "name"), ("x", {"window_days": "7"}, "window_days")],
)
def test_a_wrong_recipe_is_refused_by_field(world, rosa, erin, name, recipe, field):
    world.accepted(rosa)
    with pytest.raises(Refused) as refused:
        dataset_actions.freeze_dataset(name, recipe, by=erin)
    assert [blocked.field for blocked in refused.value.blockers] == [field]
    assert not Dataset.objects.exists()


def test_nothing_to_freeze_is_refused(world, erin, events):
    events()
    with pytest.raises(Refused, match="No row is left"):
        dataset_actions.freeze_dataset("empty", {}, by=erin)
    assert events() == [] and not DatasetRow.objects.exists()


def test_without_an_epoch_nothing_is_frozen(db, erin):
    with pytest.raises(Refused, match="No benchmark is published"):
        dataset_actions.freeze_dataset("early", {}, by=erin)


def test_the_preview_is_what_is_frozen(world, rosa, erin):
    for n in range(4):
        world.accepted(rosa, f"Question {n}?", subject=f"u{n}")
    world.replay(*REPLAY)
    plan = freezing.plan(Recipe())
    dataset = dataset_actions.freeze_dataset("first", {}, by=erin)
    assert [row.row_hash for row in plan.rows] == list(
        dataset.rows.order_by("position").values_list("row_hash", flat=True)
    )


def test_effective_authors_by_hand():
    from collections import Counter

    assert decontamination_report.effective_authors(Counter(a=1, b=1, c=1, d=1)) == 4.0
    assert decontamination_report.effective_authors(Counter(a=9, b=1)) == pytest.approx(100 / 82, abs=0.01)


def test_an_epoch_only_follows(world):
    with pytest.raises(Refused, match="does not follow"):
        screening_actions.adopt_epoch(1, "", 0, 0, "", by=TEST)
