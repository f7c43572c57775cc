"""The identity of a row: the hash that a dataset's tree is built of, the same in Python and in PostgreSQL."""

import hashlib
from uuid import UUID

from curation.decontamination.normalise import words


def row_hash(prompt: str, chosen: str, rejected: str = "", *stored: str) -> str:
    """SHA-256 (hexadecimal) over the netstrings of the three texts, as SQL's `curation_row_hash` computes it.

    `stored`: the JSON of conversation, chosen and rejected answer, which counts where one of them is not empty. A
    netstring (`5:hello,`) says its length in bytes, so no two different rows have the same bytes.
    """
    digest = hashlib.sha256()
    for text in (prompt, chosen, rejected, *(stored if any(stored) else ())):
        data = text.encode()
        digest.update(b"%d:%s," % (len(data), data))
    return digest.hexdigest()


def text_hash(prompt: str, answer: str) -> str:
    """SHA-256 (hexadecimal) of the strong-normalised words of both: equal for two rows that say the same."""
    return row_hash(" ".join(words(prompt)), " ".join(words(answer)))


def as_uuid(text: str) -> UUID | None:
    """The id that a text spells; None where it spells none."""
    try:
        return UUID(text)
    except ValueError:
        return None
