"""Duplicates among the stored corrections: which one is kept, what the others are told, and what frees their place."""

import numpy as np
import psycopg
import pytest
from django.db import connection

from audit.models import Event
from curation.checks.duplicates import Comparison, Row
from curation.datasets import actions as dataset_actions
from curation.models import DIMENSIONS, Blocker, Duplicate, Signature
from curation.screening import actions as screening_actions
from curation.screening import signatures
from curation.triage import actions as triage_actions
from feedback.actions import withdraw_consent
from tests.curation.conftest import TEST

QUESTION = "How many working days does it take until a refund for an annual plan arrives on the card it was paid with?"
ANSWER = "A refund for an annual plan arrives within ten working days on the card that the plan was paid with."
REWORDED = "After how many working days is the refund of an annual plan on the card that paid for it?"


class Meanings:
    """An encoder of two meanings, refunds and the rest, so that a test says what is near."""

    name, revision, dimensions = "meanings", "1", DIMENSIONS

    def encode(self, texts):
        vectors = np.zeros((len(texts), DIMENSIONS), np.float32)
        for row, text in enumerate(texts):
            vectors[row, "refund" in text.lower()] = 1.0
            vectors[row, 2 + row % 300] = 0.05
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def meanings(monkeypatch):
    monkeypatch.setattr(signatures, "configured_encoder", Meanings)


def finding(case, check="duplicate"):
    return Blocker.objects.get(case=case, check_name=check)


def kept(case):
    """What the finding and the list of duplicates say, which must agree: the kept case, the method, blocking."""
    found = finding(case)
    link = Duplicate.objects.filter(case=case).first()
    assert (link and link.kept_id) == found.evidence.get("case")
    return (link.kept_id, link.method, found.blocking) if link else None


def freed(world):
    while screening_actions.screen_freed(100, world.registry, by=TEST):
        pass


def test_a_nearly_equal_correction_is_blocked_and_names_the_kept_one(world):
    first = world.screened(QUESTION, right=ANSWER)
    second = world.screened("Hello, " + QUESTION, right=ANSWER + " Thanks!", subject="bea")
    assert kept(first) is None and kept(second) == (first.pk, "near", True)
    found = finding(second)
    assert found.limit == 0.8 <= found.score < 1 and f"case {first.pk}" in found.message


def test_another_fact_is_told_but_not_blocked(world):
    first = world.screened(QUESTION, right=ANSWER)
    second = world.screened(QUESTION, right=ANSWER.replace("ten", "87654"), subject="bea")
    assert kept(second) is None and not finding(second).blocking
    assert finding(second).evidence["close"] == first.pk
    assert finding(second).evidence["differs"] == "a fact in the answer differs"
    assert "87654" not in finding(second).message + str(finding(second).evidence)


def test_two_answers_to_one_question_are_no_duplicates_but_are_told(world, rosa):
    pair = world.accepted(rosa, right="30 days.")
    second = world.screened(right="60 days.", subject="bea")
    assert kept(second) is None
    other = finding(second, "other_answer")
    assert not other.blocking and other.evidence == {"cases": [pair.correction.case.pk]}


def test_the_same_in_other_words_is_a_warning(world, meanings):
    first = world.screened(QUESTION, right=ANSWER)
    second = world.screened(REWORDED, right=ANSWER, subject="bea")
    other = world.screened("Who owns the kettle of the kitchen upstairs?", right="Nobody owns that kettle.")
    assert kept(second) == (first.pk, "semantic", False) and kept(other) is None
    assert not Blocker.objects.filter(case=second, blocking=True).exists()


def test_without_an_encoder_meaning_is_not_checked(world):
    case = world.screened()
    assert finding(case).evidence == {"not_checked": ["semantic"]}
    assert Signature.objects.get(case=case).vector is None


def test_vectors_of_another_model_are_not_compared_and_are_made_again(world, meanings, monkeypatch):
    first = world.screened(QUESTION, right=ANSWER)
    monkeypatch.setattr(Meanings, "revision", "2")
    second = world.screened(REWORDED, right=ANSWER, subject="bea")
    assert kept(second) is None
    assert screening_actions.sign_cases(0, 100, by=TEST) == first.pk
    assert set(Signature.objects.values_list("encoder", flat=True)) == {"meanings@2"}
    assert screening_actions.sign_cases(0, 100, by=TEST) is None


def test_a_signature_is_made_once(world, meanings, monkeypatch):
    case = world.screened(QUESTION, right=ANSWER)
    monkeypatch.setattr(Meanings, "encode", None)
    assert signatures.sign({case.pk: Row(QUESTION, ANSWER)}, Meanings()) == 0


