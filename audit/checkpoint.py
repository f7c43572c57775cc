"""Signed tree heads: the text that is signed, and the key.

The signed text follows the checkpoint format of C2SP tlog-checkpoint: origin, size and root on a line each; the time is
an extension line. Signatures are Ed25519 (RFC 8032). The copy outside the database is in `outside`.
"""

import os
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

ORIGIN = "cftapp/audit"


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A tree head and its signature."""

    size: int
    root: bytes
    note: str
    key_id: str
    signature: bytes


def note_of(size: int, root: bytes, signed_at: datetime) -> str:
    """The text that is signed."""
    return f"{ORIGIN}\n{size}\n{b64encode(root).decode()}\n{signed_at.isoformat()}\n"


def parse_note(note: str) -> tuple[int, bytes]:
    """Size and root named by a note; ValueError if it is not one of ours."""
    lines = note.split("\n")
    if len(lines) != 5 or lines[0] != ORIGIN or lines[4]:
        raise ValueError("not a checkpoint of this log")
    return int(lines[1]), b64decode(lines[2], validate=True)


def note_hash(head: SignedHead) -> str:
    """SHA-256 of the signed text, in hexadecimal: what names a checkpoint to people."""
    return sha256(head.note.encode()).hexdigest()


def key_id(public_key: Ed25519PublicKey) -> str:
    """First 16 hex digits of the SHA-256 of the raw public key."""
    return sha256(public_key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def sign(key: Ed25519PrivateKey, size: int, root: bytes, signed_at: datetime) -> SignedHead:
    """Sign a tree head."""
    note = note_of(size, root, signed_at)
    return SignedHead(size, root, note, key_id(key.public_key()), key.sign(note.encode()))


def signature_problem(head: SignedHead, public_key: Ed25519PublicKey) -> str | None:
    """Why a signed head cannot be trusted, or None."""
    try:
        size, root = parse_note(head.note)
        public_key.verify(head.signature, head.note.encode())
    except ValueError as error:
        return f"checkpoint {head.size}: {error}"
    except InvalidSignature:
        return f"checkpoint {head.size}: the signature does not fit the key {key_id(public_key)}"
    if (size, root) != (head.size, head.root):
        return f"checkpoint {head.size}: the signed note names another size or root"
    return None


def create_keys(private_path: Path, public_path: Path) -> None:
    """Write a new Ed25519 key pair as PEM, the private half readable by its owner only. Keeps existing keys."""
    if private_path.exists():
        key = load_private_key(private_path)
    else:
        key = Ed25519PrivateKey.generate()
        private_path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(private_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public_path.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """Read the sealer's signing key; ValueError if the file holds another kind of key."""
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{path.name} holds no Ed25519 key; create one with `manage.py seal --create-key`")
    return key


def load_public_key(path: Path) -> Ed25519PublicKey:
    """Read the public half, which every process may hold."""
    key = load_pem_public_key(path.read_bytes())
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError(f"{path.name} holds no Ed25519 public key")
    return key
