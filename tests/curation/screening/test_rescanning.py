"""A new epoch: rows that were screened meet the newer items only, where that is enough; others everything."""

from typing import Any

import pytest

from curation.datasets import actions as dataset_actions
from curation.decontamination.registry import Registry
from curation.models import Blocker, Case, Dataset, Pair, ReplayRow
from curation.screening import actions as screening_actions
from tests.curation.conftest import EXAM, KEY, TEST, World, adopt
from tests.support.people import signed_in

pytestmark = pytest.mark.django_db

LOCK = (
    "lock",
    "exam v2",
    "What is the code of the door to the northern hall of the observatory in Farrowick?",
    "1",
)
SOUP = (
    "soup",
    "exam v3",
    "Which herbs does the cook of the harbour inn put into the soup on Fridays in winter?",
    "2",
)


class Watched(Registry):
    """A registry that keeps what it was asked."""

    asked: list[tuple[int, int]]

    def screen(self, rows: Any, since: int = 0, spans: bool = True) -> Any:
        self.asked.append((len(rows), since))
        return super().screen(rows, since, spans)


def after(previous: Registry, number: int, items: Any, comparable_since: int | None) -> Watched:
    """The next epoch's registry, adopted."""
    made = Watched.from_bytes(Registry.build(items, KEY, number=number, previous=previous), KEY, number)
    made.asked = []
    header = made.header
    screening_actions.adopt_epoch(
        number, header["sha256"], header["items"], 0, header["normaliser"], comparable_since=comparable_since, by=TEST
    )
    return made


def rescan(registry: Registry) -> None:
    """All that the screener does when an epoch is adopted."""
    while screening_actions.screen_waiting(100, registry, by=TEST) or screening_actions.rescan_cases(
        100, registry, by=TEST
    ):
        pass
    while screening_actions.screen_replay_rows(100, registry, by=TEST):
        pass


def test_an_open_row_is_compared_with_newer_items_only_and_its_findings_stay(world: World) -> None:
    case = world.screened("How long is the refund window?")
    before = set(case.findings.values_list("pk", flat=True))
    second = after(world.registry, 2, [*EXAM, LOCK], 1)
    rescan(second)
    case.refresh_from_db()
    assert second.asked == [(1, 1)]
    assert case.screened_epoch == 2
    assert set(case.findings.values_list("pk", flat=True)) == before


def test_a_row_that_is_a_new_item_is_found_and_only_its_overlap_is_written_anew(world: World, rosa: Any) -> None:
    pair = world.accepted(rosa, LOCK[2])
    case = Case.objects.get(correction=pair.correction_id)
    before = set(case.findings.exclude(check_name="overlap").values_list("pk", flat=True))
    rescan(after(world.registry, 2, [*EXAM, LOCK], 1))
    pair.refresh_from_db()
    found = case.findings.get(check_name="overlap")
    assert (found.blocking, found.evidence["benchmark"], pair.screened_epoch) == (True, "exam v2", 2)
    assert set(case.findings.exclude(check_name="overlap").values_list("pk", flat=True)) == before


def test_a_row_that_waits_is_screened_in_full(world: World) -> None:
    case = world.case(EXAM[0][2])
    second = after(world.registry, 2, [*EXAM, LOCK], 1)
    rescan(second)
    assert second.asked == [(1, 0)]
    assert case.findings.get(check_name="overlap").blocking


def test_a_blocked_row_is_screened_in_full_and_free_once_its_item_has_left(world: World) -> None:
    case = world.screened(EXAM[0][2])
    assert case.blocked
    second = after(world.registry, 2, [EXAM[1], LOCK], 1)
    rescan(second)
    assert second.asked == [(1, 0)]
    assert not case.findings.get(check_name="overlap").blocking


def test_an_epoch_that_measures_otherwise_screens_everything_in_full(world: World) -> None:
    world.screened()
    second = after(world.registry, 2, [*EXAM, LOCK], None)
    rescan(second)
    assert second.asked == [(1, 0)]


def test_a_row_many_epochs_behind_meets_whatever_came_after_its_own(world: World) -> None:
    behind = world.screened(LOCK[2])
    second = after(world.registry, 2, [*EXAM, LOCK], 1)
    third = after(second, 3, [*EXAM, LOCK, SOUP], 1)
    other = world.case(SOUP[2], subject="bea")
    screening_actions.screen_case(other.pk, second, by=TEST)
    rescan(third)
    assert sorted(third.asked) == [(1, 1), (1, 2)]
    assert Blocker.objects.filter(check_name="overlap", blocking=True).count() == 2
    assert behind.findings.get(check_name="overlap").evidence["benchmark"] == "exam v2"