def test_the_accepted_one_is_kept_whichever_came_first(world, rosa):
    first = world.screened(QUESTION, right=ANSWER, consent=False)
    pair = world.accepted(rosa, "Hello, " + QUESTION, right=ANSWER, subject="bea")
    screening_actions.rescreen_subjects([first.subject_id], by=TEST)
    second = pair.correction.case
    screening_actions.screen_case(first.pk, world.registry, by=TEST)
    assert kept(first) == (second.pk, "near", True)
    screening_actions.screen_case(second.pk, world.registry, by=TEST)
    assert kept(second) is None


def test_of_a_batch_the_first_is_kept(world):
    cases = [world.case("Hello " * n + QUESTION, right=ANSWER, subject=f"user-{n}") for n in range(3)]
    screening_actions.screen_waiting(10, world.registry, by=TEST)
    assert [kept(case) and kept(case)[0] for case in cases] == [None, cases[0].pk, cases[0].pk]


# --- screened out of turn ---------------------------------------------------------------------------------------------
def settled(world):
    """Screen until nothing waits; how many batches that took."""
    batches = 0
    while screening_actions.screen_waiting(100, world.registry, by=TEST):
        batches += 1
    freed(world)
    return batches


def out_of_turn(world, *cases):
    for case in cases:
        screening_actions.screen_case(case.pk, world.registry, by=TEST)


def test_the_earlier_is_kept_though_the_later_one_was_screened_first(world):
    first = world.case(QUESTION, right=ANSWER)
    second = world.case("Hello " + QUESTION, right=ANSWER, subject="bea")
    out_of_turn(world, second)
    assert kept(second) is None
    out_of_turn(world, first)
    second.refresh_from_db()
    assert second.state == "waiting"
    event = Event.objects.latest("id")
    assert event.name == "case.screened" and event.detail["recalled"] == 1
    assert settled(world) == 1
    assert kept(first) is None and kept(second) == (first.pk, "near", True)


def test_the_earlier_is_the_duplicate_of_a_later_one_that_is_accepted(world, rosa):
    first = world.case(QUESTION, right=ANSWER)
    pair = world.accepted(rosa, "Hello " + QUESTION, right=ANSWER, subject="bea")
    second = pair.correction.case
    out_of_turn(world, first)
    assert kept(first) == (second.pk, "near", True) and settled(world) == 0
    second.refresh_from_db()
    assert kept(second) is None and second.verdict == "accepted"


def test_the_earlier_in_other_words_is_kept_too(world, meanings):
    first = world.case(QUESTION, right=ANSWER)
    second = world.case(REWORDED, right=ANSWER, subject="bea")
    out_of_turn(world, second, first)
    assert settled(world) == 1
    assert kept(first) is None and kept(second) == (first.pk, "semantic", False)


@pytest.mark.parametrize("rewording", [False, True])
def test_of_many_screened_backwards_the_first_is_kept(world, meanings, monkeypatch, rewording):
    if rewording:  # near in meaning only
        monkeypatch.setattr(signatures.duplicates, "near", lambda one, other, limit: Comparison(0.0, False))
    cases = [world.case("Hello " * n + QUESTION, right=ANSWER, subject=f"user-{n}") for n in range(5)]
    out_of_turn(world, *reversed(cases))
    assert settled(world) <= 1
    method = ("semantic", False) if rewording else ("near", True)
    assert [kept(case) for case in cases] == [None, *[(cases[0].pk, *method)] * 4]


def test_one_with_another_fact_or_that_may_not_train_recalls_nobody(world):
    lacking = world.case(QUESTION, right=ANSWER, consent=False)
    other = world.case(QUESTION, right=ANSWER.replace("ten", "12"), subject="bea")
    last = world.case("Hello " + QUESTION, right=ANSWER, subject="cem")
    out_of_turn(world, last, lacking, other)
    assert settled(world) == 0 and kept(last) is None


def test_a_rejected_one_makes_room_for_the_next_only(world, rosa):
    first, second, third = (
        world.screened("Hello " * n + QUESTION, right=ANSWER, subject=f"user-{n}") for n in range(3)
    )
    triage_actions.claim_case(rosa, first.pk)
    triage_actions.decide_case(first.pk, "rejected", by=rosa)
    freed(world)
    assert kept(second) is None and kept(third) == (second.pk, "near", True)


def test_an_undone_verdict_takes_the_place_again(world, rosa):
    first = world.screened(QUESTION, right=ANSWER)
    second = world.screened("Hello " + QUESTION, right=ANSWER, subject="bea")
    triage_actions.claim_case(rosa, first.pk)
    triage_actions.decide_case(first.pk, "rejected", by=rosa)
    freed(world)
    triage_actions.undo_verdict(first.pk, by=rosa)
    screening_actions.screen_case(second.pk, world.registry, by=TEST)
    assert kept(second) == (first.pk, "near", True)


