"""What others find of the same rows: 8-gram containment, as it is defined and as soup-cli does it.

soup-cli is called where it can be imported, and is no dependency:

    pip install --no-deps --target DIR soup-cli && PYTHONPATH=DIR python -m bench.leak_sets
"""

import importlib
import importlib.util
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np

from curation.decontamination.normalise import words

SPAN, SHARE = 8, 0.8  # words; of a field's runs of so many words

Text = tuple[str, str]
Verdicts = np.ndarray


def runs(words: Sequence[str], n: int) -> set[tuple[str, ...]]:
    return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}


def fields_of(items: Sequence[Text]) -> list[str]:
    """Question, answer and both, as rows of their own."""
    return list(dict.fromkeys(text for item in items for text in (*item, "\n".join(item)) if text))


def eight_grams(items: Sequence[Text], rows: Sequence[Text]) -> Verdicts:
    """Whether a row holds 8 in 10 of the word 8-grams of a question, an answer or both; words as we normalise them."""
    fields = [grams for text in fields_of(items) if (grams := runs(words(text), SPAN))]
    owners: dict[tuple[str, ...], list[int]] = {}
    for number, grams in enumerate(fields):
        for gram in grams:
            owners.setdefault(gram, []).append(number)

    def blocked(row: Text) -> bool:
        shared = np.bincount(
            [number for gram in runs(words("\n".join(row)), SPAN) for number in owners.get(gram, ())] or [0],
            minlength=len(fields),
        )
        return any(shared[i] >= SHARE * len(fields[i]) for i in np.flatnonzero(shared))

    return np.array([blocked(row) for row in rows])


def soup_cli_version() -> str:
    """The version of soup-cli that can be imported; empty where there is none."""
    return version("soup-cli") if importlib.util.find_spec("soup_cli") else ""


def soup_cli(items: Sequence[Text], rows: Sequence[Text]) -> Verdicts:
    """The rows that `soup data decontaminate` removes with its defaults: 8-grams, 8 in 10 of a benchmark's text."""
    decontaminate_rows = importlib.import_module("soup_cli.utils.data_score").decontaminate_rows
    _, removed = decontaminate_rows([{"text": "\n".join(row)} for row in rows], fields_of(items))
    return np.isin(np.arange(len(rows)), removed)


def peers(items: Sequence[Text], rows: Sequence[Text]) -> dict[str, Verdicts]:
    """By name, whether each row is blocked; a line is printed for what could not be asked."""
    found = {"8-grams": eight_grams(items, rows)}
    if soup_cli_version():
        return found | {"soup-cli": soup_cli(items, rows)}
    print("soup-cli: skipped, it is not installed (see bench/peers.py)")
    return found
