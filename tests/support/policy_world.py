"""A labelled set of three forms and two sets of clean texts, as the evaluator would have stored it."""

from curation.thresholds import tuning
from curation.thresholds.actions import store_labelled_scores
from curation.thresholds.tuning import Group

EVALUATOR = "process:evaluator"


def rows(containment, number, *, textbook=0.1, meaning=0.2):
    """So many rows alike, in turn of either half."""
    scores = {
        "exact": float(containment == 1.0),
        "containment": containment,
        "jaccard": containment / 2,
        "meaning": meaning,
        "meaning_background": 0.5,
        "textbook": textbook,
    }
    return [(scores, True, bool(at % 2)) for at in range(number)]


def group(form, is_leak, *parts):
    return Group.of_columns(form, is_leak, tuning.columns_of([row for part in parts for row in part]))


LEAKS = [
    group("exact", True, rows(1.0, 40, textbook=1.0)),
    group("word edits 20 %", True, rows(0.5, 30), rows(0.35, 10)),
    group("reworded", True, rows(0.1, 38, meaning=0.86), rows(0.1, 2, meaning=0.45)),
]
NEGATIVES = [group("clean reference texts", False, rows(0.05, 99), rows(0.45, 1))]


def label(snapshot=1):
    """Both parts of the labelled set of a snapshot."""
    store_labelled_scores(snapshot, 1, LEAKS, by=EVALUATOR)
    store_labelled_scores(snapshot, 0, NEGATIVES, by=EVALUATOR)
