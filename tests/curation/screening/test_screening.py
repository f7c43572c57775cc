"""Facts in, findings out; then the same through the database."""

from datetime import timedelta

import pytest
from django.utils import timezone

from curation.checks import findings
from curation.checks.duplicates import Duplicates, Match
from curation.checks.findings import AUTHOR_FREE, AUTHOR_MOST, Facts, author_limit, screen
from curation.decontamination.overlap import Overlap
from curation.models import Blocker, Case
from curation.screening import actions as screening_actions
from feedback.actions import grant_consent, record_interaction, submit_comment, submit_correction
from feedback.models import ConsentEntry
from tests.curation.conftest import EXAM, TEST
from tests.support.wordings import SHOWN

CLEAN = Overlap(0.1, 0.3, "containment")
GOOD = {"kind": "correction", "prompt": "How long?", "answer": "30 days.", "consented": True, "overlap": CLEAN}


def blockers(**changed):
    return {finding.check for finding in screen(Facts(**(GOOD | changed))) if finding.blocking}


def test_every_check_answers_when_all_is_well():
    findings = screen(Facts(**GOOD))
    assert [finding.check for finding in findings] == Blocker.Check.values[-1:] + Blocker.Check.values[:-1]
    assert not any(finding.blocking for finding in findings)
    meter = next(finding for finding in findings if finding.check == "overlap")
    assert (meter.score, meter.limit) == (0.1, 0.3)


@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({"consented": False}, "consent"),
        ({"environment": "staging", "origin_environment": "staging"}, "environment"),
        ({"environment": "replay", "origin_environment": "replay"}, "environment"),
        ({"environment": "replay", "origin_environment": "staging"}, "environment"),
        ({"origin_lane": "held_out"}, "environment"),
        ({"answer": "Mail jo@example.org."}, "personal_data"),
        ({"prompt": "Is +49 30 901820 yours?"}, "personal_data"),
        ({"answer": "password: f8Gh2kL0pQ9zXv3b"}, "secret"),
        ({"overlap": None}, "overlap"),
        ({"overlap": Overlap(1.0, 1.0, "exact", "i", "exam v1")}, "overlap"),
        ({"duplicates": Duplicates(Match(7, "exact", 1.0, 1.0))}, "duplicate"),
        ({"author_pairs": AUTHOR_FREE, "all_pairs": AUTHOR_FREE}, "author_share"),
        ({"answer": "This is wrong, should be 30 days."}, "commentary"),
    ],
)
def test_one_thing_wrong_is_one_blocker(changed, check):
    assert blockers(**changed) == {check}


def test_a_replay_of_production_passes():
    assert blockers(environment="replay", origin_environment="production") == set()


@pytest.mark.parametrize("kind", ["bug_report", "taste_note", "comment"])
def test_other_kinds_never_train(kind):
    (finding,) = screen(Facts(kind=kind, consented=True, overlap=CLEAN))
    assert finding.check == "kind" and finding.blocking


def test_the_authors_limit_is_absolute_and_a_share():
    assert [author_limit(n) for n in (0, 100, 1_000, 1_000_000)] == [AUTHOR_FREE, AUTHOR_FREE, 200, AUTHOR_MOST]


# --- through the database -------------------------------------------------------------------------------------------
def found(case):
    return set(Blocker.objects.filter(case=case, blocking=True).values_list("check_name", flat=True))


def test_a_screened_case_is_open_with_all_its_findings(world, events):
    case = world.case()
    events()
    screening_actions.screen_case(case.pk, world.registry, by=TEST)
    assert events() == ["case.screened"]
    case.refresh_from_db()
    assert (case.state, case.screened_epoch) == ("open", 1)
    assert found(case) == set() and case.findings.count() == len(Blocker.Check)


def test_an_item_of_the_exam_is_blocked_without_its_text(world):
    case = world.screened(EXAM[0][2], "Ten.", EXAM[0][3])
    assert found(case) == {"overlap"}
    finding = case.findings.get(check_name="overlap")
    assert (finding.evidence["method"], finding.evidence["benchmark"]) == ("exact", "exam v1")
    assert "freight" not in str(finding.evidence) + finding.message


def test_a_row_of_any_length_is_compared(world):
    filler = "The committee met on Tuesday to talk about the garden. " * 4_000
    clean = world.screened(filler, right="30 days.")
    leak = world.screened("Read this.", right=filler + EXAM[0][2] + " " + filler, subject="bea")
    again = world.screened("Read  this!", right=filler + EXAM[0][2] + " " + filler, subject="cem")
    assert (found(clean), found(leak)) == (set(), {"overlap"})
    assert found(again) == {"overlap"}
    assert leak.findings.get(check_name="overlap").evidence["item"] == EXAM[0][0]
    assert clean.findings.get(check_name="duplicate").evidence["not_checked"] == ["near", "semantic"]


