"""The champion alias moves on a PASS against the present champion, or on a waiver of two people, and not else."""

import pytest

from audit.models import Edge, Event
from cftapp.base.refusal import Conflict
from evaluation.models import Verdict
from serving.models import Promotion, Release
from serving.releases.actions import promote, roll_back
from serving.releases.champion import champion
from tests.support import serving_rows
from tests.support.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def mori():
    serving_rows.base_release()
    return person("mori", "engineer")


def test_a_pass_against_the_champion_promotes(mori):
    release, gate = serving_rows.candidate()
    promotion = promote(release, gate, by=mori)
    assert champion() == release
    assert (promotion.reason, promotion.gate, promotion.waiver) == ("promoted", gate, None)
    assert promotion.promoted_by == f"user:{mori.pk}"


def test_it_leaves_one_event_that_names_release_gate_and_promotion(mori):
    release, gate = serving_rows.candidate()
    promotion = promote(release, gate, by=mori)
    event = Event.objects.get(name="champion.promoted")
    edges = set(Edge.objects.filter(event=event).values_list("relation", "kind", "object_id"))
    assert edges == {
        ("used", "release", str(release.pk)),
        ("used", "gate", str(gate.pk)),
        ("generated", "promotion", str(promotion.pk)),
    }
    assert event.detail == {"number": 1, "model_sha256": release.model_sha256, "replaced": 0}


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.INCONCLUSIVE])
def test_any_other_verdict_is_refused_and_changes_nothing(mori, verdict):
    release, gate = serving_rows.candidate(verdict)
    with pytest.raises(Conflict, match=f"says {verdict}"):
        promote(release, gate, by=mori)
    assert champion().number == 0
    assert not Event.objects.filter(name="champion.promoted").exists()


def test_a_pass_against_an_earlier_champion_is_refused(mori):
    first, gate = serving_rows.candidate()
    late, stale = serving_rows.candidate()
    promote(first, gate, by=mori)
    with pytest.raises(Conflict, match="another champion than v1") as refused:
        promote(late, stale, by=mori)
    assert refused.value.blockers[0].remedy == "Gate it again."
    fresh = serving_rows.judged_gate(late.run, champion_run=first.run)
    promote(late, fresh, by=mori)
    assert champion() == late


def test_the_gate_of_another_run_is_refused(mori):
    release, _ = serving_rows.candidate(Verdict.FAIL)
    _, other = serving_rows.candidate()
    with pytest.raises(Conflict, match="No gate has examined"):
        promote(release, other, by=mori)


def test_a_waiver_counts_once_a_second_person_has_signed(mori):
    release, gate = serving_rows.candidate(Verdict.FAIL)
    waiver = serving_rows.waiver(gate)
    with pytest.raises(Conflict, match="not confirmed"):
        promote(release, waiver, by=mori)
    waiver.confirmed_by, waiver.confirmed_at = person("omar", "compliance"), gate.queued_at
    waiver.save()
    promotion = promote(release, waiver, by=mori)
    assert (promotion.gate, promotion.waiver) == (gate, waiver)


def test_the_champion_and_the_base_model_are_not_promoted(mori):
    release, gate = serving_rows.candidate()
    promote(release, gate, by=mori)
    with pytest.raises(Conflict, match="is the champion already"):
        promote(release, gate, by=mori)
    with pytest.raises(Conflict, match="base model has no gate"):
        promote(Release.objects.get(number=0), gate, by=mori)


def test_a_release_that_learnt_from_withdrawn_rows_is_refused(mori):
    release, gate = serving_rows.candidate()
    Release.objects.filter(pk=release.pk).update(learnt_from_withdrawn_at=gate.queued_at)
    with pytest.raises(Conflict, match="consent was withdrawn since"):
        promote(release, gate, by=mori)


def test_rolling_back_goes_down_the_line_of_champions(mori):
    first, gate = serving_rows.candidate()
    promote(first, gate, by=mori)
    second, gate = serving_rows.candidate(champion_run=first.run)
    promote(second, gate, by=mori)
    assert roll_back(by=mori, seen=second).release == first
    assert roll_back(by=mori).release.number == 0
    with pytest.raises(Conflict, match="no earlier champion"):
        roll_back(by=mori)
    assert roll_back(by=mori, to=second).release == second
    assert Promotion.objects.filter(reason="rolled_back").count() == 3
    assert Event.objects.filter(name="champion.rolled_back").count() == 3


def test_a_second_click_does_not_roll_back_twice(mori):
    first, gate = serving_rows.candidate()
    promote(first, gate, by=mori)
    second, gate = serving_rows.candidate(champion_run=first.run)
    promote(second, gate, by=mori)
    roll_back(by=mori, seen=second)
    with pytest.raises(Conflict, match="v2 is no longer the champion; v1 is"):
        roll_back(by=mori, seen=second)
    assert champion() == first


def test_rolling_back_to_what_never_was_champion_is_refused(mori):
    release, _ = serving_rows.candidate(Verdict.FAIL)
    with pytest.raises(Conflict, match="never the champion"):
        roll_back(by=mori, to=release)
