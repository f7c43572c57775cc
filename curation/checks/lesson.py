"""What a row teaches: what was asked and what is to be answered, as stored, and what identifies it. Plain values."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from conversation import Conversation, Message, answer_of
from conversation.arguments import call_spelling
from conversation.shape import canonical, content_text, lines_of
from curation.checks.duplicates import Row
from curation.checks.identity import row_hash, text_hash
from curation.checks.remembered import digest
from curation.decontamination.normalise import words


class Lesson(NamedTuple):
    """The texts of question and answer and, for all but the short form, their JSON (see `conversation`)."""

    prompt: str
    answer: str
    conversation: str = ""
    message: str = ""

    @property
    def is_short(self) -> bool:
        """One question answered by a text: two texts say it all."""
        return not (self.conversation or self.message)

    @property
    def asked(self) -> Conversation:
        return Conversation.of(self.prompt, self.conversation)

    @property
    def answered(self) -> Message:
        return answer_of(self.answer, self.message)


def lesson_hash(lesson: Lesson) -> str:
    """SHA-256 (hexadecimal): equal for two lessons that say the same, whatever their dress. Calls count as JSON."""
    if lesson.is_short:
        return text_hash(lesson.prompt, lesson.answer)
    asked, answered = lesson.asked, lesson.answered
    said = " ".join(words(content_text(answered.get("content"))))
    return row_hash(" ".join(words(asked.text)), said, spelling_of(asked.tools), calls_of(answered))


def compared_row(lesson: Lesson) -> Row:
    """The lesson as `duplicates` compares it: of a conversation its last question, in the setting that led to it.

    So two turns of one conversation are no duplicates, and neither are two questions below the same system prompt.
    """
    if lesson.is_short:
        return Row(lesson.prompt, lesson.answer)
    asked, answered = lesson.asked, lesson.answered
    last = max(n for n, message in enumerate(asked.messages) if message["role"] == "user")
    before, question = asked.messages[:last], asked.messages[last:]
    text = content_text(question[0].get("content")) if len(question) == 1 else lines_of(question)
    return Row(text, content_text(answered.get("content")), setting_of(before, asked.tools), calls_of(answered))


def setting_of(before: Sequence[Message], tools: Sequence[dict[str, Any]]) -> str:
    """What came before a question, and the tools, as a fingerprint. Empty where there is nothing of either."""
    setting = f"{' '.join(words(lines_of(before)))}\n{spelling_of(tools)}"
    return digest(setting).hex() if setting.strip() else ""


def calls_of(answer: Message) -> str:
    """The calls of an answer, written one way, a line each. Empty without any."""
    return "\n".join(call_spelling(call["function"]) for call in answer.get("tool_calls", ()))


def spelling_of(tools: Sequence[dict[str, Any]]) -> str:
    return canonical(tools) if tools else ""
