"""A withdrawn consent marks all that learnt from it: pairs, datasets, runs, releases; and what comes later."""

import pytest

from audit.models import Edge, Event
from curation.models import Pair
from feedback.actions import grant_consent, withdraw_consent
from serving import tasks
from serving.releases.actions import create_release
from serving.releases.marking import mark_withdrawal
from serving.releases.withdrawal import subjects_with_unmarked_rows
from tests.support import serving_rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def learnt():
    """ana's pair, in a dataset with bo's; a run and a release that learnt both; a dataset of bo's alone."""
    serving_rows.base_release()
    ana, bo = serving_rows.accepted_pair("ana"), serving_rows.accepted_pair("bo", "Where is Tilor?")
    rows = serving_rows.dataset(ana, bo)
    release, _ = serving_rows.candidate(rows=rows)
    return ana, bo, rows, release


def test_it_marks_every_stage_with_the_time_of_the_withdrawal(learnt):
    ana, bo, rows, release = learnt
    entry = withdraw_consent(ana.subject, by="visitor")
    marked = mark_withdrawal(ana.subject_id, by="process:curator")
    assert (marked.pairs, marked.datasets) == ([str(ana.pk)], [rows.pk])
    assert (marked.runs, marked.releases) == ([release.run_id], [release.pk])
    for row in (rows, release.run, release):
        row.refresh_from_db()
        assert row.learnt_from_withdrawn_at == entry.recorded_at
    ana.refresh_from_db()
    bo.refresh_from_db()
    assert (ana.state, bo.state) == (Pair.State.WITHDRAWN, Pair.State.ACCEPTED)


def test_others_are_left_alone(learnt):
    ana, bo, _, _ = learnt
    apart, _ = serving_rows.candidate(rows=serving_rows.dataset(bo))
    withdraw_consent(ana.subject, by="visitor")
    mark_withdrawal(ana.subject_id, by="process:curator")
    apart.refresh_from_db()
    apart.run.dataset.refresh_from_db()
    assert apart.learnt_from_withdrawn_at is None
    assert apart.run.dataset.learnt_from_withdrawn_at is None


def test_it_leaves_one_event_that_names_all_of_them_and_a_repetition_none(learnt):
    ana, _, rows, release = learnt
    withdraw_consent(ana.subject, by="visitor")
    assert tasks.mark_withdrawal(str(ana.subject_id)) == 4
    assert tasks.mark_withdrawal(str(ana.subject_id)) == 0
    event = Event.objects.get(name="withdrawal.marked")
    assert event.detail == {"pair": 1, "dataset": 1, "run": 1, "release": 1}
    edges = set(Edge.objects.filter(event=event).values_list("kind", "object_id"))
    assert {("subject", str(ana.subject_id)), ("pair", str(ana.pk)), ("release", str(release.pk))} <= edges


def test_without_a_withdrawal_nothing_is_marked(learnt):
    ana = learnt[0]
    assert not mark_withdrawal(ana.subject_id, by="process:curator")
    withdraw_consent(ana.subject, by="visitor")
    grant_consent(ana.subject, wording_version="2026-11", legal_basis="consent", by="visitor")
    assert not mark_withdrawal(ana.subject_id, by="process:curator")
    ana.refresh_from_db()
    assert ana.state == Pair.State.ACCEPTED


def test_a_release_that_is_made_later_of_a_marked_run_is_born_marked(learnt):
    ana, _, rows, _ = learnt
    run = serving_rows.finished_run("7" * 64, rows)
    entry = withdraw_consent(ana.subject, by="visitor")
    mark_withdrawal(ana.subject_id, by="process:curator")
    run.refresh_from_db()
    assert create_release(run, by="process:curator").learnt_from_withdrawn_at == entry.recorded_at


def test_the_sweep_finds_what_a_lost_message_left(learnt):
    ana, bo, _, release = learnt
    assert subjects_with_unmarked_rows() == []
    withdraw_consent(ana.subject, by="visitor")
    assert subjects_with_unmarked_rows() == [str(ana.subject_id)]
    assert tasks.sweep() == {"created": 0, "marked": 4}
    assert tasks.sweep() == {"created": 0, "marked": 0}
    release.refresh_from_db()
    assert release.learnt_from_withdrawn_at


def test_the_sweep_creates_releases_of_judged_runs():
    serving_rows.base_release()
    run = serving_rows.finished_run()
    assert tasks.sweep() == {"created": 0, "marked": 0}
    gate = serving_rows.judged_gate(run, "FAIL")
    assert tasks.sweep() == {"created": 1, "marked": 0}
    assert tasks.create_release(gate.pk) == run.release.number == 1