def test_a_withdrawn_one_makes_room(world, rosa):
    pair = world.accepted(rosa, QUESTION, right=ANSWER)
    second = world.screened("Hello " + QUESTION, right=ANSWER, subject="bea")
    assert kept(second) == (pair.correction.case.pk, "near", True)
    withdraw_consent(pair.subject, by=TEST)
    screening_actions.withdraw_pairs(pair.subject_id, by=TEST)
    freed(world)
    assert kept(second) is None and not Blocker.objects.filter(case=second, blocking=True).exists()


def test_nothing_is_freed_while_the_kept_one_stays(world):
    world.screened(QUESTION, right=ANSWER)
    world.screened(QUESTION, right=ANSWER, subject="bea")
    assert screening_actions.screen_freed(100, world.registry, by=TEST) == 0


@pytest.mark.parametrize(("reach", "pairs"), [("exact", 2), ("near", 2), ("semantic", 1)])
def test_a_freeze_drops_what_its_recipe_says(world, meanings, rosa, erin, reach, pairs):
    first = world.accepted(rosa, QUESTION, right=ANSWER)
    second = world.accepted(rosa, REWORDED, right=ANSWER, subject="bea")
    made = dataset_actions.freeze_dataset("Week", {"duplicates": reach, "replay_count": 0}, by=erin)
    assert made.pair_count == pairs
    (group,) = made.report["duplicates"] or [None]
    if pairs == 1:
        assert group["kept_case"] == first.correction.case.pk
        (dropped,) = group["dropped"]
        assert (dropped["pair"], dropped["method"]) == (str(second.pk), "semantic") and dropped["score"] > 0.9


def test_a_duplicate_stays_where_the_kept_one_is_left_out(world, meanings, rosa, erin):
    first = world.accepted(rosa, QUESTION, right=ANSWER)
    world.accepted(rosa, REWORDED, right=ANSWER, subject="bea")
    recipe = {"duplicates": "semantic", "replay_count": 0, "exclude": [str(first.pk)]}
    assert dataset_actions.freeze_dataset("Week", recipe, by=erin).pair_count == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("role", ["web", "curator", "trainer", "evaluator"])
def test_only_the_screener_reads_signatures(connect_as, role):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connect_as(role).execute("SELECT vector FROM curation_signature")


@pytest.mark.django_db(transaction=True)
def test_the_web_lists_duplicates_but_writes_none(connect_as):
    web = connect_as("web")
    web.execute("SELECT count(*) FROM curation_duplicate")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        web.execute("DELETE FROM curation_duplicate")


@pytest.mark.django_db(transaction=True)
def test_the_screener_may_search_for_duplicates(connect_as):
    screener = connect_as("screener")
    asked = {"cases": [1], "least": 3, "most": 20, "encoder": "x@1", "after": 0, "version": "1"}
    for query in ("EXACT", *SEARCHES, "OTHER_ANSWERS", "FREED", "UNSIGNED"):
        assert screener.execute(getattr(signatures, query), asked).fetchall() == []


SEARCHES = ("SHARING", "SHARING_BEHIND", "NEIGHBOURS", "NEIGHBOURS_BEHIND")


def plan_of(query, **values):
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + query, values)
        return "\n".join(line for (line,) in cursor.fetchall())


@pytest.fixture
def crowd(world, meanings):
    """One real case among the signatures of 20,000 that are not there."""
    case = world.screened(QUESTION, right=ANSWER)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "INSERT INTO curation_signature (case_id, version, question, bands, encoder)"
            " SELECT 1000000 + n, 'x', n, ARRAY(SELECT n::bigint * 32 + k FROM generate_series(1, 32) AS k), ''"
            " FROM generate_series(1, 20000) AS n"
        )
        cursor.execute("SET LOCAL session_replication_role = origin")
        cursor.execute("ANALYZE curation_signature")
    return {"cases": [case.pk], "least": 3, "most": 20, "encoder": "meanings@1"}


def test_every_search_uses_its_index(crowd):
    for query in (signatures.SHARING, signatures.SHARING_BEHIND):
        assert "signature_bands" in plan_of(query, **crowd)
    assert "signature_question" in plan_of(signatures.OTHER_ANSWERS, **crowd)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_sort = off")  # of one vector there is little to sort
    for query in (signatures.NEIGHBOURS, signatures.NEIGHBOURS_BEHIND):
        assert "signature_neighbours" in plan_of(query, **crowd)
