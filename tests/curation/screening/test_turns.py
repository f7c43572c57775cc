"""What waits is screened in batches, in turns: a flood of one subject or source does not keep the others waiting."""

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from structlog.testing import capture_logs

from curation.checks import findings
from curation.models import Case
from curation.screening import actions as screening_actions
from curation.screening import tasks as screening_tasks
from curation.screening import turns
from feedback.actions import BatchRow, record_batch, register_source, submit_bug_report
from feedback.models import Correction, Source
from tests.curation.conftest import TEST, publish
from tests.support.wordings import SHOWN


def flood(source: Source, rows: int, subject: str = "ann") -> None:
    """Corrections of one subject, each with another text; their cases are not opened."""
    made = []
    for number in range(rows):
        name = f"{subject}-{number}-{uuid.uuid4().hex[:6]}"
        words = {"prompt": f"{name}: what is it?", "answer": "Nothing."}
        made.append(BatchRow("interaction", uuid.uuid4(), words, external_id=name, subject_key=subject))
        words = {"replacement": f"It is number {number} of {name}."}
        made.append(BatchRow("correction", uuid.uuid4(), words, external_id=name, consent=SHOWN))
    for first in range(0, len(made), 1_000):
        record_batch(source, made[first : first + 1_000], by=TEST)


def opened(source: Source, rows: int, subject: str = "ann") -> list[int]:
    """The same, with their cases: in the order of their ids."""
    before = set(Case.objects.values_list("pk", flat=True))
    flood(source, rows, subject)
    while screening_actions.open_missing_cases(1_000, by=TEST):
        pass
    return sorted(set(Case.objects.values_list("pk", flat=True)) - before)


@pytest.fixture
def quiet(db: None) -> Source:
    """Another source, with few rows."""
    return register_source("quiet", "Quiet", held_out_percent=0, by=TEST)


# --- whose turn it is -------------------------------------------------------------------------------------------------
def test_one_row_of_another_source_is_in_the_first_batch(shop, quiet):
    flooded = opened(shop, 2_000)
    (other,) = opened(quiet, 1, "bea")
    assert turns.lock_next(200) == [flooded[0], other, *flooded[1:199]]


def test_one_row_of_another_subject_is_in_the_first_batch(shop):
    flooded = opened(shop, 300)
    (other,) = opened(shop, 1, "bea")
    assert turns.lock_next(3) == [flooded[0], other, flooded[1]]


def test_many_subjects_of_one_source_are_one_source(shop, quiet):
    many = [opened(shop, 1, f"user-{number}")[0] for number in range(10)]
    few = opened(quiet, 2, "bea")
    assert turns.lock_next(4) == [many[0], few[0], many[1], few[1]]


def test_rows_behind_a_flood_that_is_longer_than_what_is_looked_at(shop, quiet, monkeypatch):
    monkeypatch.setattr(turns, "OLDEST", 20)
    monkeypatch.setattr(turns, "NEWEST", 5)
    flooded = opened(shop, 60)
    (other,) = opened(quiet, 1, "bea")
    assert turns.lock_next(2) == [flooded[0], other]


def test_a_chosen_case_comes_before_all_others(shop):
    cases = opened(shop, 10)
    assert turns.lock_next(3, first=cases[7]) == [cases[7], cases[0], cases[1]]


def test_a_case_that_waits_no_more_is_not_chosen(world):
    case = world.screened()
    assert turns.lock_next(3, first=case.pk) == []


@pytest.mark.django_db(transaction=True, databases=["default", "vault"])
def test_two_screeners_share_the_queue(world, connect_as):
    cases = opened(world.shop, 10)
    with connect_as("screener", "default") as another, another.transaction():
        values = {"oldest": 100, "newest": 10, "first": 0, "without": [], "enough": 32, "most": 4}
        assert [pk for (pk,) in another.execute(turns.NEXT, values).fetchall()] == cases[:4]
        assert screening_actions.screen_waiting(4, world.registry, by=TEST) == 4
    assert set(Case.objects.filter(state="open").values_list("pk", flat=True)) == set(cases[4:8])


# --- one doorbell, one batch ------------------------------------------------------------------------------------------
def doorbells() -> list[str]:
    return [str(pk) for pk in Correction.objects.order_by("created_at").values_list("pk", flat=True)]


def test_a_doorbell_screens_what_came_after_it_too(vault, shop, events):
    publish(1)
    flood(shop, 5)
    events()
    screening_tasks.screen("correction", doorbells()[0])
    assert list(Case.objects.values_list("state", flat=True)) == ["open"] * 5
    assert events() == ["cases.opened", "cases.screened"]


