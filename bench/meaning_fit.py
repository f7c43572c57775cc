"""Where the weights of meaning come from: fitted with one kind of item left out, and what that gives on this kind.

Three kinds of items, reworded: programs (HumanEval, by a language model, in three languages), school maths (GSM8K, by a
language model) and knowledge (TruthfulQA and OpenBookQA, questions only, by us: data/knowledge_rewordings.jsonl). Clean
are rows of the same kind that are not protected (those with nine words of an item in a row are left out: natural
near-duplicates), and natural text: functions of libraries, FeedbackQA, what packages say about themselves.

Each fit tries the same random weights and keeps the best on the kinds that it sees: mean recall, less what it blocks of
clean rows. By meaning alone; plain cosine >= .8 stands beside it.

    python -m bench.meaning_fit [--data DIR] [--rows 150] [--trials 1000] [--out meaning_fit.json]
"""

import argparse
import importlib.metadata
import json
import os
import random
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench.leak_sets import LIBRARIES, functions, load, site_packages, text_of
from bench.leak_table import KEY, SEED, Text, answers_to_the_public, bucket, plain_embeddings, read, school_maths
from bench.peers import runs
from curation.decontamination.engine.encoder import Encoder
from curation.decontamination.making import Build
from curation.decontamination.meaning import comparing, scoring
from curation.decontamination.meaning.passages import (
    Passage,
    finer_passages,
    is_foreign,
    row_passages,
    split_question,
)
from curation.decontamination.normalise import words
from curation.decontamination.overlap import MOST_MEANING, Policy

KINDS = ("code", "maths", "knowledge")
REWORDINGS = Path(__file__).with_name("data") / "knowledge_rewordings.jsonl"
NATURAL_RUN = 9  # words in a row that make a clean row a natural near-duplicate
PROTECTED_MATHS = 300
COST, NATURAL_COST = 4.0, 40.0  # of the share of clean rows that are blocked: ten times as much for natural text

Array = np.ndarray[Any, Any]


class Row(NamedTuple):
    """`group`: a kind, and whether it is a leak; or natural text."""

    group: tuple[str, bool]
    text: Text


class Trial(NamedTuple):
    weights: scoring.Weights
    floor: float
    margin: float


SHIPPED = Trial(scoring.WEIGHTS, Policy().meaning_floor, Policy().meaning_margin)


@dataclass(frozen=True)
class Columns:
    """Evidence of passages beside items, a line each."""

    row: Array
    place: Array
    evidence: Array  # cosine, crowd, missing, agreement, length
    is_template: Array

    def scores(self, weights: scoring.Weights) -> Array:
        """As `scoring.score` says, of all lines at once."""
        cosine, crowd, missing, agreement, length = self.evidence.T
        lengths = np.clip(np.log(np.maximum(length, 1) / scoring.USUAL_LENGTH), scoring.SHORTER, scoring.LONGER)
        support = weights.stands_out * (cosine - crowd) + weights.length * lengths + weights.offset
        against = weights.words * missing + weights.numbers * (1 - agreement)
        scores: Array = np.minimum(MOST_MEANING, cosine + support - against)
        return scores


# --- texts ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Material:
    items: list[tuple[str, str, str, str]]
    rows: list[Row]
    reference: list[str]


def material(data: Path, most: int) -> Material:
    rng = random.Random(SEED)
    code, knowledge, maths = load(data / "leaks", "humaneval", most), load(data / "leaks", "mc", 1), school_maths(data)
    protected = maths.protected[:PROTECTED_MATHS]
    items = [
        (f"{name} {number}", name, *item)
        for name, texts in (("code", code.items), ("knowledge", knowledge.items), ("maths", protected))
        for number, item in enumerate(texts)
    ]
    rows = [Row(("code", True), leak.row) for leak in code.leaks if leak.form.startswith("LLM rephrase")]
    rows += [Row(("knowledge", True), (row["text"], "")) for row in read(REWORDINGS)]
    rows += [Row(("maths", True), (text, "")) for text in sampled(rng, reworded_maths(data), most)]
    stdlib = functions(Path(sysconfig.get_paths()["stdlib"]))
    others = [code for name in LIBRARIES[:2] for code in functions(site_packages() / name)]
    halves = [text_of(row) for row in read(data / "leaks" / "mc.clean.jsonl")]
    clean = {
        "code": sampled(rng, [(text, "") for text in stdlib if bucket(text, 2)], most),
        "knowledge": sampled(rng, [row for row in halves if bucket(row[0], 2)], 2 * most),
        "maths": sampled(rng, maths.negatives, 2 * most),
        "natural": [
            *sampled(rng, [(text, "") for text in others], 4 * most),
            *sampled(rng, answers_to_the_public(data).negatives, 4 * most),
            *sampled(rng, [(text, "") for text in descriptions()], 4 * most),
        ],
    }
    rows += [Row((kind, False), text) for kind, texts in clean.items() for text in texts]
    reference = ["\n".join(row) for row in halves if not bucket(row[0], 2)]
    reference += ["\n".join(row) for row in sampled(rng, maths.reference, 3 * most)]
    reference += sampled(rng, [text for text in stdlib if not bucket(text, 2)], 3 * most)
    return Material(items, without_near_duplicates(items, rows), reference)


