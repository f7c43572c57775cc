"""Encryption of what waits in the cache, under keys that only holders of SECRET_KEY can derive: the web process."""

import base64
import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.utils.crypto import salted_hmac


def encrypted(purpose: str, value: Any) -> str:
    """A JSON value as text that only holders of SECRET_KEY can read."""
    return cipher_for(purpose).encrypt(json.dumps(value).encode()).decode()


def decrypted(purpose: str, text: object) -> Any:
    """The value that was encrypted; InvalidToken for anything else that lies in its place."""
    if not isinstance(text, str) or not text.isascii():
        raise InvalidToken
    return json.loads(cipher_for(purpose).decrypt(text))


def cipher_for(purpose: str) -> Fernet:
    """The cipher (Fernet: AES-128-CBC and HMAC-SHA-256) of one purpose; another purpose's decrypts nothing of it."""
    key = salted_hmac(purpose, "exchange", algorithm="sha256").digest()
    return Fernet(base64.urlsafe_b64encode(key))
