"""From any row back to what it came from and forward to what it became, by the edges of the log."""

import time
from datetime import UTC, datetime

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from audit.actions import record
from audit.lineage import MOST_STEPS, became, grouped, trace, with_consents, with_left_out
from tests.support.growth import grows_linearly

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def tell(name, used=(), generated=(), **detail):
    with transaction.atomic():
        return record(name, by="process:test", used=used, generated=generated, detail=detail)


def entities(steps):
    return [(step.kind, step.object_id) for step in steps]


@pytest.fixture
def story():
    """ana's correction becomes a pair, is frozen with another, trained, gated, released and promoted."""
    tell("interaction.recorded", [("source", 1), ("subject", "ana")], [("interaction", "i1")])
    tell("correction.submitted", [("interaction", "i1"), ("subject", "ana")], [("consent", 1), ("correction", "c1")])
    tell("case.opened", [("correction", "c1")], [("case", 1)])
    tell("case.decided", [("correction", "c1"), ("case", 1)], [("pair", "p1")])
    tell("dataset.frozen", [("pair", "p1"), ("pair", "p2")], [("dataset", 1)])
    tell("run.queued", [("dataset", 1)], [("run", 1)])
    tell("run.finished", [("run", 1)], [("adapter", "sha")])
    tell("gate.queued", [("run", 1), ("benchmark_version", 1)], [("gate", 1)])
    tell("release.created", [("run", 1), ("adapter", "sha"), ("gate", 1)], [("release", 2)])
    tell("champion.promoted", [("release", 2), ("gate", 1)], [("promotion", 2)])


def test_forward_from_a_pair_reaches_the_promotion(story):
    assert entities(trace("pair", "p1", "forward")) == [
        ("pair", "p1"),
        ("dataset", "1"),
        ("run", "1"),
        ("adapter", "sha"),
        ("gate", "1"),
        ("release", "2"),
        ("promotion", "2"),
    ]


def test_back_from_the_promotion_reaches_the_subject(story):
    sources = entities(trace("promotion", 2, "back"))
    assert {("subject", "ana"), ("interaction", "i1"), ("correction", "c1"), ("pair", "p1"), ("pair", "p2")} <= {
        *sources
    }
    assert sources[-1] == ("promotion", "2")


def test_each_direction_is_one_query(story):
    for direction in ("back", "forward"):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            trace("dataset", 1, direction)
        assert len(queries) == 1


def test_steps_tell_when_they_were_born_and_what_was_said_last(story):
    by_kind = {step.kind: step for step in trace("run", 1, "forward")}
    assert (by_kind["run"].born_name, by_kind["run"].newest_name) == ("run.queued", "release.created")
    assert by_kind["promotion"].born_name == by_kind["promotion"].newest_name == "champion.promoted"
    assert by_kind["run"].actor == "process:test"


def test_they_are_grouped_by_stage_in_the_order_of_the_pipeline(story):
    stages = grouped(trace("promotion", 2, "back"))
    assert [stage.name for stage in stages] == [
        *("Feedback", "Curation", "Dataset", "Run", "Gate", "Release", "Promotion")
    ]


def test_a_champion_that_a_candidate_was_compared_with_is_no_ancestor_of_it(story):
    tell("dataset.frozen", [("pair", "p9")], [("dataset", 9)])
    tell("run.queued", [("dataset", 9)], [("run", 9)])
    tell("gate.queued", [("run", 9), ("run", 1), ("benchmark_version", 1)], [("gate", 9)])
    tell("release.created", [("run", 9), ("gate", 9)], [("release", 9)])
    assert ("release", "9") not in entities(trace("pair", "p1", "forward"))
    assert ("pair", "p1") not in entities(trace("release", 9, "back"))
    assert {("run", "1"), ("run", "9")} <= {*entities(trace("gate", 9, "back"))}


