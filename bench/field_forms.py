"""Leaks made of a field of an item that survives word for word: alone, in other texts, without its first or last words.

Where a field is found by 8 in 10 of its 8-grams, however much else is reworded, it has to be found here.
"""

import random
from collections.abc import Callable, Mapping, Sequence

from bench.leak_table import SEED, Leak, Text
from curation.decontamination.parts import prose
from curation.decontamination.parts.choices import choice_of
from curation.thresholds.leaks import Material, hidden_in

LEAST_WORDS = 8  # of an answer that leaks alone
Form = Callable[[str, str, Material], "Text | None"]


def without(text: str, first: float, last: float) -> str:
    """A text without a share of its words at the beginning and at the end."""
    words = text.split(" ")
    return " ".join(words[int(len(words) * first) : len(words) - int(len(words) * last)])


def answer_in_text(question: str, answer: str, m: Material) -> Text | None:
    return (hidden_in(answer, 5, m), "") if len(answer.split()) >= LEAST_WORDS else None


def answer_to_another(question: str, answer: str, m: Material) -> Text | None:
    return (m.rng.choice(m.filler)[:200], answer) if len(answer.split()) >= LEAST_WORDS else None


def answer_cut(question: str, answer: str, m: Material) -> Text | None:
    return (without(answer, 0.08, 0.08), "") if len(answer.split()) >= LEAST_WORDS else None


def question_cut(question: str, answer: str, m: Material) -> Text:
    return without(question, 0.15, 0), ""


def question_cut_in_text(question: str, answer: str, m: Material) -> Text:
    return hidden_in(without(question, 0, 0.15), 3, m), ""


def another_stem(question: str, answer: str, m: Material) -> Text | None:
    """Another question with the same options, and the answer."""
    choice = choice_of(question)
    if choice is None:
        return None
    lines = (f"{label.upper()}. {option}" for label, option in zip(choice.labels, choice.options, strict=True))
    return "\n".join([m.rng.choice(m.filler).split(". ")[0], *lines]), answer


def description_and_code(question: str, answer: str, m: Material) -> Text | None:
    said = " ".join(prose.descriptions(question))
    return (said, f"```python\n{question}\n{answer}\n```") if said else None


FORMS: dict[str, Form] = {
    "field: answer within 5x text": answer_in_text,
    "field: answer to another question": answer_to_another,
    "field: answer, its ends lost": answer_cut,
    "field: question, its first words lost": question_cut,
    "field: question, its last words lost, within 3x text": question_cut_in_text,
    "field: options and answer, another stem": another_stem,
    "field: description and code": description_and_code,
}


def leaks_of(items: Mapping[str, Text], filler: Sequence[str]) -> list[Leak]:
    """Every form of every item (by its id), where the form applies."""
    material = Material(filler, random.Random(SEED))
    made = ((form, name, make(*item, material)) for form, make in FORMS.items() for name, item in items.items())
    return [Leak(form, name, row) for form, name, row in made if row]
