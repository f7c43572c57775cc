"""With every worker stopped: withdrawn words are not queued, prepared, judged, promoted or rolled back to."""

import pytest
from django.db import IntegrityError, transaction

from audit.models import Event
from cftapp.base.refusal import Conflict, Forbidden, Refused
from curation.datasets.withdrawn import Withdrawn
from evaluation.gates.actions import finish_gate, queue_gate, start_gate
from evaluation.models import Gate, Verdict
from feedback.actions import withdraw_consent
from serving.models import Promotion, Release
from serving.releases.actions import promote, roll_back
from serving.releases.champion import champion
from serving.releases.roll_back_waivers import confirm_roll_back_waiver, request_roll_back_waiver
from tests.support import serving_rows
from tests.support.people import person
from training import actions
from training.models import Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def mori():
    serving_rows.base_release()
    return person("mori", "engineer")


@pytest.fixture
def ana():
    """A pair of ana's."""
    return serving_rows.accepted_pair("ana")


def withdraw(pair):
    withdraw_consent(pair.subject, by="visitor")
    pair.refresh_from_db()
    assert pair.state == "accepted"  # no worker has marked anything


def two_champions(mori, pair):
    """The first learnt the pair, the second did not and is champion."""
    first, gate = serving_rows.candidate(rows=serving_rows.dataset(pair))
    promote(first, gate, by=mori)
    second, gate = serving_rows.candidate(champion_run=first.run)
    promote(second, gate, by=mori)
    return first, second


def refused_by_postgresql(act):
    with pytest.raises(IntegrityError, match="withdrawn or erased"), transaction.atomic():
        act()


def test_no_run_is_queued(mori, ana):
    rows = serving_rows.dataset(ana)
    withdraw(ana)
    with pytest.raises(Withdrawn) as refused:
        actions.refuse_unfit(_with_report(rows))
    assert refused.value.blockers[0].field == "dataset"
    refused_by_postgresql(lambda: serving_rows.queued_run(rows))
    assert not Run.objects.exists()


def _with_report(rows):
    from curation.datasets.decontamination_report import digest

    rows.report_sha256 = digest(rows.report)
    return rows


def test_no_rows_are_written_and_nothing_finishes(mori, ana):
    run = serving_rows.queued_run(serving_rows.dataset(ana))
    withdraw(ana)
    refused_by_postgresql(lambda: Run.objects.filter(pk=run.pk).update(manifest={"rows": "written"}))
    refused_by_postgresql(lambda: serving_rows.finish(run, "7" * 64))
    run.refresh_from_db()
    assert run.manifest is None and run.adapter_sha256 == ""


def test_a_stopped_run_is_not_resumed(mori, ana):
    run = serving_rows.queued_run(serving_rows.dataset(ana))
    actions.request_stop(run, by=mori)
    withdraw(ana)
    refused_by_postgresql(lambda: Run.objects.filter(pk=run.pk).update(state="queued"))


def test_no_gate_is_queued(mori, ana):
    run = serving_rows.finished_run(rows=serving_rows.dataset(ana))
    serving_rows.benchmark_versions()
    withdraw(ana)
    with pytest.raises(Withdrawn):
        queue_gate(run, by=mori)
    refused_by_postgresql(lambda: Gate.objects.create(run=run, requested_by="process:evaluator"))


def test_a_gate_in_work_comes_to_no_verdict(mori, ana):
    run = serving_rows.finished_run(rows=serving_rows.dataset(ana))
    serving_rows.benchmark_versions()
    gate = start_gate(queue_gate(run, by=mori).pk)
    withdraw(ana)
    with pytest.raises(Withdrawn):
        finish_gate(gate, [], Verdict.FAIL)
    refused_by_postgresql(lambda: Gate.objects.filter(pk=gate.pk).update(state="finished", verdict="FAIL"))


def test_a_release_that_passed_is_not_promoted(mori, ana):
    release, gate = serving_rows.candidate(rows=serving_rows.dataset(ana))
    withdraw(ana)
    with pytest.raises(Conflict, match="consent was withdrawn since"):
        promote(release, gate, by=mori)
    with pytest.raises(IntegrityError, match="consent was withdrawn since"), transaction.atomic():
        Promotion.objects.create(
            release=release, replaced=Promotion.objects.get(), reason="promoted", gate=gate, promoted_by="intruder"
        )
    assert champion().number == 0


