"""Bearer tokens of API keys (RFC 6750): how they are made, and what is stored of them."""

import hashlib
import secrets

TOKEN_PREFIX = "cft_"


def new_token() -> str:
    """A bearer token: 256 random bits behind a prefix that secret scanners can recognise."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What is stored of a token: its SHA-256, 64 hexadecimal digits.

    A token is random, so that a plain hash of it cannot be inverted by guessing.
    """
    return hashlib.sha256(token.encode()).hexdigest()
