"""The labelled set: made in the vault's process after a publication, in small parts, and no text leaves it."""

import json
import random

import psycopg
import pytest

from curation.decontamination.overlap import Policy
from curation.models import LabelledScores
from curation.thresholds import labelled_set, leaks, tuning
from evaluation import tasks
from evaluation.benchmarks import labelling
from evaluation.benchmarks.actions import EVALUATOR
from evaluation.gates.actions import queue_gate
from evaluation.vault.models import Item
from tests.curation.screening.test_roles import signed_in_as

pytestmark = pytest.mark.django_db

GOODS = ("gravel", "timber", "barley", "copper", "wool", "cement", "cider", "slate", "paper", "salt")
TOWNS = ("Arden", "Brimholt", "Corvane", "Dunmere", "Eskport", "Farrowick")


def problem(number):
    """An item with words of its own."""
    goods, town, other = GOODS[number % 10], TOWNS[number % 6], TOWNS[(number // 6) % 6]
    return {
        "question": f"Driver {number} leaves {town} at {number % 9} o'clock with {number + 12} crates of {goods} for"
        f" the {other} merchants, sells {number % 7 + 2} of them near bridge {number * 37} and loses one in the"
        f" marsh behind mill {number * 53}; how many crates of {goods} does the {other} weigher count?",
        "answer": f"Of {number + 12} crates {number % 7 + 2} were sold and one was lost, so the weigher in {other}"
        f" counts {number + 12 - number % 7 - 3} crates of {goods} that evening at gate {number * 71}.",
    }


def clean(number):
    goods, town = GOODS[number % 7], TOWNS[number % 5]
    return (
        f"Letter {number}: the choir of {town} sings on day {number * 3} of the season, and afterwards everyone is"
        f" asked to bring back the {goods} coloured folders that were lent in week {number * 11}."
    )


@pytest.fixture
def exam(publish, settings):
    settings.CFT_LABELLED_ITEMS = 30
    publish("trade", items=[problem(n) for n in range(40)], background=[clean(n) for n in range(40)])


def label_all():
    parts = 1
    while labelling.label_next(by=EVALUATOR):
        parts += 1
    return parts


def test_every_form_of_every_sampled_item_is_scored_and_both_halves_are_there(exam):
    assert label_all() == 7  # six times 5 items, and the negatives
    groups = {group.form: group for group in labelled_set.groups(1)}
    assert set(leaks.FORMS) <= set(groups)
    assert len(groups["exact"].scores) == 30 and 5 < sum(groups["exact"].reporting) < 25
    assert groups["exact"].reporting == groups["full-width"].reporting
    lines = {line.form: line for line in tuning.measure(groups.values(), Policy()).lines}
    for form in ("exact", "full-width", "embedded in 3x text"):
        assert lines[form].tuning.share == 1.0 and lines[form].right.share == 1.0
    assert lines["exact"].textbook.share == 1.0 and lines["full-width"].textbook.share == 0.0


def test_negatives_are_texts_that_the_registry_was_built_without(exam):
    label_all()
    negatives = {group.form: group for group in labelled_set.groups(1) if not group.is_leak}
    assert {form: len(one.scores) for form, one in negatives.items()} == {
        "clean reference texts": 40,
        "clean texts, left out": 10,
        "other items, left out": 10,
    }
    assert all(scores["exact"] == 0.0 for negative in negatives.values() for scores in negative.scores)


def test_no_text_and_no_id_leaves_the_vault(exam):
    label_all()
    stored = json.dumps(list(LabelledScores.objects.values("form", "columns")))
    ids = set(map(str, Item.objects.values_list("pk", flat=True)))
    assert not any(id_ in stored for id_ in ids) and "crates" not in stored and "choir" not in stored
    assert set(json.loads(stored)[0]["columns"]) <= {
        *("exact", "sequence", "containment", "jaccard", "template", "textbook", "right", "reporting"),
        *("meaning", "meaning_background"),
    }


def test_what_is_there_is_not_made_again(exam, monkeypatch):
    label_all()
    count = LabelledScores.objects.count()
    monkeypatch.setattr(leaks, "FORMS", {})
    assert labelling.label_next(by=EVALUATOR) is False and LabelledScores.objects.count() == count


def test_a_new_snapshot_is_labelled_anew(exam, publish):
    label_all()
    publish("tools", items=[problem(n) for n in range(100, 110)])
    label_all()
    assert set(LabelledScores.objects.values_list("snapshot_number", flat=True)) == {1, 2}


def test_before_a_publication_there_is_nothing_to_do(db):
    assert labelling.label_next(by=EVALUATOR) is False


def test_an_exam_without_clean_texts_is_labelled_too(publish, settings):
    settings.CFT_LABELLED_ITEMS = 2
    publish("trade", items=[problem(n) for n in range(3)])
    assert label_all() == 2
    assert {group.is_leak for group in labelled_set.groups(1)} == {True}


def test_gates_go_first(exam, run, engineer):
    queue_gate(run, by=engineer)
    tasks.label()
    assert not LabelledScores.objects.exists()


def test_the_task_rings_for_the_next_part(exam, monkeypatch):
    rung = []
    monkeypatch.setattr(tasks.label, "apply_async", lambda **more: rung.append(more["queue"]))
    for _ in range(8):
        tasks.label()
    assert rung == ["evaluation"] * 6 and LabelledScores.objects.filter(part=0).exists()


def test_the_sample_and_the_halves_do_not_depend_on_the_version(exam, publish):
    before = [item.sha256 for item in labelling.sampled(10)]
    publish("trade", items=[problem(n) for n in range(40)], margin=0.06)
    assert [item.sha256 for item in labelling.sampled(10)] == before


def test_leaks_repeat_with_their_seed(exam):
    items = labelling.sampled(3)
    made = [
        list(labelling.leaks_of(items, leaks.Material(filler=["Some words to hide in."], rng=random.Random(1))))
        for _ in range(2)
    ]
    assert made[0] == made[1]


def test_the_textbook_rule_by_hand():
    item = Item(question="abcdefg", answer="")
    # abcde bcdef cdefg against abcde bcdef cdefx: 2 shared of 4.
    assert labelling.textbook("ABCDEFX", item) == pytest.approx(2 / 4)
    assert labelling.textbook("", item) == 0.0


@pytest.mark.django_db(transaction=True, databases=["default", "vault"])
def test_the_evaluators_own_rights_are_enough(exam):
    with signed_in_as("evaluator"):
        label_all()
    assert LabelledScores.objects.filter(is_leak=True).exists()


@pytest.mark.django_db(transaction=True, databases=["default", "vault"])
def test_the_web_cannot_read_what_leaks_were_made_of(connect_as, exam):
    for statement in ("SELECT * FROM vault_item", "SELECT * FROM vault_referencetext"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connect_as("web", "vault").execute(statement)
