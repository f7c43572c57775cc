"""How many leaks of other kinds than school maths are found: programs, multiple choice, templates with other numbers.

Three sets of public data in the folder `leaks` beside the other data (`NAME.items.jsonl`, `NAME.leaks.jsonl`,
`NAME.clean.jsonl`): each is protected by a registry of its own. The clean reference is half of the set's clean rows,
of the standard library's functions and of GSM8K's training set; the other halves must pass. Fields of the items, copied
alone and within other texts, are added (`field_forms`). Beside our methods, in the
same run: any 13 words in common (lm-evaluation-harness), 8 in 10 of a field's 8-grams, soup-cli's decontamination where
it can be imported, and plain embeddings (cosine >= .8).

    python -m bench.leak_sets [--data DIR] [--leaks 80] [--no-embeddings] [--no-reference] [--out leak_sets.json]

soup-cli is no dependency: `pip install --no-deps --target DIR soup-cli`, then PYTHONPATH=DIR before the command.
"""

import argparse
import ast
import json
import os
import random
import sys
import sysconfig
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench import field_forms
from bench.leak_table import (
    KEY,
    SEED,
    Leak,
    Text,
    Verdicts,
    bucket,
    missed,
    natural_duplicates,
    ours,
    plain_embeddings,
    read,
    recall,
    school_maths,
    show_missed,
    thirteen_grams,
)
from bench.peers import peers
from curation.decontamination.engine.encoder import Encoder
from curation.decontamination.overlap import Overlap
from curation.decontamination.registry import Registry

NAMES = ("humaneval", "mc", "numbers")
N_GRAMS = ("exact", "sequence", "containment", "jaccard", "structure")
LIBRARIES = ("networkx", "scipy", "sympy", "sklearn")
MOST_CLEAN = 400  # rows of each kind that must pass


@dataclass
class LeakSet:
    """Items, what must be blocked, and by kind what must pass; `reference` is what the registry is built with."""

    name: str
    by_id: dict[str, Text]
    leaks: list[Leak]
    clean: dict[str, list[Text]] = field(default_factory=dict)
    reference: list[str] = field(default_factory=list)

    @property
    def items(self) -> list[Text]:
        return list(self.by_id.values())


def load(folder: Path, name: str, most: int) -> LeakSet:
    rows = {row["id"]: (row["question"], row["answer"]) for row in read(folder / f"{name}.items.jsonl")}
    by_form: dict[str, list[Leak]] = {}
    for row in read(folder / f"{name}.leaks.jsonl"):
        form, item = row["id"].split("|")
        by_form.setdefault(form, []).append(Leak(form, item, text_of(row)))
    rng = random.Random(SEED)
    leaks = [leak for found in by_form.values() for leak in rng.sample(found, min(most, len(found)))]
    return LeakSet(name, rows, leaks)


def add_fields(leak_set: LeakSet, data: Path, most: int) -> None:
    """The fields of the same items again, alone and in other texts, whole and with words lost at their ends."""
    chosen = sorted({leak.item for leak in leak_set.leaks} & leak_set.by_id.keys())
    picked = random.Random(SEED).sample(chosen, min(most, len(chosen)))
    filler = ["\n".join(row) for row in school_maths(data).reference[:1_500]]
    leak_set.leaks += field_forms.leaks_of({name: leak_set.by_id[name] for name in picked}, filler)


def text_of(row: dict[str, Any]) -> Text:
    return (row["text"], "") if "text" in row else (row["prompt"], row["answer"])


def add_clean(leak_set: LeakSet, folder: Path, data: Path) -> None:
    """Half of each kind of clean rows into the reference, the other half to be screened."""
    kinds: dict[str, list[Text]] = {"GSM8K train": school_maths(data).reference}
    file = folder / f"{leak_set.name}.clean.jsonl"
    for row in read(file) if file.is_file() else ():
        kinds.setdefault(row["id"].rsplit("|", 1)[0], []).append(text_of(row))
    kinds["standard library"] = [(code, "") for code in functions(Path(sysconfig.get_paths()["stdlib"]))]
    kinds["other libraries"] = [(code, "") for name in LIBRARIES for code in functions(site_packages() / name)]
    for kind, rows in kinds.items():
        chosen = random.Random(SEED).sample(rows, min(2 * MOST_CLEAN, len(rows)))
        is_new = kind in ("other libraries", "GSM-P2, other templates")  # nothing of the kind is in the reference
        leak_set.clean[kind] = [row for row in chosen if is_new or bucket(row[0], 2)][:MOST_CLEAN]
        leak_set.reference += [] if is_new else ["\n".join(row) for row in chosen if not bucket(row[0], 2)]


def site_packages() -> Path:
    return Path(sysconfig.get_paths()["purelib"])


