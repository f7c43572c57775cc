"""Encryption of what waits in the cache, under keys that only holders of SECRET_KEY can derive: the web process."""

import base64

from cryptography.fernet import Fernet
from django.utils.crypto import salted_hmac


def box(purpose: str) -> Fernet:
    """The box of one purpose; another purpose's opens nothing of it."""
    key = salted_hmac(purpose, "exchange", algorithm="sha256").digest()
    return Fernet(base64.urlsafe_b64encode(key))
