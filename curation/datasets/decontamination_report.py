"""A dataset's decontamination report: facts in, one document out, and the hash that names it. No database.

The document says what was checked, by which methods with which limits, what that caught (by check, by method, by
benchmark), what was left out, what people let pass, and what was not checked. It names rows and people by id only.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import rfc8785

from curation.checks import commentary, personal_data, secrets
from curation.checks.findings import UNTOLD
from curation.datasets import selection
from curation.decontamination import normalise
from curation.decontamination.translation import comparing as translation

SCHEMA = 2
LISTED = 10_000
"""Rows that are listed one by one at most; the counts are always of all."""

METHODS: dict[str, tuple[str, str | None]] = {
    "exact": ("keyed hash of a whole question, answer or both, strongly normalised", None),
    "sequence": ("keyed hash of a short item inside a longer row, word for word", None),
    "containment": ("rare 3-grams of an item's field in one window of the row, IDF-weighted", "containment_limit"),
    "template": ("rare word 3-grams of an item with other numbers than its own", "template_limit"),
    "jaccard": ("word 5-grams in common, of all of the row's and the item's", "jaccard_limit"),
    "structure": ("rare n-grams of the tokens of an item's code, names and literals left out", "structure_limit"),
    "meaning": ("cosine of sentence embeddings, against a limit calibrated for each item", "meaning_floor"),
    "translation": (
        "for texts in other languages than the item's: cosine of multilingual embeddings, less what clean texts reach",
        "translation_limit",
    ),
}


@dataclass(frozen=True)
class Epoch:
    """What the rows were screened under."""

    number: int
    sha256: str
    snapshot: int
    items: int
    unprotected_items: int
    normaliser: str
    policy_version: int
    limits: Mapping[str, float]


@dataclass(frozen=True)
class Caught:
    """Blocked rows of one kind. Without a method or benchmark these are empty."""

    check: str
    method: str
    benchmark: str
    rows: int


@dataclass(frozen=True)
class Translation:
    """How many pairs were searched for translations, by which models, and how many were compared in which language."""

    pairs: int = 0
    encoders: Sequence[str] = ()
    languages: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """How many of the pairs that were taken each measure looked at, by which encoders, and what was left unread."""

    pairs: int = 0
    by_measure: Mapping[str, int] = field(default_factory=dict)
    encoders: Sequence[str] = ()
    unread: Mapping[str, int] = field(default_factory=dict)
    translation: Translation = Translation()


@dataclass(frozen=True)
class Facts:
    """All that a report says. `dropped`: (pair, reason, evidence); `overrides`: as they are listed."""

    merkle_root: str
    recipe: Mapping[str, Any]
    epoch: Epoch
    considered: int
    pairs: int
    replay_rows: int
    refusals: int
    dropped: Sequence[tuple[str, str, Mapping[str, Any]]]
    replay_dropped: Mapping[str, int]
    replay_wanted: int
    skills: Mapping[str, int]
    subjects: Counter[str]
    measured: Measured
    stream: Sequence[Caught]
    screened: int
    overrides: Sequence[Mapping[str, Any]]


def report(facts: Facts) -> dict[str, Any]:
    """The document. Its shape is `SCHEMA`; a key that is there stays what it is."""
    epoch = facts.epoch
    return {
        "schema": SCHEMA,
        "merkle_root": facts.merkle_root,
        "recipe": dict(facts.recipe),
        "epoch": {
            "number": epoch.number,
            "snapshot": epoch.snapshot,
            "sha256": epoch.sha256,
            "items": epoch.items,
            "unprotected_items": epoch.unprotected_items,
        },
        "policy": {"version": epoch.policy_version, "limits": dict(epoch.limits)},
        "rules": {
            "normaliser": epoch.normaliser,
            "normaliser_here": normalise.VERSION,
            "personal_data": personal_data.VERSION,
            "secrets": secrets.VERSION,
            "commentary": commentary.VERSION,
        },
        "encoders": list(facts.measured.encoders),
        "languages": {
            "encoders": list(facts.measured.translation.encoders),
            "pairs_searched": facts.measured.translation.pairs,
            "pairs_compared": dict(facts.measured.translation.languages),
        },
        "methods": methods(epoch.limits, facts.measured),
        "checked": {
            "pairs": facts.considered,
            "replay_rows": facts.replay_rows + sum(facts.replay_dropped.values()),
        },
        "kept": {"pairs": facts.pairs, "replay_rows": facts.replay_rows, "refusals": facts.refusals},
        **left_out(facts),
        "stream": stream(facts.stream, facts.screened),
        "overrides": [dict(override) for override in facts.overrides],
        "skills": dict(sorted(facts.skills.items())),
        "subjects": {
            "count": len(facts.subjects),
            "most": max(facts.subjects.values(), default=0),
            "effective": effective_authors(facts.subjects),
        },
        "not_checked": not_checked(facts),
    }


def methods(limits: Mapping[str, float], measured: Measured) -> dict[str, dict[str, Any]]:
    """Every method: what it compares, from where on it blocks, and how many of the pairs taken it looked at."""
    described = {}
    for name, (what, limit) in METHODS.items():
        described[name] = {
            "what": what,
            "limit": {"translation_limit": translation.LIMIT, **limits}.get(limit) if limit else 1.0,
            "pairs": measured.by_measure.get(name, 0),
        }
    return described


def left_out(facts: Facts) -> dict[str, Any]:
    """What fell out of this dataset: by reason, by method and benchmark, and row by row."""
    dropped = sorted(facts.dropped, key=lambda pair: pair[0])
    overlapping = [more for _, reason, more in dropped if reason == "overlap"]
    return {
        "dropped": tally(reason for _, reason, _ in dropped),
        "caught": {
            "by_method": tally(str(more.get("method", "")) for more in overlapping),
            "by_benchmark": tally(str(more.get("benchmark", "")) for more in overlapping),
        },
        "dropped_rows": [{"pair": pair, "reason": reason, **more} for pair, reason, more in dropped[:LISTED]],
        "dropped_rows_not_listed": max(0, len(dropped) - LISTED),
        "duplicates": selection.duplicate_groups(dropped[:LISTED]),
        "replay_dropped": dict(facts.replay_dropped),
        "replay_wanted": facts.replay_wanted,
    }


def stream(caught: Iterable[Caught], screened: int) -> dict[str, Any]:
    """What screening stopped of everything that was ever screened: most of it never became a pair."""
    rows = list(caught)
    overlapping = [row for row in rows if row.check == "overlap"]
    return {
        "screened": screened,
        "by_check": summed((row.check, row.rows) for row in rows),
        "overlap_by_method": summed((row.method, row.rows) for row in overlapping),
        "overlap_by_benchmark": summed((row.benchmark, row.rows) for row in overlapping),
    }


def not_checked(facts: Facts) -> list[str]:
    """What nobody should believe was checked, in sentences."""
    measured, epoch = facts.measured, facts.epoch
    sentences = []
    without = measured.pairs - measured.by_measure.get("meaning", 0)
    if without:
        why = "of another script, or found by n-grams before" if measured.encoders else "no embedding model took part"
        sentences.append(
            f"Meaning: {without} of {measured.pairs} pairs were not compared by meaning ({why}), so a rewording that"
            " shares few words with an item would not be found in them."
        )
    if untold := measured.unread.get(UNTOLD):
        sentences.append(
            f"{untold} of {measured.pairs} pairs hold a text in no language that is told apart (another one, or names"
            " and figures): compared as if it were in the items' languages, and not searched for translations."
        )
    for part, count in sorted((part, count) for part, count in measured.unread.items() if part != UNTOLD):
        sentences.append(f"Not compared with the exam: {part.replace('_', ' ')} ({count} pairs).")
    if epoch.unprotected_items:
        sentences.append(
            f"{epoch.unprotected_items} of {epoch.items} items are too short, or of too common words, for rare n-grams:"
            " they are found word for word" + ("." if without else ", and by meaning.")
        )
    unsearched = measured.pairs - measured.translation.pairs
    if unsearched or not measured.pairs:
        why = "found by other measures before" if measured.translation.encoders else "no multilingual model took part"
        sentences.append(
            f"Translations of an item into another language: {unsearched} of {measured.pairs} pairs were not searched"
            f" for them ({why})."
        )
    sentences.append("The answers that pairs reject: they are unlearned, and were not compared with the exam.")
    return sentences


def tally(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(value or "not said" for value in values).most_common())


def summed(values: Iterable[tuple[str, int]]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for value, rows in values:
        counts[value or "not said"] += rows
    return dict(counts.most_common())


def effective_authors(subjects: Counter[str]) -> float:
    """1 / sum of squared shares: 10 subjects with equal parts count as 10, one with nearly all as 1."""
    total = sum(subjects.values())
    return round(total**2 / sum(count**2 for count in subjects.values()), 2) if total else 0.0


def encode(document: Mapping[str, Any]) -> bytes:
    """RFC 8785 bytes: one text for one meaning. What is downloaded is these bytes."""
    return rfc8785.dumps(dict(document))


def digest(document: Mapping[str, Any]) -> str:
    """sha256 of those bytes, in hexadecimal: stands in the dataset, the log and every manifest."""
    return sha256(encode(document)).hexdigest()
