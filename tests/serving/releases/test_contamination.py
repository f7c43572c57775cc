"""An exam that grew over frozen rows: what learnt them is marked, not trusted and not promoted."""

from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse

from audit.models import Edge, Event
from cftapp.base.refusal import Refused
from curation.models import Blocker, Case, Dataset, Pair, RegistryEpoch, ReplayRow
from evaluation.models import Gate
from serving import tasks
from serving.models import Promotion, Release
from serving.releases.actions import create_release, promote
from serving.releases.marking import mark_contamination
from tests.support import serving_rows
from tests.support.people import person, signed_in

pytestmark = pytest.mark.django_db
BY = "process:curator"


@pytest.fixture
def learnt() -> tuple[Pair, Dataset, Release, Gate]:
    """ana's pair, in a dataset; a run and a release that learnt it, and the gate they passed."""
    serving_rows.base_release()
    ana = serving_rows.accepted_pair("ana")
    rows = serving_rows.dataset(ana)
    release, gate = serving_rows.candidate(rows=rows)
    return ana, rows, release, gate


def store_finding(pair: Pair, benchmark: str = "towns v2", blocking: bool = True) -> None:
    """What the screener stores when the pair's row is an item under the current epoch."""
    case = Case.objects.get(correction=pair.correction_id)
    Blocker.objects.update_or_create(
        case=case,
        check_name="overlap",
        defaults={"blocking": blocking, "evidence": {"benchmark": benchmark, "method": "exact", "item": "i"}},
    )


def marks_of(*rows: Any) -> list[Any]:
    for row in rows:
        row.refresh_from_db()
    return [row.contamination for row in rows]


def test_it_marks_dataset_run_gate_and_release_with_rows_benchmark_and_epoch(learnt: Any) -> None:
    ana, rows, release, gate = learnt
    store_finding(ana)
    assert tasks.mark_contamination() == 4
    marks = marks_of(rows, release.run, gate, release)
    assert all(mark == marks[0] for mark in marks)
    assert {**marks[0], "found_at": ""} == {"rows": 1, "benchmarks": {"towns v2": 1}, "epoch": 1, "found_at": ""}


def test_it_leaves_one_event_that_names_all_of_them_and_a_second_delivery_none(learnt: Any) -> None:
    ana, rows, release, gate = learnt
    store_finding(ana)
    assert tasks.mark_contamination() == 4
    assert tasks.mark_contamination() == 0
    event = Event.objects.get(name="contamination.found")
    assert event.detail == {
        "dataset": 1, "run": 1, "gate": 1, "release": 1, "rows": 1, "benchmarks": {"towns v2": 1}
    }  # fmt: skip
    edges = set(Edge.objects.filter(event=event).values_list("kind", "object_id"))
    assert edges == {
        ("epoch", "1"),
        ("pair", str(ana.pk)),
        ("dataset", str(rows.pk)),
        ("run", str(release.run_id)),
        ("gate", str(gate.pk)),
        ("release", str(release.pk)),
    }


def test_a_replay_row_counts_too(learnt: Any) -> None:
    _, rows, release, _ = learnt
    ReplayRow.objects.update(overlaps=True, overlaps_with="chats v1")
    tasks.mark_contamination()
    assert [mark["benchmarks"] for mark in marks_of(rows, release)] == [{"chats v1": 1}] * 2


def test_others_are_left_alone(learnt: Any) -> None:
    apart, gate = serving_rows.candidate(rows=serving_rows.dataset(serving_rows.accepted_pair("bo", "Where is Tilor?")))
    store_finding(learnt[0])
    tasks.mark_contamination()
    assert marks_of(apart, apart.run, apart.run.dataset, gate) == [None] * 4


def test_more_rows_found_later_bring_the_mark_up_to_date(learnt: Any) -> None:
    ana, rows, release, _ = learnt
    store_finding(ana)
    tasks.mark_contamination()
    ReplayRow.objects.update(overlaps=True, overlaps_with="chats v1")
    RegistryEpoch.objects.create(number=2, sha256="f" * 64, items=2, normaliser="test")
    tasks.mark_contamination()
    (mark, other) = marks_of(rows, release)
    assert mark == other
    assert (mark["rows"], mark["benchmarks"], mark["epoch"]) == (2, {"chats v1": 1, "towns v2": 1}, 2)


def test_an_epoch_that_finds_nothing_new_changes_no_mark(learnt: Any) -> None:
    store_finding(learnt[0])
    tasks.mark_contamination()
    before = marks_of(learnt[1])
    RegistryEpoch.objects.create(number=2, sha256="f" * 64, items=2, normaliser="test")
    assert tasks.mark_contamination() == 0
    assert marks_of(learnt[1]) == before


