"""Import formats: records of a file as rows of a batch, an interaction and comments on it. Plain functions.

Nothing in a file becomes a correction: whoever wrote it was never asked for a kind. A reviewer gives it a kind. A value
that is null, an empty cell or NaN is as good as absent; any other is kept, or refused with its path.
"""

import math
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from cftapp.base.record_files import kind_of
from conversation import (
    Conversation,
    Message,
    NotAConversation,
    answer_of,
    answer_spelling,
    read,
    read_answer,
)
from feedback.keyed_hashes import keyed_hash
from feedback.ratings import rating_text

Row = dict[str, Any]
Record = dict[str, Any]


class InvalidRecord(ValueError):
    """A record does not fit its format; the message is a sentence that says what was expected."""


class Format(NamedTuple):
    """How records become rows, and the fields that are read."""

    rows: Callable[[bytes, Record], list[Row]]
    fields: frozenset[str]

    def ignored(self, record: Record) -> list[str]:
        """The names of fields that hold something and are not read."""
        return [name for name, value in record.items() if name not in self.fields and not is_absent(value)]


def feedbackqa(key: bytes, record: Record) -> list[Row]:
    """Rows of a FeedbackQA record: a question, an answer and parallel lists of ratings and explanations.

    All answers to a question have its subject, so that they fall into the same lane. Every rating with its explanation
    is a comment; where both are absent, nothing was said. InvalidRecord where a field is missing, or the lists differ
    in length.
    """
    question, answer = needed_text(record, "question"), needed_text(record, "answer")
    ratings, explanations = list_field(record, "ratings"), list_field(record, "explanations")
    if len(ratings) != len(explanations):
        raise InvalidRecord(f"{len(ratings)} ratings stand beside {len(explanations)} explanations.")
    external_id = derived_id(key, question, answer)
    rows = [interaction_row(external_id, derived_id(key, question), question, answer)]
    for n, (rating, explanation) in enumerate(zip(ratings, explanations, strict=True)):
        said = rating_of(rating, f"ratings[{n}]"), text_of(explanation, f"explanations[{n}]")
        if any(said):
            rows.append(comment_row(external_id, *said))
    return rows


def jsonl(key: bytes, record: Record) -> list[Row]:
    """Rows of a plain record: `prompt`, `answer`, and `rating`, `text`, `correction` or several of them.

    In place of the prompt it may have `messages` (and `tools`) in OpenAI's chat form. Where there is no `answer` then,
    the last message is the answer, and has to be the assistant's. Optionally `subject`, `external_id`,
    `conversation_id`, `tenant`, `happened_at`, `model_name`, `environment`. A correction is kept in the comment's text,
    where a reviewer finds it. InvalidRecord where a field is missing or wrong.
    """
    asked, answer, words = exchange(record)
    external_id = identifier(record, "external_id") or derived_id(key, asked.spelling, answer_spelling(answer))
    # Every turn of a conversation has the subject of its beginning; that of a question alone is the question.
    subject = identifier(record, "subject") or derived_id(key, asked.opening.removeprefix("user: "))
    rating = rating_of(record.get("rating"), "rating")
    text, correction = text_of(record.get("text"), "text"), text_of(record.get("correction"), "correction")
    if not (rating or text or correction):
        raise InvalidRecord("The record has neither a rating nor a text.")
    interaction = {"kind": "interaction", "external_id": external_id, "subject": subject} | words
    for field in ("conversation_id", "tenant", "happened_at", "model_name", "environment"):
        if value := text_of(record.get(field), field):
            interaction[field] = value
    corrected = f"Correction: {correction}" if correction else ""
    return [interaction, comment_row(external_id, rating, "\n\n".join(filter(None, (text, corrected))))]


