"""The identity of a row: the hash that a dataset's tree is built of, the same in Python and in PostgreSQL."""

import hashlib


def row_hash(prompt: str, chosen: str, rejected: str = "") -> str:
    """SHA-256 (hexadecimal) over the netstrings of the three texts, as SQL's `curation_row_hash` computes it.

    A netstring (`5:hello,`) says its length in bytes, so no two different rows have the same bytes.
    """
    digest = hashlib.sha256()
    for text in (prompt, chosen, rejected):
        data = text.encode()
        digest.update(b"%d:%s," % (len(data), data))
    return digest.hexdigest()