def test_a_finding_that_does_not_hold_any_more_takes_the_mark_off(learnt: Any) -> None:
    ana, rows, release, gate = learnt
    store_finding(ana)
    tasks.mark_contamination()
    store_finding(ana, blocking=False)
    assert tasks.mark_contamination() == 4
    assert marks_of(rows, release, release.run, gate) == [None] * 4
    assert Event.objects.filter(name="contamination.cleared").count() == 1


def test_what_is_made_of_it_later_is_born_marked(learnt: Any) -> None:
    ana, rows, _, _ = learnt
    store_finding(ana)
    tasks.mark_contamination()
    later = serving_rows.queued_run(rows)
    release = create_release(serving_rows.finish(later, "7" * 64), by=BY)
    release.refresh_from_db()
    assert [later.contamination, release.contamination] == marks_of(rows) * 2


def test_the_sweep_finds_what_a_lost_message_left(learnt: Any) -> None:
    store_finding(learnt[0])
    assert tasks.sweep() == {"created": 0, "marked": 4}
    assert tasks.sweep() == {"created": 0, "marked": 0}


def test_a_marked_candidate_is_not_promoted_not_even_on_a_waiver(learnt: Any) -> None:
    ana, _, release, _ = learnt
    store_finding(ana)
    tasks.mark_contamination()
    release.refresh_from_db()
    with pytest.raises(Refused, match="learnt 1 rows of an exam"):
        promote(release, release.run.gates.get(), by=person("mori", "engineer"))
    failed, gate = serving_rows.candidate("FAIL", rows=release.run.dataset)
    waiver = serving_rows.waiver(gate, confirmed_by=person("carla", "compliance"))
    with pytest.raises(Refused, match="of an exam"):
        promote(failed, waiver, by=person("mori", "engineer"))


def test_a_row_that_was_found_and_not_marked_yet_stops_promotion_too(learnt: Any) -> None:
    ana, _, release, gate = learnt
    store_finding(ana)
    with pytest.raises(Refused, match="overlap with a benchmark"):
        promote(release, gate, by=person("mori", "engineer"))


def test_rows_that_are_not_compared_with_the_newest_exam_yet_stop_it_for_a_moment(learnt: Any) -> None:
    _, _, release, gate = learnt
    RegistryEpoch.objects.create(number=2, sha256="f" * 64, items=2, normaliser="test")
    with pytest.raises(Refused, match="not compared with the newest benchmarks"):
        promote(release, gate, by=person("mori", "engineer"))


def test_postgresql_refuses_the_promotion_whoever_writes_it(learnt: Any) -> None:
    ana, _, release, gate = learnt
    store_finding(ana)
    with pytest.raises(DatabaseError, match="part of an exam"), transaction.atomic():
        Promotion.objects.create(
            release=release,
            replaced=Promotion.objects.newest_first().first(),
            reason="promoted",
            gate=gate,
            promoted_by="user:1",
        )


def test_nothing_but_the_mark_of_a_judged_gate_and_a_frozen_dataset_changes(learnt: Any) -> None:
    _, rows, _, gate = learnt
    for query in (Gate.objects.filter(pk=gate.pk), Dataset.objects.filter(pk=rows.pk)):
        column = {"answers": 7} if query.model is Gate else {"name": "other"}
        with pytest.raises(DatabaseError), transaction.atomic():
            query.update(contamination={}, **column)
        query.update(contamination={"rows": 1})


def test_every_page_about_it_says_so(learnt: Any) -> None:
    ana, rows, release, gate = learnt
    store_finding(ana)
    tasks.mark_contamination()
    client = signed_in(person("mori", "engineer"))
    for url in (
        reverse("training:run", args=[serving_rows.queued_run(rows).pk]),
        reverse("evaluation:gate", args=[gate.pk]),
        reverse("serving:releases"),
    ):
        text = " ".join(client.get(url).content.decode().split())
        assert "towns v2" in text and "epoch 1" in text, url
    assert "not to be trusted" in client.get(reverse("evaluation:gates")).content.decode()


@pytest.mark.django_db(transaction=True)
def test_the_curator_s_own_rights_are_enough(learnt: Any) -> None:
    from tests.curation.screening.test_roles import signed_in_as

    ana, rows, _, _ = learnt
    store_finding(ana)
    with signed_in_as("curator"):
        update = mark_contamination(rows.pk, by=BY)
    assert update is not None and len(update) == 4