def sampled(rng: random.Random, texts: Sequence[Any], most: int) -> list[Any]:
    return rng.sample(list(texts), min(most, len(texts)))


def reworded_maths(data: Path) -> list[str]:
    """Of the protected items, by their place."""
    texts = [row["text"].removeprefix("Question: ") for row in read(data / "gsm8k_test_rephrased.jsonl")]
    return [text for text in (text.split("\nAnswer")[0] for text in texts[:PROTECTED_MATHS]) if text.strip()]


def descriptions() -> list[str]:
    """Paragraphs of what the installed packages say about themselves."""
    found = set()
    for package in importlib.metadata.distributions():
        text = package.metadata.get_payload()  # type: ignore[attr-defined]
        for part in re.split(r"\n\s*\n", text if isinstance(text, str) else ""):
            plain = " ".join(part.split())
            if plain.isascii() and 25 <= len(plain.split()) <= 150 and "::" not in plain:
                found.add(plain)
    return sorted(found)


def without_near_duplicates(items: Sequence[tuple[str, str, str, str]], rows: Sequence[Row]) -> list[Row]:
    known = {run for item in items for run in runs(words("\n".join(item[2:])), NATURAL_RUN)}
    return [row for row in rows if row.group[1] or known.isdisjoint(runs(words("\n".join(row.text)), NATURAL_RUN))]


# --- evidence ---------------------------------------------------------------------------------------------------------
def columns(meaning: comparing.Meaning, passages: Sequence[Passage], encoder: Encoder, least: float) -> Columns:
    lines = [*evidence_of(meaning, passages, encoder, least)]
    return Columns(
        row=np.array([row for row, _, _ in lines], np.int64),
        place=np.array([place for _, place, _ in lines], np.int64),
        evidence=np.array([evidence[:5] for _, _, evidence in lines], np.float64).reshape(-1, 5),
        is_template=np.array([evidence.has_other_numbers for _, _, evidence in lines], bool),
    )


def evidence_of(
    meaning: comparing.Meaning, passages: Sequence[Passage], encoder: Encoder, least: float
) -> Iterator[tuple[int, int, scoring.Evidence]]:
    for first in range(0, len(passages), comparing.ROWS_AT_ONCE):
        batch = passages[first : first + comparing.ROWS_AT_ONCE]
        vectors = encoder.encode([passage.text for passage in batch])
        cosines, clean = meaning.cosines(vectors)
        for passage, row, others in zip(batch, cosines, clean, strict=True):
            for place, evidence in meaning.evidence(passage.text, row, others, least=least):
                yield passage.row, place, evidence


def passages_of(number: int, row: Text) -> list[Passage]:
    return [passage for passage in row_passages(number, *row) if not is_foreign(passage.text)]


def finer_passages_of(
    meaning: comparing.Meaning, rows: Sequence[Row], passages: Sequence[Passage], encoder: Encoder
) -> list[Passage]:
    """Of the rows that come near an item, as the registry reads them."""
    nearest = meaning.nearest(encoder.encode([passage.text for passage in passages]))
    near = sorted({passages[int(number)].row for number in np.flatnonzero(nearest >= comparing.NEAR)})
    found = [part for number in near for part in finer_passages(number, *rows[number].text)]
    return [passage for passage in found if not is_foreign(passage.text)]


