"""Claim, verdict, undo: one case, one reviewer, one verdict."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from cftapp.base.refusal import Refused
from curation.datasets import actions as dataset_actions
from curation.models import Case, Pair
from curation.screening import actions as screening_actions
from curation.triage import actions as triage_actions
from feedback.actions import submit_comment, withdraw_consent
from tests.curation.conftest import TEST, adopt
from tests.support.people import person


def test_the_oldest_free_case_is_claimed(world, rosa, rob):
    first, second = world.screened("One?"), world.screened("Two?")
    assert triage_actions.claim_next_case(rosa) == first
    assert triage_actions.claim_next_case(rob) == second
    assert triage_actions.claim_next_case(person("una", "reviewer")) is None


def test_it_returns_the_case_already_held(world, rosa):
    world.screened("One?"), world.screened("Two?")
    assert triage_actions.claim_next_case(rosa) == triage_actions.claim_next_case(rosa)


def test_skipping_lets_the_case_go_and_wraps_around(world, rosa, rob):
    first, second = world.screened("One?"), world.screened("Two?")
    triage_actions.claim_next_case(rosa)
    assert triage_actions.claim_next_case(rosa, after=first.pk) == second
    assert triage_actions.claim_next_case(rosa, after=second.pk) == first
    assert triage_actions.claim_next_case(rob) == second


def test_skipping_the_only_free_case_brings_it_back(world, rosa, rob):
    first, second = world.screened("One?"), world.screened("Two?")
    assert triage_actions.claim_next_case(rosa) == first
    assert triage_actions.claim_next_case(rob) == second
    assert triage_actions.claim_next_case(rob, after=second.pk) == second


def test_a_kind_can_be_asked_for(world, rosa):
    correction = world.screened("One?")
    comment = submit_comment(correction.correction.interaction_id, rating="Bad", text="Meh", by=TEST)
    other = screening_actions.open_case("comment", comment.pk, by=TEST)
    screening_actions.screen_case(other.pk, world.registry, by=TEST)
    assert triage_actions.claim_next_case(rosa, "comment") == other


def test_an_unscreened_case_is_not_claimable(world, rosa):
    case = world.case()
    assert triage_actions.claim_next_case(rosa) is None
    with pytest.raises(Refused, match="not screened yet"):
        triage_actions.claim_case(rosa, case.pk)


def test_a_case_of_an_older_epoch_is_not_claimable(world, rosa, exam):
    case = world.screened()
    exam.number = 2
    try:
        adopt(exam)
    finally:
        exam.number = 1
    assert triage_actions.claim_next_case(rosa) is None
    with pytest.raises(Refused, match="screened under epoch 1"):
        triage_actions.claim_case(rosa, case.pk)


def test_a_held_case_is_refused_to_others_and_free_once_expired(world, rosa, rob):
    case = world.screened()
    triage_actions.claim_case(rosa, case.pk)
    with pytest.raises(Refused, match="Somebody else"):
        triage_actions.claim_case(rob, case.pk)
    Case.objects.filter(pk=case.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert triage_actions.claim_next_case(rob) == case
    with pytest.raises(Refused, match="do not hold"):
        triage_actions.decide_case(case.pk, "rejected", by=rosa)


def test_an_expired_lease_that_nobody_took_still_decides(world, rosa):
    case = world.screened()
    triage_actions.claim_case(rosa, case.pk)
    Case.objects.filter(pk=case.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert triage_actions.decide_case(case.pk, "rejected", by=rosa).verdict == "rejected"


def test_viewing_renews_the_lease_and_keeps_the_clock(world, rosa):
    case = world.screened()
    first = triage_actions.claim_case(rosa, case.pk)
    again = triage_actions.claim_case(rosa, case.pk)
    assert again.lease_expires_at > first.lease_expires_at
    assert again.claimed_at == first.claimed_at


def test_acceptance_makes_the_pair_in_one_event(world, rosa, events):
    case = world.screened("How long?", "14 days.", "30 days.")
    triage_actions.claim_case(rosa, case.pk)
    events()
    triage_actions.decide_case(case.pk, "accepted", by=rosa)
    assert events() == ["case.decided"]
    pair = Pair.objects.get()
    assert (pair.prompt, pair.chosen, pair.rejected) == ("How long?", "30 days.", "14 days.")
    assert (pair.accepted_by, pair.subject_id, pair.screened_epoch) == (rosa, case.subject_id, 1)
    assert Case.objects.get(pk=case.pk).lead_seconds >= 0


@pytest.mark.parametrize("verdict", ["taste", "bug", "rejected"])
def test_other_verdicts_make_no_pair(world, rosa, verdict):
    case = world.screened()
    triage_actions.claim_case(rosa, case.pk)
    triage_actions.decide_case(case.pk, verdict, by=rosa)
    assert Case.objects.get(pk=case.pk).verdict == verdict
    assert not Pair.objects.exists()


def test_a_blocked_case_is_refused_with_reason_and_remedy(world, rosa):
    case = world.screened(consent=False)
    triage_actions.claim_case(rosa, case.pk)
    with pytest.raises(Refused) as refused:
        triage_actions.decide_case(case.pk, "accepted", by=rosa)
    (blocked,) = refused.value.blockers
    assert blocked.field == "consent" and blocked.message and blocked.remedy
    assert Case.objects.get(pk=case.pk).state == "open"


def test_consent_withdrawn_after_screening_is_refused_by_postgresql(world, rosa):
    case = world.screened()
    triage_actions.claim_case(rosa, case.pk)
    withdraw_consent(case.subject, by=TEST)
    with pytest.raises(Refused, match="has not consented"):
        triage_actions.decide_case(case.pk, "accepted", by=rosa)
    assert Case.objects.get(pk=case.pk).state == "open"
    assert not Pair.objects.exists()


def test_a_comment_is_never_accepted(world, rosa):
    interaction = world.screened().correction.interaction_id
    comment = submit_comment(interaction, text="30 days.", by=TEST)
    case = screening_actions.open_case("comment", comment.pk, by=TEST)
    screening_actions.screen_case(case.pk, world.registry, by=TEST)
    triage_actions.claim_case(rosa, case.pk)
    with pytest.raises(Refused, match="never trained on"):
        triage_actions.decide_case(case.pk, "accepted", by=rosa)


def test_a_decided_case_is_not_decided_twice(world, rosa):
    case = world.screened()
    triage_actions.claim_case(rosa, case.pk)
    triage_actions.decide_case(case.pk, "taste", by=rosa)
    with pytest.raises(Refused, match="already has a verdict"):
        triage_actions.decide_case(case.pk, "bug", by=rosa)


def test_undo_gives_the_case_back_and_stops_its_pair(world, rosa, events):
    pair = world.accepted(rosa)
    case = pair.correction.case
    events()
    triage_actions.undo_verdict(case.pk, by=rosa)
    assert events() == ["case.reopened"]
    case.refresh_from_db(), pair.refresh_from_db()
    assert (case.state, case.verdict, case.leased_by) == ("open", "", rosa)
    assert pair.state == "undone"
    triage_actions.decide_case(case.pk, "accepted", by=rosa)
    pair.refresh_from_db()
    assert pair.state == "accepted" and Pair.objects.count() == 1


def test_only_ones_own_last_ten_verdicts_are_undone(world, rosa, rob):
    pairs = [world.accepted(rosa, f"Question {n}?", subject=f"user-{n}") for n in range(11)]
    with pytest.raises(Refused, match="last 10"):
        triage_actions.undo_verdict(pairs[0].correction.case.pk, by=rosa)
    with pytest.raises(Refused, match="last 10"):
        triage_actions.undo_verdict(pairs[10].correction.case.pk, by=rob)
    triage_actions.undo_verdict(pairs[1].correction.case.pk, by=rosa)


def test_a_frozen_pair_is_not_undone(world, rosa, erin):
    pair = world.accepted(rosa)
    dataset_actions.freeze_dataset("first", {"replay_count": 0}, by=erin)
    with pytest.raises(Refused, match="frozen into dataset") as refused:
        triage_actions.undo_verdict(pair.correction.case.pk, by=rosa)
    assert "exclude" in refused.value.blockers[0].remedy


@pytest.mark.django_db(transaction=True, databases=["default", "vault"])
def test_eight_reviewers_at_once_get_eight_cases(world):
    cases = {world.screened(f"Question {n}?", subject=f"user-{n}").pk for n in range(8)}
    people = [person(f"reviewer-{n}", "reviewer") for n in range(8)]

    def work(user):
        try:
            case = triage_actions.claim_next_case(user)
            while case is None:  # skipped rows that others were just claiming
                case = triage_actions.claim_next_case(user)
            triage_actions.decide_case(case.pk, "accepted", by=user)
            return case.pk
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, people)) == cases
    assert Pair.objects.count() == 8
