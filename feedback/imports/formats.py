"""Import formats: records of a file as rows of a batch, an interaction and comments on it. Plain functions.

Nothing in a file becomes a correction: whoever wrote it was never asked for a kind. A reviewer gives it a kind.
"""

from typing import Any

from feedback.keyed_hashes import keyed_hash

Row = dict[str, Any]


class InvalidRecord(ValueError):
    """A record does not fit its format; the message is a sentence that says what was expected."""


def feedbackqa(key: bytes, record: dict[str, Any]) -> list[Row]:
    """Rows of a FeedbackQA record: a question, an answer and parallel lists of ratings and explanations.

    All answers to a question have its subject, so that they fall into the same lane. Every rating with its explanation
    is a comment. InvalidRecord where a field is missing, or the lists differ in length.
    """
    question, answer = text_field(record, "question"), text_field(record, "answer")
    ratings, explanations = list_field(record, "ratings"), list_field(record, "explanations")
    if len(ratings) != len(explanations):
        raise InvalidRecord(f"{len(ratings)} ratings stand beside {len(explanations)} explanations.")
    external_id = derived_id(key, question, answer)
    rows = [interaction_row(external_id, derived_id(key, question), question, answer)]
    for rating, explanation in zip(ratings, explanations, strict=True):
        rows.append({"kind": "comment", "external_id": external_id, "rating": str(rating), "text": str(explanation)})
    return rows


def jsonl(key: bytes, record: dict[str, Any]) -> list[Row]:
    """Rows of a plain record: `prompt`, `answer`, and `rating`, `text` or both; optionally `subject`, `external_id`.

    InvalidRecord where a field is missing.
    """
    prompt, answer = text_field(record, "prompt"), text_field(record, "answer")
    external_id = str(record.get("external_id") or derived_id(key, prompt, answer))
    subject = str(record.get("subject") or derived_id(key, prompt))
    comment = {"kind": "comment", "external_id": external_id}
    comment |= {field: str(record[field]) for field in ("rating", "text") if record.get(field)}
    if len(comment) == 2:
        raise InvalidRecord("The record has neither a rating nor a text.")
    return [interaction_row(external_id, subject, prompt, answer), comment]


FORMATS = {"feedbackqa": feedbackqa, "jsonl": jsonl}


def interaction_row(external_id: str, subject: str, prompt: str, answer: str) -> Row:
    return {
        "kind": "interaction",
        "external_id": external_id,
        "subject": subject,
        "prompt": prompt,
        "answer": answer,
    }


def derived_id(key: bytes, *texts: str) -> str:
    """An id derived from texts: 32 hexadecimal digits. Keyed, because it is stored beside the held-out lane too."""
    return keyed_hash(key, "import", *texts).hex()[:32]


def text_field(record: dict[str, Any], field: str) -> str:
    value = record.get(field)
    if not isinstance(value, str) or not value.strip():
        raise InvalidRecord(f"The field {field!r} should hold text.")
    return value


def list_field(record: dict[str, Any], field: str) -> list[Any]:
    value = record.get(field)
    if not isinstance(value, list):
        raise InvalidRecord(f"The field {field!r} should hold a list.")
    return value
