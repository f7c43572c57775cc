"""Keyed hashes (HMAC-SHA-256, RFC 2104): pseudonyms of subjects, repeatable ids, and commitments for the log.

All functions are pure. The key is CFT_SUBJECT_KEY; each use hashes under its own label, so that no value computed for
one purpose says anything about another. Names of sources are slugs, so the separator cannot occur in them.
"""

import hashlib
import hmac
import uuid

SEPARATOR = "\x1f"


def keyed_hash(key: bytes, purpose: str, *parts: str) -> bytes:
    """HMAC-SHA-256 of `parts` under `key`, for one purpose: 32 bytes."""
    return hmac.digest(key, SEPARATOR.join((purpose, *parts)).encode("utf-8", "surrogatepass"), hashlib.sha256)


def subject_hash(key: bytes, source_name: str, external_id: str) -> str:
    """The pseudonym under which a subject is stored: 64 hexadecimal digits."""
    return keyed_hash(key, "subject", source_name, external_id).hex()


def object_id(key: bytes, *parts: str) -> uuid.UUID:
    """An id that a repeated request gets again. It looks like any random UUID (RFC 9562, version 4), in both lanes."""
    return uuid.UUID(bytes=keyed_hash(key, "object", *parts)[:16], version=4)


def words_commitment(key: bytes, subject_id: str, prompt: str, answer: str) -> str:
    """What an interaction's row says about its words in both lanes: 128 bits of prompt, then of answer, as 64 digits.

    Under a key of the subject's own, it answers "are these the same words?" to whoever has both, and nothing else.
    """
    halves = (keyed_hash(key, "words", subject_id, name, text)[:16] for name, text in (("p", prompt), ("a", answer)))
    return b"".join(halves).hex()


def commitment(key: bytes, subject_id: str, content: bytes) -> str:
    """A commitment to `content` for the log, under a key of the subject's own: 64 hexadecimal digits.

    Without the key it says nothing about the content.
    """
    return hmac.new(keyed_hash(key, "commitment", subject_id), content, hashlib.sha256).hexdigest()