def exchange(record: Record) -> tuple[Conversation, Message, Row]:
    """What was asked, what was answered, and both as fields of a row. InvalidRecord, with the path of what is wrong."""
    if is_absent(record.get("messages")):
        prompt, text = needed_text(record, "prompt"), needed_text(record, "answer")
        return Conversation.of(prompt), answer_of(text), {"prompt": prompt, "answer": text}
    if not is_absent(record.get("prompt")):
        raise InvalidRecord("messages: there is a prompt as well: give one of them.")
    messages, answer, path = list_field(record, "messages"), record.get("answer"), "answer"
    if is_absent(answer):
        *messages, answer = messages or [None]
        path = f"messages[{len(messages)}]"
        if not isinstance(answer, dict) or answer.get("role") != "assistant":
            raise InvalidRecord("messages: the last one is no answer of the assistant: end with it, or give answer.")
    try:
        asked = read(messages, record.get("tools"))
        answered = read_answer(answer, path, checks_calls=False)
    except NotAConversation as problem:
        raise InvalidRecord(str(problem)) from problem
    return asked, answered, {"messages": asked.messages, "tools": asked.tools, "answer": answered}


FORMATS = {
    "feedbackqa": Format(feedbackqa, frozenset({"question", "answer", "ratings", "explanations"})),
    "jsonl": Format(
        jsonl,
        frozenset({"prompt", "messages", "tools", "answer", "rating", "text", "correction", "subject", "external_id"})
        | {"conversation_id", "tenant", "happened_at", "model_name", "environment"},
    ),
}


# --- rows -------------------------------------------------------------------------------------------------------------
def interaction_row(external_id: str, subject: str, prompt: str, answer: str) -> Row:
    return {
        "kind": "interaction",
        "external_id": external_id,
        "subject": subject,
        "prompt": prompt,
        "answer": answer,
    }


def comment_row(external_id: str, rating: str, text: str) -> Row:
    said = {name: value for name, value in (("rating", rating), ("text", text)) if value}
    return {"kind": "comment", "external_id": external_id} | said


def derived_id(key: bytes, *texts: str) -> str:
    """An id derived from texts: 32 hexadecimal digits. Keyed, because it is stored beside the held-out lane too."""
    return keyed_hash(key, "import", *texts).hex()[:32]


# --- values -----------------------------------------------------------------------------------------------------------
def is_absent(value: object) -> bool:
    """Null; NaN, which is how tables write it; and an empty cell."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def needed_text(record: Record, field: str) -> str:
    value = record.get(field)
    if is_absent(value):
        raise InvalidRecord(f"{field}: it is missing or empty: give text.")
    if not isinstance(value, str):
        raise InvalidRecord(f"{field}: it is {kind_of(value)}: give text.")
    if not value.strip():
        raise InvalidRecord(f"{field}: there is nothing but white space: give text.")
    return value


def text_of(value: object, path: str) -> str:
    """A text, a number or a time as text; "" where it is absent."""
    if is_absent(value):
        return ""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise InvalidRecord(f"{path}: it is {kind_of(value)}: give text.")
    return str(value)


def rating_of(value: object, path: str) -> str:
    """A rating as it is kept; "" where it is absent. 0 and false are ratings."""
    if is_absent(value):
        return ""
    if not isinstance(value, str | bool | int | float | Decimal):
        raise InvalidRecord(f"{path}: it is {kind_of(value)}: give a number, true, false or text.")
    try:
        return rating_text(value)
    except ValueError as problem:
        raise InvalidRecord(f"{path}: {problem} Give a number, true, false or text.") from problem


def identifier(record: Record, field: str) -> str:
    """An id as text; "" where it is absent. A table with gaps writes 7 as 7.0: they are one id."""
    value = record.get(field)
    if is_absent(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidRecord(f"{field}: it is {kind_of(value)}: give text or a whole number.")
    return str(value)


def list_field(record: Record, field: str) -> list[Any]:
    value = record.get(field)
    if not isinstance(value, list):
        raise InvalidRecord(f"{field}: it is {kind_of(value)}: give a list.")
    return value