def test_what_a_run_left_out_is_not_followed_into_what_came_of_it():
    tell("dataset.frozen", [("pair", "short"), ("pair", "long")], [("dataset", 1)])
    for run, left_out in ((1, ["long"]), (2, [])):
        tell("run.queued", [("dataset", 1)], [("run", run)])
        tell("run.finished", [("run", run)], [("adapter", f"sha{run}")], left_out=left_out)
        tell("gate.queued", [("run", run)], [("gate", run)])
    assert entities(became("pair", "short")) == entities(trace("pair", "short", "forward"))
    became_of_long = became("pair", "long")
    assert entities(became_of_long)[2:] == [("run", "1"), ("run", "2"), ("adapter", "sha2"), ("gate", "2")]
    assert became_of_long[0].left_out_of == [("run", "1")]
    assert entities(became("dataset", 1)) == entities(trace("dataset", 1, "forward"))
    back = {step.object_id: step.left_out_of for step in with_left_out(trace("gate", 1, "back"))}
    assert (back["short"], back["long"]) == ([], [("run", "1")])
    assert not any(step.left_out_of for step in with_left_out(trace("gate", 2, "back")))


def test_consent_is_the_newest_word_of_the_subject_behind_each_step(story):
    steps = with_consents(trace("pair", "p1", "back"), NOW)
    states = {step.kind: step.consent and step.consent.state for step in steps}
    assert (states["pair"], states["correction"], states["subject"]) == ("granted", "granted", "granted")
    tell("consent.withdrawn", [("subject", "ana")], [("consent", 2)])
    steps = with_consents(trace("pair", "p1", "back"), NOW)
    assert {step.consent.state for step in steps if step.consent} == {"withdrawn"}


def test_consent_of_somebody_who_was_never_asked_is_unknown(story):
    tell("interaction.recorded", [("source", 1), ("subject", "bo")], [("interaction", "i2")])
    steps = with_consents(trace("interaction", "i2", "back"), NOW)
    assert [step.consent for step in steps] == [None] * len(steps)


def test_an_expired_grant_says_so():
    tell("interaction.recorded", [("subject", "cy")], [("interaction", "i3")])
    tell("consent.granted", [("subject", "cy")], [("consent", 3)], expires_at="2026-01-01T00:00:00+00:00")
    steps = with_consents(trace("interaction", "i3", "back"), NOW)
    assert {step.consent.state for step in steps if step.consent} == {"expired"}


def test_a_mark_is_shown_on_what_it_names(story):
    tell("withdrawal.marked", [("subject", "ana"), ("pair", "p1"), ("run", 1)])
    marked = {step.kind for step in trace("pair", "p1", "forward") if step.marked_at}
    assert marked == {"pair", "run"}


def test_a_circle_ends():
    tell("run.resumed", [("run", "a")], [("run", "b")])
    tell("run.requeued", [("run", "b")], [("run", "a")])
    assert set(entities(trace("run", "a", "forward"))) == {("run", "a"), ("run", "b")}
    assert set(entities(trace("run", "a", "back"))) == {("run", "a"), ("run", "b")}


def test_what_the_log_never_named_stands_alone():
    (alone,) = trace("run", "nobody", "back")
    assert (alone.born_id, alone.newest_id) == (None, None)


def test_a_chain_of_two_thousand_is_followed_to_its_end():
    for number in range(2000):
        tell("run.resumed", [("run", number)], [("run", number + 1)])
    assert len(trace("run", 0, "forward")) == 2001
    assert len(trace("run", 2000, "back")) == 2001


def train_on(source, count):
    """Tell that run number `source` learnt from `count` corrections of that source, all in one dataset."""
    corrections = [("correction", f"c{source}-{n}") for n in range(count)]
    pairs = [("pair", f"p{source}-{n}") for n in range(count)]
    tell("feedback.imported", [("source", source)], corrections)
    tell("case.decided", corrections, pairs)
    tell("dataset.frozen", pairs, [("dataset", source)])
    tell("run.queued", [("dataset", source)], [("run", source)])


def test_ten_thousand_rows_in_one_dataset_take_twice_the_work_of_five_thousand():
    """A join per row and edge would take four times as much, and hours."""
    for source, count in ((1, 5_000), (2, 10_000)):
        train_on(source, count)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE audit_edge")
        cursor.execute("ANALYZE audit_event")
    assert len(trace("correction", "c2-1", "forward")) == 10_003
    assert len(trace("run", 2, "back", most=MOST_STEPS)) == 20_000
    few, many = (lambda n=n: trace("correction", f"c{n}-1", "forward") for n in (1, 2))
    assert grows_linearly(few, many, time.perf_counter, times=2)  # the work is PostgreSQL's, so not this process's
    few, many = (lambda n=n: trace("run", n, "back", most=MOST_STEPS // 2 * n) for n in (1, 2))
    assert grows_linearly(few, many, time.perf_counter, times=2)
