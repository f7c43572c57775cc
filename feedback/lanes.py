"""Who a subject is to us, and whether its words are a lesson or an exam: keyed hashes, nothing else.

All functions are pure. The key is CFT_SUBJECT_KEY; each use hashes under its own label, so that no value computed for
one purpose says anything about another. Names of sources are slugs, so the separator cannot occur in them.
"""

import hashlib
import hmac
import secrets
import uuid
from decimal import Decimal
from typing import Literal

LaneName = Literal["training", "held_out"]
BUCKETS = 10_000
TOKEN_MARK = "cft_"


def keyed(key: bytes, purpose: str, *parts: str) -> bytes:
    """HMAC-SHA-256 of `parts` under `key`, for one purpose."""
    return hmac.digest(key, "\x1f".join((purpose, *parts)).encode(), hashlib.sha256)


def subject_hash(key: bytes, source_name: str, subject_key: str) -> str:
    """The pseudonym under which a subject is stored: 64 hexadecimal digits."""
    return keyed(key, "subject", source_name, subject_key).hex()


def lane_of(key: bytes, source_name: str, subject_key: str, held_out_percent: Decimal | float | int) -> LaneName:
    """The lane of a subject: a function of who it is, never of what it says.

    A subject falls into one of 10,000 buckets; the first `held_out_percent` of them are held out. Raising the share
    therefore only ever moves subjects from training to held out.
    """
    bucket = int.from_bytes(keyed(key, "lane", source_name, subject_key)[:8]) % BUCKETS
    return "held_out" if bucket < Decimal(str(held_out_percent)) * 100 else "training"


def object_id(key: bytes, *parts: str) -> uuid.UUID:
    """An id that a repeated request gets again. It looks like any random UUID, in both lanes."""
    return uuid.UUID(bytes=keyed(key, "object", *parts)[:16], version=4)


def commitment(key: bytes, subject_id: str, content: bytes) -> str:
    """A commitment to `content` for the log, under a key of the subject's own: says nothing about it by itself."""
    return hmac.new(keyed(key, "commitment", subject_id), content, hashlib.sha256).hexdigest()


def new_token() -> str:
    """A bearer token: 256 random bits behind a mark that secret scanners can recognise."""
    return TOKEN_MARK + secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What is stored of a token. It is random, so a plain hash cannot be guessed."""
    return hashlib.sha256(token.encode()).hexdigest()