# --- fits -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Measured:
    """Evidence of the rows and of the clean reference, and which rows make each group."""

    rows: Columns
    reference: Columns
    groups: Mapping[tuple[str, bool], Array]
    count: int

    def shares(self, trial: Trial) -> dict[tuple[str, bool], float]:
        """By group, the share of its rows that is blocked by meaning."""
        background = np.zeros(1 + max(self.rows.place.max(), self.reference.place.max(initial=0)))
        np.maximum.at(background, self.reference.place, self.reference.scores(trial.weights))
        limits = np.maximum(trial.floor, np.minimum(MOST_MEANING, background[self.rows.place] + trial.margin))
        hits = (self.rows.scores(trial.weights) >= limits) & ~self.rows.is_template
        blocked = np.zeros(self.count, bool)
        blocked[self.rows.row[hits]] = True
        return self.shares_of(blocked)

    def shares_of(self, blocked: Array) -> dict[tuple[str, bool], float]:
        return {group: float(blocked[members].mean()) for group, members in self.groups.items()}


def trials(count: int) -> list[Trial]:
    rng = np.random.default_rng(SEED)

    def one() -> Trial:
        weights = scoring.Weights(
            rng.uniform(0, 0.9),
            rng.uniform(0.1, 0.35),
            rng.uniform(0, 0.2),
            rng.uniform(0, 0.15),
            scoring.WEIGHTS.offset,
        )
        return Trial(weights, rng.uniform(0.5, 0.85), rng.uniform(0.02, 0.15))

    return [one() for _ in range(count)]


def value(shares: Mapping[tuple[str, bool], float], seen: Sequence[str]) -> float:
    by_kind = [shares[kind, True] - COST * shares[kind, False] for kind in seen]
    return sum(by_kind) / len(by_kind) - NATURAL_COST * shares["natural", False]


def fitted(tried: Sequence[tuple[Trial, dict[tuple[str, bool], float]]], seen: Sequence[str]) -> dict[str, Any]:
    trial, shares = max(tried, key=lambda each: value(each[1], seen))
    return {"weights": trial.weights._asdict(), "floor": trial.floor, "margin": trial.margin, **told(shares)}


def told(shares: Mapping[tuple[str, bool], float]) -> dict[str, Any]:
    found = {kind: round(100 * shares[kind, True], 1) for kind in KINDS}
    wrong = {kind: round(100 * shares[kind, False], 2) for kind in (*KINDS, "natural")}
    return {"recall": found, "clean": wrong}


def show(name: str, result: Mapping[str, Any]) -> None:
    recall = "".join(f"{result['recall'][kind]:10.1f}" for kind in KINDS)
    print(f"{name:32}{recall}   {'  '.join(f'{kind} {share:.2f}' for kind, share in result['clean'].items())}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("CFT_DATA_DIR", "../shared/data")))
    parser.add_argument("--rows", type=int, default=150, help="of each form or kind, at most")
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("meaning_fit.json"))
    options = parser.parse_args()
    if not (options.data / "leaks").is_dir():
        print(f"skipped: there is no folder {options.data / 'leaks'}; name the data's folder with --data")
        return 0
    encoder = Encoder.default("")
    assert encoder is not None
    texts = material(options.data, options.rows)
    build = Build(texts.items, texts.reference, KEY, Policy())
    meaning = comparing.Meaning(comparing.build_arrays(build.items, encoder, build.clean, KEY, set(build.wholes)), KEY)
    passages = [passage for number, row in enumerate(texts.rows) for passage in passages_of(number, row.text)]
    passages += finer_passages_of(meaning, texts.rows, passages, encoder)
    clean = [part for number, text in enumerate(build.clean) for part in row_passages(number, *split_question(text))]
    members: dict[tuple[str, bool], list[int]] = {}
    for number, row in enumerate(texts.rows):
        members.setdefault(row.group, []).append(number)
    measured = Measured(
        columns(meaning, passages, encoder, comparing.CONSIDERED),
        columns(meaning, clean, encoder, comparing.CALIBRATED_FROM),
        {group: np.array(numbers) for group, numbers in members.items()},
        len(texts.rows),
    )
    tried = [(trial, measured.shares(trial)) for trial in trials(options.trials)]
    blocked = plain_embeddings([item[2:] for item in texts.items], [row.text for row in texts.rows], encoder)
    results = {
        "rows": {f"{kind}, {'reworded' if leak else 'clean'}": len(rows) for (kind, leak), rows in members.items()},
        "cosine >= .8": told(measured.shares_of(blocked)),
        **{f"{kind} left out": fitted(tried, [other for other in KINDS if other != kind]) for kind in KINDS},
        "all kinds": fitted(tried, KINDS),
        "shipped": told(measured.shares(SHIPPED)),
    }
    print(f"{'blocked by meaning, %':32}{''.join(f'{kind:>10}' for kind in KINDS)}   clean rows, %")
    for name in list(results)[1:]:
        show(name, results[name])
    options.out.write_text(json.dumps(results, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