def test_one_that_measured_otherwise_in_between_counts(world: World) -> None:
    """Epoch 2 had another policy: what epoch 1 found says nothing, even if epoch 3 only adds to epoch 2."""
    world.screened()
    second = after(world.registry, 2, EXAM, None)
    third = after(second, 3, [*EXAM, LOCK], 2)
    rescan(third)
    assert third.asked == [(1, 0)]


def test_a_killed_rescan_goes_on_and_unfinished_rows_are_neither_claimable_nor_current(world: World, rosa: Any) -> None:
    first, second_case = world.screened("One?"), world.screened("Two?", subject="bea")
    second = after(world.registry, 2, [*EXAM, LOCK], 1)
    assert screening_actions.rescan_cases(1, second, by=TEST) == 1  # and the worker is killed
    assert list(Case.objects.reviewable()) == [first]
    assert screening_actions.rescan_cases(1, second, by=TEST) == 1
    assert list(Case.objects.reviewable().order_by("pk")) == [first, second_case]
    assert screening_actions.rescan_cases(1, second, by=TEST) == 0


def test_a_comparison_that_fails_leaves_the_row_under_its_old_epoch(world: World) -> None:
    case = world.screened()
    second = after(world.registry, 2, [*EXAM, LOCK], 1)
    second.asked = None  # type: ignore[assignment] - appending to it fails
    with pytest.raises(AttributeError):
        screening_actions.rescan_cases(10, second, by=TEST)
    case.refresh_from_db()
    assert case.screened_epoch == 1


def test_a_bug_report_meets_no_item_and_a_second_round_leaves_no_event(world: World, events: Any) -> None:
    from feedback.actions import record_interaction, submit_bug_report

    interaction = record_interaction(world.shop, "ann", "Hello", "Hel", by=TEST)
    report = submit_bug_report(interaction.pk, what_happened="It stopped.", by=TEST)
    case = screening_actions.open_case("bug_report", report.pk, by=TEST)
    screening_actions.screen_case(case.pk, world.registry, by=TEST)
    second = after(world.registry, 2, [*EXAM, LOCK], 1)
    events()
    rescan(second)
    assert (events(), second.asked) == (["cases.rescanned"], [])
    rescan(second)
    assert events() == []


def test_replay_rows_too_meet_newer_items_only(world: World) -> None:
    world.replay(
        {"skill": "chat", "prompt": "Hello", "answer": "Hi"},
        {"skill": "chat", "prompt": LOCK[2], "answer": "1"},
        {"skill": "chat", "prompt": EXAM[0][2], "answer": "20"},
    )
    assert ReplayRow.objects.filter(overlaps=True).get().overlaps_with == "exam v1"
    second = after(world.registry, 2, [*EXAM, LOCK], 1)
    rescan(second)
    assert sorted(second.asked) == [(1, 0), (2, 1)]
    named = ReplayRow.objects.filter(overlaps=True, screened_epoch=2).order_by("overlaps_with")
    assert [row.overlaps_with for row in named] == ["exam v1", "exam v2"]


def test_a_pair_that_became_an_item_falls_out_of_the_next_dataset(world: World, rosa: Any, erin: Any) -> None:
    world.accepted(rosa, LOCK[2]), world.accepted(rosa, "Two?", subject="bea")
    rescan(after(world.registry, 2, [*EXAM, LOCK], 1))
    dataset = dataset_actions.freeze_dataset("clean", {"replay_count": 0}, by=erin)
    assert dataset.pair_count == 1
    assert Pair.objects.filter(dataset_rows__dataset=dataset).get().prompt == "Two?"


def test_an_epoch_adopted_without_that_fact_is_a_full_one(world: World) -> None:
    world.screened()
    second = Watched.from_bytes(Registry.build([*EXAM, LOCK], KEY, number=2), KEY, 2)
    second.asked = []
    adopt(second)
    rescan(second)
    assert second.asked == [(1, 0)]


def test_a_dataset_that_holds_an_exam_says_so_on_its_page(world: World, rosa: Any, erin: Any) -> None:
    world.accepted(rosa, LOCK[2])
    dataset = dataset_actions.freeze_dataset("first", {"replay_count": 0}, by=erin)
    mark = {"rows": 1, "benchmarks": {"exam v2": 1}, "epoch": 2, "found_at": "2026-11-20T10:00:00+00:00"}
    Dataset.objects.filter(pk=dataset.pk).update(contamination=mark)
    words = " ".join(signed_in(erin).get(f"/curation/datasets/{dataset.pk}/").content.decode().split())
    assert "1 row of it is part of an exam now: exam v2 (1), found under epoch 2." in words
