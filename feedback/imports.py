"""Untyped feedback from files, as rows of a batch: an interaction and a comment on it. Plain functions.

Nothing in a file becomes a correction: whoever wrote it was never asked for a kind. A reviewer gives it one.
"""

from collections.abc import Iterator
from typing import Any

from feedback import lanes

Rows = list[dict[str, Any]]


class Unreadable(ValueError):
    """A line that does not fit its format, with what was expected."""


def feedbackqa(key: bytes, record: dict[str, Any]) -> Rows:
    """A FeedbackQA record: a question, an answer and parallel lists of ratings and explanations.

    A question is one conversation, so that all answers to it fall into one lane. Every rating with its explanation is
    one comment.
    """
    question, answer = text_of(record, "question"), text_of(record, "answer")
    ratings, explanations = list_of(record, "ratings"), list_of(record, "explanations")
    if len(ratings) != len(explanations):
        raise Unreadable(f"{len(ratings)} ratings stand beside {len(explanations)} explanations.")
    name = named(key, question, answer)
    rows: Rows = [interaction(name, named(key, question), question, answer)]
    for rating, explanation in zip(ratings, explanations, strict=True):
        rows.append({"kind": "comment", "external_id": name, "rating": str(rating), "text": str(explanation)})
    return rows


def jsonl(key: bytes, record: dict[str, Any]) -> Rows:
    """A plain record: `prompt`, `answer`, and `rating`, `text` or both; optionally `subject` and `external_id`."""
    prompt, answer = text_of(record, "prompt"), text_of(record, "answer")
    name = str(record.get("external_id") or named(key, prompt, answer))
    subject = str(record.get("subject") or named(key, prompt))
    comment = {"kind": "comment", "external_id": name}
    comment |= {field: str(record[field]) for field in ("rating", "text") if record.get(field)}
    if len(comment) == 2:
        raise Unreadable("The record has neither a rating nor a text.")
    return [interaction(name, subject, prompt, answer), comment]


FORMATS = {"feedbackqa": feedbackqa, "jsonl": jsonl}


def interaction(name: str, subject: str, prompt: str, answer: str) -> dict[str, Any]:
    return {
        "kind": "interaction",
        "external_id": name,
        "subject": subject,
        "prompt": prompt,
        "answer": answer,
    }


def named(key: bytes, *texts: str) -> str:
    """A name for texts that have none. Keyed, because it is stored beside the held-out lane too."""
    return lanes.keyed(key, "import", *texts).hex()[:32]


def text_of(record: dict[str, Any], field: str) -> str:
    value = record.get(field)
    if not isinstance(value, str) or not value.strip():
        raise Unreadable(f"The field {field!r} should hold text.")
    return value


def list_of(record: dict[str, Any], field: str) -> list[Any]:
    value = record.get(field)
    if not isinstance(value, list):
        raise Unreadable(f"The field {field!r} should hold a list.")
    return value


def groups(parts: Iterator[tuple[int, Rows]], limit: int) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    """Rows with their line numbers, in groups of at most `limit`; what belongs to one line stays together."""
    group: list[tuple[int, dict[str, Any]]] = []
    for line, rows in parts:
        if group and len(group) + len(rows) > limit:
            yield group
            group = []
        group.extend((line, row) for row in rows)
    if group:
        yield group