def test_another_run_with_the_same_adapter_counts(mori, ana):
    release, gate = serving_rows.candidate(adapter="9" * 64)
    serving_rows.finished_run("9" * 64, serving_rows.dataset(ana))
    withdraw(ana)
    with pytest.raises(Conflict, match="consent was withdrawn since"):
        promote(release, gate, by=mori)


def test_a_roll_back_meets_the_same_obstacle(mori, ana):
    first, second = two_champions(mori, ana)
    withdraw(ana)
    for target in ({}, {"to": first}):
        with pytest.raises(Conflict, match="consent was withdrawn since") as refused:
            roll_back(by=mori, **target)
        assert "two people" in refused.value.blockers[0].remedy
    with pytest.raises(IntegrityError, match="consent was withdrawn since"), transaction.atomic():
        newest = Promotion.objects.newest_first().first()
        Promotion.objects.create(release=first, replaced=newest, reason="rolled_back", promoted_by="intruder")
    assert champion() == second
    assert roll_back(by=mori, to=Release.objects.get(number=0)).release.number == 0


def test_a_roll_back_to_what_learnt_an_exam_is_refused(mori, ana):
    first, _ = two_champions(mori, ana)
    Release.objects.filter(pk=first.pk).update(contamination={"rows": 2, "benchmarks": {}})
    with pytest.raises(Conflict, match="2 rows of an exam"):
        roll_back(by=mori)
    with pytest.raises(IntegrityError, match="part of an exam"), transaction.atomic():
        newest = Promotion.objects.newest_first().first()
        Promotion.objects.create(release=first, replaced=newest, reason="rolled_back", promoted_by="intruder")


def test_two_people_bring_it_back_once(mori, ana):
    first, second = two_champions(mori, ana)
    withdraw(ana)
    waiver = request_roll_back_waiver(first, " v2 insults people. ", by=mori)
    with pytest.raises(Conflict, match="consent was withdrawn"):
        roll_back(by=mori, to=first)
    confirm_roll_back_waiver(waiver, by=person("omar", "compliance"))
    promotion = roll_back(by=mori, to=first)
    assert (promotion.release, promotion.roll_back_waiver) == (first, waiver)
    names = Event.objects.filter(name__contains="roll").order_by("id").values_list("name", flat=True)
    assert list(names) == ["roll_back_waiver.requested", "roll_back_waiver.confirmed", "champion.rolled_back"]
    roll_back(by=mori, to=second)
    with pytest.raises(Conflict, match="consent was withdrawn"):
        roll_back(by=mori, to=first)


def test_one_person_is_not_two(mori, ana):
    first, _ = two_champions(mori, ana)
    withdraw(ana)
    ines = person("ines", "lead")
    waiver = request_roll_back_waiver(first, "v2 insults people.", by=ines)
    for somebody, reason in ((ines, "yourself"), (mori, "Only a lead or compliance")):
        with pytest.raises(Forbidden, match=reason):
            confirm_roll_back_waiver(waiver, by=somebody)
    with pytest.raises(IntegrityError, match="two_people"), transaction.atomic():
        type(waiver).objects.filter(pk=waiver.pk).update(confirmed_by=ines, confirmed_at=waiver.requested_at)
    with pytest.raises(IntegrityError, match="a lead or compliance"), transaction.atomic():
        type(waiver).objects.filter(pk=waiver.pk).update(confirmed_by=mori, confirmed_at=waiver.requested_at)
    with pytest.raises(IntegrityError, match="not confirmed by a second person"), transaction.atomic():
        newest = Promotion.objects.newest_first().first()
        Promotion.objects.create(
            release=first, replaced=newest, reason="rolled_back", roll_back_waiver=waiver, promoted_by="intruder"
        )


def test_a_waiver_needs_a_reason_and_an_obstacle(mori, ana):
    first, second = two_champions(mori, ana)
    with pytest.raises(Conflict, match="Nothing forbids"):
        request_roll_back_waiver(first, "To be sure.", by=mori)
    withdraw(ana)
    with pytest.raises(Refused, match="needs a reason"):
        request_roll_back_waiver(first, " \n", by=mori)
    with pytest.raises(Conflict, match="champion already"):
        request_roll_back_waiver(second, "To be sure.", by=mori)
    request_roll_back_waiver(first, "v2 insults people.", by=mori)
    with pytest.raises(Conflict, match="requested already"):
        request_roll_back_waiver(first, "v2 insults people.", by=mori)
