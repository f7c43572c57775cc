"""Curation's figures on home: what has no case yet, and the lessons that may not be learnt any more."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from cftapp.console import counts
from curation.models import Dataset
from curation.screening import actions as screening_actions
from feedback.actions import record_interaction, register_source, submit_bug_report, submit_comment
from feedback.models import Source
from tests.curation.conftest import TEST
from tests.support.people import person

pytestmark = pytest.mark.django_db


def test_feedback_without_a_case_is_counted_until_it_has_one(shop: Source, corrected: Callable[..., Any]) -> None:
    correction = corrected()
    asked = record_interaction(shop, "bob", "Who owns it?", "Nobody.", by=TEST)
    report = submit_bug_report(asked.pk, what_happened="It hung.", by=TEST)
    submit_comment(asked.pk, rating="down", by=TEST)
    assert counts.read_counts().caseless == 3
    screening_actions.open_case("correction", correction.pk, by=TEST)
    screening_actions.open_case("bug_report", report.pk, by=TEST)
    now = counts.read_counts()
    assert (now.caseless, now.screening) == (1, 2)
    screening_actions.open_missing_cases(10, by=TEST)
    assert counts.read_counts().caseless == 0


def test_what_lies_on_the_exam_has_no_case_to_wait_for(db: None) -> None:
    exam = register_source("exam", "Exam", held_out_percent=100, by=TEST)
    asked = record_interaction(exam, "bob", "Who owns it?", "Nobody.", by=TEST)
    submit_bug_report(asked.pk, what_happened="It hung.", by=TEST)
    assert counts.read_counts().caseless == 0


def freeze(name: str, **marks: Any) -> Dataset:
    erin = person("erin", "engineer")
    fields = {"recipe": {}, "report": {}, "merkle_root": "0" * 64, "pair_count": 0, "replay_count": 0, "epoch": 1}
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # how it is frozen is not looked at here
        frozen = Dataset.objects.create(name=name, frozen_by=erin, **fields, **marks)
        cursor.execute("SET LOCAL session_replication_role = origin")
    return frozen


def test_marked_lessons_are_asked_for_until_others_are_frozen() -> None:
    marked = freeze("first", learnt_from_withdrawn_at=timezone.now())
    now = counts.read_counts()
    assert (now.marked_lessons, now.untrained_dataset) == (marked.pk, None)
    clean = freeze("second")
    now = counts.read_counts()
    assert (now.marked_lessons, now.untrained_dataset) == (None, clean.pk)
    assert freeze("third", contamination={"rows": 1}).pk == counts.read_counts().marked_lessons