def test_the_first_of_two_equal_corrections_stays(world):
    first = world.screened("How long?", right="30 days.")
    second = world.screened("HOW  long", right="30 days!", subject="bea")
    assert (found(first), found(second)) == (set(), {"duplicate"})
    assert second.findings.get(check_name="duplicate").evidence["case"] == first.pk


def test_a_blocked_first_makes_room_for_the_next(world):
    first = world.screened("How long?", right="30 days.", consent=False)
    second = world.screened("How long?", right="30 days.", subject="bea")
    assert (found(first), found(second)) == ({"consent"}, set())


def test_expired_consent_is_none(world):
    case = world.case(consent=False)
    past = timezone.now() - timedelta(seconds=1)
    ConsentEntry.objects.create(subject=case.subject, decision="granted", wording_id=SHOWN, expires_at=past)
    screening_actions.screen_case(case.pk, world.registry, by=TEST)
    assert found(case) == {"consent"}


def test_a_replay_inherits_consent_and_environment_of_its_original(world):
    original = record_interaction(world.shop, "ann", "How long?", "14 days.", by=TEST)
    grant_consent(original.subject, wording_version=SHOWN, by=TEST)
    replay = record_interaction(world.shop, "", "How long?", "15 days.", replay_of=original, by=TEST)
    correction = submit_correction(replay.pk, replacement="30 days.", by=TEST)
    case = screening_actions.open_case("correction", correction.pk, by=TEST)
    screening_actions.screen_case(case.pk, world.registry, by=TEST)
    assert case.subject_id == original.subject_id and found(case) == set()


def test_a_replay_of_staging_does_not_train(world):
    original = record_interaction(world.shop, "ann", "How long?", "14 days.", environment="staging", by=TEST)
    replay = record_interaction(world.shop, "", "How long?", "15 days.", replay_of=original, by=TEST)
    correction = submit_correction(replay.pk, replacement="30 days.", consent=SHOWN, by=TEST)
    case = screening_actions.open_case("correction", correction.pk, by=TEST)
    screening_actions.screen_case(case.pk, world.registry, by=TEST)
    assert found(case) == {"environment"}


def test_opening_twice_is_once(world, events):
    case = world.case()
    events()
    assert screening_actions.open_case("correction", case.correction_id, by=TEST) == case
    assert events() == [] and Case.objects.count() == 1


def test_a_lost_doorbell_loses_nothing(world, events):
    interaction = record_interaction(world.shop, "ann", "How long?", "14 days.", by=TEST)
    for _ in range(3):
        submit_comment(interaction.pk, rating="Bad", text="Too short", by=TEST)
    events()
    assert screening_actions.open_missing_cases(2, by=TEST) == 2
    assert screening_actions.open_missing_cases(2, by=TEST) == 1
    assert screening_actions.open_missing_cases(2, by=TEST) == 0
    assert events() == ["cases.opened", "cases.opened"]


def test_a_batch_is_one_event_and_few_queries(world, events, django_assert_max_num_queries):
    for n in range(30):
        world.case(f"Question {n}?", subject=f"user-{n}")
    events()
    with django_assert_max_num_queries(24):
        assert screening_actions.screen_waiting(100, world.registry, by=TEST) == 30
    assert events() == ["cases.screened"]
    assert Case.objects.filter(state="open").count() == 30
    assert screening_actions.screen_waiting(100, world.registry, by=TEST) == 0


def test_a_clean_row_tells_its_measures_in_steps_and_a_blocked_one_exactly() -> None:
    near = Overlap(0.2312, 0.25, "containment", scores={"containment": 0.2312, "jaccard": 0.0499})
    clean = findings.overlap(Facts("correction", overlap=near))
    assert (clean.score, clean.evidence["scores"]) == (0.2, {"containment": 0.2, "jaccard": 0.0})
    hit = Overlap(0.8312, 0.25, "containment", "an-id", "exam v1", scores={"containment": 0.8312})
    assert findings.overlap(Facts("correction", overlap=hit)).score == 0.8312


def test_a_long_row_says_that_its_meaning_was_read_in_part() -> None:
    read = Overlap(0.0, 0.25, "containment", scores={"meaning": 0.0}, encoder="a model")
    finding = findings.overlap(Facts("correction", prompt="word " * 5_000, overlap=read))
    assert finding.evidence["not_checked"] == ["the_meaning_of_parts_of_long_texts"]
    assert "not_checked" not in findings.overlap(Facts("correction", prompt="word", overlap=read)).evidence
