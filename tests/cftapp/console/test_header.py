"""The header's words and each role's work, from figures alone."""

from dataclasses import replace

import pytest

from cftapp.console import header
from cftapp.console.counts import Counts

EMPTY = Counts(
    bugs=0,
    caseless=0,
    screening=0,
    to_triage=0,
    pairs=0,
    new_pairs=0,
    overrides=0,
    datasets=0,
    untrained_dataset=None,
    live_run=None,
    queued_runs=0,
    last_run=None,
    last_run_state=None,
    open_gates=0,
    last_gate=None,
    last_verdict=None,
    last_gate_waived=None,
    broken_gate=None,
    waivers=0,
    benchmarks=3,
    promotable=0,
    champion=0,
    champion_since=None,
    champion_marked=False,
    champion_learnt_exam=False,
    marked_lessons=None,
    marked_datasets=0,
    check_alerts=0,
    sources=1,
    api_keys=1,
    roleless=0,
    account_requests=0,
    sealed=7,
    signed_at=None,
)
NOBODY: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("stage", "figures", "words"),
    [
        ("feedback", {}, "all triaged"),
        ("feedback", {"screening": 5}, "5 in screening"),
        ("feedback", {"screening": 5, "caseless": 2}, "7 in screening"),
        ("feedback", {"to_triage": 1204}, "1,204 waiting"),
        ("curation", {"pairs": 1}, "1 pair accepted"),
        ("curation", {"pairs": 87, "new_pairs": 2}, "2 pairs to freeze"),
        ("curation", {"pairs": 87, "overrides": 2}, "87 pairs accepted"),
        ("training", {}, "no run yet"),
        ("training", {"last_run": 9, "last_run_state": "failed"}, "run 9 failed"),
        ("training", {"live_run": 42, "last_run": 42, "last_run_state": "running"}, "run 42 · live"),
        ("evaluation", {}, "3 benchmarks"),
        ("evaluation", {"last_gate": 2, "last_verdict": "PASS"}, "gate 2 passed"),
        ("evaluation", {"last_gate": 2, "last_verdict": "FAIL"}, "gate 2 failed"),
        ("serving", {"champion": None}, "nothing served"),
        ("serving", {"champion": 3}, "champion v3"),
        ("serving", {"champion": 3, "champion_marked": True}, "v3 marked"),
        ("serving", {"champion": 3, "champion_learnt_exam": True}, "v3 marked"),
        ("audit", {"sealed": 1204}, "sealed 1,204"),
        ("audit", {"sealed": None}, "not sealed yet"),
    ],
)
def test_a_stage_says_what_is_going_on(stage: str, figures: dict[str, object], words: str) -> None:
    assert header.STATUS[stage](replace(EMPTY, **figures), NOBODY).text == words


def test_the_same_figure_is_due_only_for_the_role_that_acts_on_it() -> None:
    now = replace(EMPTY, to_triage=4)
    assert header.feedback_status(now, frozenset({"reviewer"})).tone == "due"
    assert header.feedback_status(now, frozenset({"engineer"})).tone == ""


@pytest.mark.parametrize(
    ("role", "figures", "what"),
    [
        ("reviewer", {"to_triage": 1}, "case to triage"),
        ("lead", {"waivers": 2, "last_gate": 1}, "waivers to confirm"),
        ("engineer", {"last_run": 9, "last_run_state": "failed"}, "run failed"),
        ("engineer", {"promotable": 1}, "release to promote"),
        ("engineer", {"live_run": 42}, "run to watch"),
        ("engineer", {"untrained_dataset": 4}, "dataset to train on"),
        ("engineer", {"new_pairs": 12}, "new pairs to freeze"),
        ("engineer", {"champion": 3, "champion_marked": True}, "champion to replace"),
        ("engineer", {"champion": 3, "champion_learnt_exam": True}, "champion to replace"),
        ("engineer", {"bugs": 3}, "open bugs"),
        ("engineer", {"marked_lessons": 4}, "dataset to freeze again"),
        ("engineer", {"last_gate": 2, "last_verdict": "FAIL"}, "gate to answer"),
        ("engineer", {"last_gate": 2, "last_verdict": "INCONCLUSIVE"}, "gate to answer"),
        ("engineer", {"broken_gate": 2}, "gate broke off"),
        ("compliance", {"champion": 3, "champion_learnt_exam": True}, "champion is marked"),
        ("lead", {"overrides": 1}, "override to answer"),
        ("compliance", {"champion": 3, "champion_marked": True}, "champion is marked"),
        ("compliance", {"sealed": None}, "log not sealed"),
        ("examiner", {"benchmarks": 0}, "benchmarks published"),
        ("admin", {"roleless": 1}, "account without a role"),
    ],
)
def test_each_role_is_told_its_own_work(role: str, figures: dict[str, object], what: str) -> None:
    now = replace(EMPTY, **figures)
    assert what in [todo.what for todo in header.todos(now, frozenset({role}))]
    assert all(todo.url.startswith("/") for todo in header.todos(now, frozenset({role})))


def test_a_gate_is_answered_once_a_waiver_was_asked_for() -> None:
    now = replace(EMPTY, last_gate=2, last_verdict="FAIL", last_gate_waived=True)
    assert header.todos(now, frozenset({"engineer"})) == []


def test_nobody_is_told_anything_when_nothing_waits() -> None:
    assert header.todos(EMPTY, frozenset(header.WORK)) == []


def test_the_urgent_comes_first_and_nothing_twice() -> None:
    now = replace(EMPTY, to_triage=400, last_gate=1, waivers=1)
    found = header.todos(now, frozenset(header.WORK))
    assert [todo.urgent for todo in found] == sorted((todo.urgent for todo in found), reverse=True)
    assert len({(todo.what, todo.url) for todo in found}) == len(found)


@pytest.mark.parametrize(
    ("view", "section"),
    [("curation:bench", "feedback"), ("curation:dataset", "curation"), ("audit:lineage", "audit"), ("home", "")],
)
def test_a_page_belongs_to_the_stage_it_is_shown_under(view: str, section: str) -> None:
    assert header.section_of(view) == section
