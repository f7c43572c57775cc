"""Encryption of what waits in the cache, under keys that only holders of SECRET_KEY can derive: the web process."""

import base64

from cryptography.fernet import Fernet
from django.utils.crypto import salted_hmac


def cipher_for(purpose: str) -> Fernet:
    """The cipher (Fernet: AES-128-CBC and HMAC-SHA-256) of one purpose; another purpose's decrypts nothing of it."""
    key = salted_hmac(purpose, "exchange", algorithm="sha256").digest()
    return Fernet(base64.urlsafe_b64encode(key))