def test_the_next_doorbells_ask_one_thing(vault, shop, events):
    publish(1)
    flood(shop, 3)
    first, second, _ = doorbells()
    screening_tasks.screen("correction", first)
    events()
    with CaptureQueriesContext(connection) as asked:
        screening_tasks.screen("correction", second)
    assert events() == []
    assert len([query for query in asked if query["sql"].startswith("SELECT")]) == 1


def test_a_doorbell_of_another_kind_opens_its_own_and_screens_all_that_wait(vault, shop, corrected):
    publish(1)
    case = screening_actions.open_case("correction", corrected().pk, by=TEST)
    report = submit_bug_report(case.correction.interaction_id, what_happened="It stopped.", by=TEST)
    screening_tasks.screen("bug_report", str(report.pk))
    assert set(Case.objects.values_list("state", flat=True)) == {"open"} and Case.objects.count() == 2


def test_a_row_that_breaks_a_batch_does_not_hold_up_the_others(vault, shop, monkeypatch: Any):
    publish(1)
    flood(shop, 3)
    original = findings.screen

    def broken(facts: Any) -> Any:
        assert "number 2" not in facts.answer
        return original(facts)

    monkeypatch.setattr("curation.checks.findings.screen", broken)
    first, second, third = doorbells()
    screening_tasks.screen("correction", first), screening_tasks.screen("correction", second)
    with pytest.raises(AssertionError):
        screening_tasks.screen("correction", third)
    assert sorted(Case.objects.values_list("state", flat=True)) == ["open", "open", "waiting"]


@pytest.mark.parametrize("size", [2, 200])
def test_a_row_that_breaks_a_sweep_is_left_waiting_and_tried_once(vault, shop, monkeypatch: Any, size: int):
    publish(1)
    monkeypatch.setattr(screening_tasks, "BATCH", size)
    cases = opened(shop, 7)
    tried, batches = [], []
    original, screen_waiting = findings.screen, screening_actions.screen_waiting

    def broken(facts: Any) -> Any:
        tried.append(facts.answer)
        assert "number 3" not in facts.answer
        return original(facts)

    def counted(*args: Any, **more: Any) -> int:
        batches.append(1)
        return screen_waiting(*args, **more)

    monkeypatch.setattr("curation.checks.findings.screen", broken)
    monkeypatch.setattr(screening_actions, "screen_waiting", counted)
    with capture_logs() as logs:
        screening_tasks.sweep()
    assert list(Case.objects.filter(state="waiting").values_list("pk", flat=True)) == [cases[3]]
    assert [(log["case"], log["problem"]) for log in logs if log["event"] == "screening.case_failed"] == [
        (cases[3], "AssertionError")
    ]
    assert "number" not in str(logs)
    assert sum("number 3" in answer for answer in tried) == 2  # in its batch, and alone
    assert len(batches) <= 7 // size + 2
    monkeypatch.setattr("curation.checks.findings.screen", original)
    screening_tasks.sweep()
    assert not Case.objects.filter(state="waiting").exists()


def test_a_batch_of_rows_that_all_break_does_not_hold_up_those_behind(vault, shop, monkeypatch: Any):
    publish(1)
    monkeypatch.setattr(screening_tasks, "BATCH", 3)
    cases = opened(shop, 8)
    original = findings.screen

    def broken(facts: Any) -> Any:
        assert not any(f"number {bad}" in facts.answer for bad in range(3))
        return original(facts)

    monkeypatch.setattr("curation.checks.findings.screen", broken)
    screening_tasks.sweep()
    assert list(Case.objects.filter(state="open").order_by("pk").values_list("pk", flat=True)) == cases[3:]


def test_an_import_rings_once_and_all_of_it_is_screened(vault, shop, monkeypatch: Any):
    publish(1)
    monkeypatch.setattr(screening_tasks, "BATCH", 4)
    flood(shop, 11)
    screening_tasks.screen_new()
    assert Case.objects.filter(state="open").count() == 11


def test_what_comes_while_a_long_queue_is_screened_has_its_turn_in_the_next_batch(vault, shop, quiet, monkeypatch: Any):
    publish(1)
    monkeypatch.setattr(screening_tasks, "BATCH", 4)
    opened(shop, 12)
    original, batches = screening_actions.screen_waiting, []

    def screen_waiting(*args: Any, **more: Any) -> int:
        done = original(*args, **more)
        batches.append(set(Case.objects.filter(state="open").values_list("subject__source__name", flat=True)))
        if len(batches) == 1:
            flood(quiet, 1, "bea")
        return done

    monkeypatch.setattr(screening_actions, "screen_waiting", screen_waiting)
    screening_tasks.screen_new()
    assert batches[:2] == [{"shop"}, {"shop", "quiet"}]
