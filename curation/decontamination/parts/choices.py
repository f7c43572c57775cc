"""Multiple choice, taken apart: the stem of a question, its options by their layout, and which of them is right."""

import re
from collections.abc import Sequence
from typing import NamedTuple

MOST_OPTIONS = 12
LONGEST_HEADING = 24  # characters of "Answer choices:" and what stands before it
LONGEST_LABEL = 12  # characters of an answer that may name an option: "B", "(b)", "Option B."
_LETTERS, _DIGITS = "abcdefghijkl", tuple(map(str, range(1, MOST_OPTIONS + 1)))

# "A." "A)" "(A)" "[A]" "A:" "A -", at the beginning of a line or, with a bracket, within one; letters or numbers.
_LINE_LABEL = re.compile(r"(?m)^[ \t]*(?:[-*][ \t]+)?[(\[]?([A-La-l]|1[0-2]|[1-9])(?:[.):\]]|[ \t]-)[ \t]+(?=\S)")
_INLINE_LABEL = re.compile(r"(?:(?<=\s)|^)(?:[(\[]([A-La-l]|[1-9])[)\]]|([A-L]|[1-9])[.)])[ \t]+(?=\S)")
_NAMED = re.compile(
    r"(?i)^\W*(?:(?:the )?(?:correct |right )?(?:answer|option|choice)(?: is)?\W*)?([a-l]|1[0-2]|[1-9])\W*$"
)
_OPTIONS_HEADING = re.compile(r"(?i)(?:answer )?(?:options|choices) ?:?$")
_ASKS = re.compile(r"(?im)^[ \t]{0,20}(?:the )?(?:correct )?answer(?: is)? ?:?[ \t]{0,20}$")


class Choice(NamedTuple):
    """A question with options, taken apart."""

    stem: str
    options: tuple[str, ...]
    labels: tuple[str, ...]

    def right(self, answer: str) -> str:
        """The text of the right option: the answer itself, or the option that it names."""
        if answer.strip() in self.options:
            return answer.strip()
        named = _NAMED.match(answer) if len(answer) <= LONGEST_LABEL + 16 else None
        if named and named[1].lower() in self.labels:
            return self.options[self.labels.index(named[1].lower())]
        label = _LINE_LABEL.match(answer)
        return answer[label.end() :].strip() if label else answer.strip()


def choice_of(question: str) -> Choice | None:
    """The parts of a question whose options are marked in order (A, B, …; 1, 2, …); None for any other question."""
    for pattern in (_LINE_LABEL, _INLINE_LABEL):
        marks = in_order(
            [(m.start(), m.end(), (m[1] or m[m.lastindex or 1]).lower()) for m in pattern.finditer(question)]
        )
        if len(marks) >= 2:
            break
    else:
        return None
    stem = question[: marks[0][0]].strip()
    if heading := _OPTIONS_HEADING.search(stem, max(0, len(stem) - LONGEST_HEADING)):
        stem = stem[: heading.start()].rstrip()
    ends = [start for start, _, _ in marks[1:]] + [len(question)]
    options = tuple(question[end:stop].strip() for (_, end, _), stop in zip(marks, ends, strict=True))
    last = _ASKS.split(options[-1])[0].strip()
    options = (*options[:-1], last.split("\n\n")[0].strip())
    if not stem or not all(options):
        return None
    return Choice(stem, options, tuple(label for _, _, label in marks))


Mark = tuple[int, int, str]


def in_order(marks: Sequence[Mark]) -> list[Mark]:
    """The last run of marks that count from the first label on: earlier ones may be steps or parts of the stem."""
    for names in (_LETTERS, _DIGITS):
        found: list[Mark] = []
        run: list[Mark] = []
        for mark in marks:
            if mark[2] == names[0]:
                found, run = (run if len(run) >= 2 else found), [mark]
            elif run and len(run) < len(names) and mark[2] == names[len(run)]:
                run.append(mark)
        if len(run) >= 2 or found:
            return run if len(run) >= 2 else found
    return []
