"""The words of a case, an override or a pair as a reviewer reads them: a question and its answer, or a conversation.

Long ones are folded unless wanted whole; what checks point at is marked where it stands.
"""

from dataclasses import dataclass, field

from conversation import Conversation, Message, answer_text, stored_answer
from conversation.comparing import compare
from conversation.differences import difference, folded
from conversation.layout import Layout, Turn, last_question, lay_out, lay_out_answer
from conversation.marking import Findings, Mark, Piece, marked, marks_by_field

A_TITLE = 300  # characters: a longer question is shown as a text below its first words


@dataclass(frozen=True, slots=True)
class Words:
    """`layout`, `answered` and `corrected` where it is a conversation; else three texts."""

    title: str
    titled: bool
    question: list[Piece] = field(default_factory=list)
    answer: list[Piece] = field(default_factory=list)
    correction: list[Piece] = field(default_factory=list)
    layout: Layout | None = None
    answered: Turn | None = None
    corrected: Turn | None = None


def words_of(
    asked: Conversation, answered: Message, right: Message | None, findings: Findings = (), *, whole: bool = False
) -> Words:
    """`right`: the answer that it should have been, where somebody says so. Marks in an answer are in that one."""
    marks = marks_by_field(findings)
    if (question := asked.short) is not None and not any(map(stored_answer, filter(None, (answered, right)))):
        return _texts(question, answer_text(answered), None if right is None else answer_text(right), marks, whole)
    for name, path in (("prompt", "messages[0].content"), ("answer", "answer.content")):
        marks[path] = sorted([*marks.get(path, []), *marks.pop(name, [])])
    return Words(
        title=last_question(asked).strip(),
        titled=False,
        layout=lay_out(asked, marks, whole=whole),
        answered=lay_out_answer(answered, {} if right else marks, whole=whole),
        corrected=compare(answered, right, marks, whole=whole) if right else None,
    )


def _texts(question: str, answer: str, right: str | None, marks: dict[str, list[Mark]], whole: bool) -> Words:
    return Words(
        title=question,
        titled=len(question) <= A_TITLE and "\n" not in question.strip(),
        question=marked(folded(question, whole=whole), marks.get("prompt", [])),
        answer=marked(folded(answer, whole=whole), []),
        correction=[] if right is None else marked(difference(answer, right, whole=whole), marks.get("answer", [])),
    )