def functions(root: Path) -> list[str]:
    """The functions of 4 to 60 lines below a folder, tests and installed packages left out."""
    paths = (path for path in sorted(root.rglob("*.py")) if not {"test", "tests"} & set(path.parts))
    return sorted({code for path in paths if inside(path, root) for code in functions_of(path)})


def inside(path: Path, root: Path) -> bool:
    return "site-packages" not in path.relative_to(root).parts


def functions_of(path: Path) -> Iterator[str]:
    try:
        text = path.read_text(errors="ignore")
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    lines = text.splitlines()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.end_lineno and 4 <= node.end_lineno - node.lineno <= 60:
            yield textwrap.dedent("\n".join(lines[node.lineno - 1 : node.end_lineno]))


# --- the table --------------------------------------------------------------------------------------------------------
def measure(leak_set: LeakSet, encoder: Encoder | None) -> dict[str, Any]:
    items = [(f"{leak_set.name} {i}", leak_set.name, *item) for i, item in enumerate(leak_set.items)]
    registry = Registry.from_bytes(
        Registry.build(items, KEY, leak_set.reference, encoder=encoder), KEY, encoder=encoder
    )
    clean = [row for rows in leak_set.clean.values() for row in rows]
    rows = [leak.row for leak in leak_set.leaks] + clean
    overlaps = registry.screen(rows, spans=False, every_method=True)
    methods = {
        "13-grams": thirteen_grams(leak_set.items, rows),
        **peers(leak_set.items, rows),
        **({"embeddings": plain_embeddings(leak_set.items, rows, encoder)} if encoder else {}),
        "our n-grams": ours(overlaps, *N_GRAMS),
        **({"our meaning": ours(overlaps, "meaning")} if encoder else {}),
        "cftapp": np.array([overlap.blocked for overlap in overlaps]),
    }
    return {
        "items": len(registry),
        "unprotected": len(registry.unprotected),
        "leaks": len(leak_set.leaks),
        "recall": {name: recall(leak_set.leaks, blocked) for name, blocked in methods.items()},
        "missed": missed(leak_set.leaks, methods),
        "clean": clean_rows(leak_set, overlaps[len(leak_set.leaks) :], methods),
    }


def clean_rows(leak_set: LeakSet, overlaps: Sequence[Overlap], methods: dict[str, Verdicts]) -> dict[str, Any]:
    """By kind: rows, those each method blocks, those that are shown as of a template, and natural near-duplicates."""
    natural = natural_duplicates(leak_set.items, [row for rows in leak_set.clean.values() for row in rows])
    facts, first = {}, 0
    for kind, rows in leak_set.clean.items():
        own = slice(first, first + len(rows))
        first += len(rows)
        counts = {name: int(blocked[len(leak_set.leaks) :][own].sum()) for name, blocked in methods.items()}
        wrong = int((methods["cftapp"][len(leak_set.leaks) :][own] & ~natural[own]).sum())
        shown = sum(overlap.template is not None for overlap in overlaps[own])
        facts[kind] = {"rows": len(rows), "blocked": counts, "wrong": wrong, "shown_as_template": shown}
    return facts


def show(name: str, result: dict[str, Any]) -> None:
    methods = list(result["recall"])
    print(f"\n{name + ': ' + str(result['items']) + ' items; recall, %':48}" + "".join(f"{m:>14}" for m in methods))
    for form in result["recall"][methods[0]]:
        print(f"{form:48}" + "".join(f"{result['recall'][method][form]:14.1f}" for method in methods))
    for kind, facts in result["clean"].items():
        cells = "".join(f"{facts['blocked'][method]:14}" for method in methods)
        print(
            f"{'clean: ' + kind + ', ' + str(facts['rows']):48}{cells}   ({facts['wrong']} without 13 words in common)"
        )
    show_missed(result["missed"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("CFT_DATA_DIR", "../shared/data")))
    parser.add_argument("--leaks", type=int, default=80, help="of each form")
    parser.add_argument("--no-embeddings", action="store_true")
    parser.add_argument("--no-reference", action="store_true", help="build the registries without clean texts")
    parser.add_argument("--out", type=Path, default=Path("leak_sets.json"))
    options = parser.parse_args()
    folder = options.data / "leaks"
    if not folder.is_dir():
        print(f"skipped: there is no folder {folder}; name the folder of the data with --data or CFT_DATA_DIR")
        return 0
    encoder = None if options.no_embeddings else Encoder.default()
    results: dict[str, Any] = {}
    for name in NAMES:
        leak_set = load(folder, name, options.leaks)
        add_fields(leak_set, options.data, options.leaks)
        add_clean(leak_set, folder, options.data)
        leak_set.reference = [] if options.no_reference else leak_set.reference
        results[name] = measure(leak_set, encoder)
        show(name, results[name])
        options.out.write_text(json.dumps(results, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
