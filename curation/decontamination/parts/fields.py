"""What of an item is protected beside its whole: the parts that leak without the rest.

Whoever trains on a multiple-choice question keeps its stem and the right answer; a programming task is written anew
from its description. Each such part has n-grams of its own, so that it is found where the others are gone.
"""

from curation.decontamination import normalise
from curation.decontamination.parts import prose
from curation.decontamination.parts.choices import choice_of

VERSION = "parts-1"

Text = tuple[str, str]
"""A question and its answer, which may be empty."""


def texts_of(question: str, answer: str) -> list[Text]:
    """The whole item first, then its parts, each as a question with an answer."""
    parts = [(question, answer)]
    if choice := choice_of(question):
        parts.append((choice.stem, choice.right(answer)))
    elif prose.has_code(question) or prose.has_code(answer):
        words = "\n".join(prose.descriptions(question))
        if words:
            parts.append((words, answer))
    whole = words_of(parts[0])
    return [parts[0], *(part for part in parts[1:] if any(words_of(part)) and words_of(part) != whole)]


def words_of(text: Text) -> tuple[list[str], list[str]]:
    return normalise.words(text[0]), normalise.words(text[1])
