"""The file of a registry: one immutable file an epoch, keyed fingerprints and numbers, never text.

Layout: `CFTREG02`, the length of a JSON header (8 bytes, little-endian), the header, then the arrays it names, each
aligned to 64 bytes. The header says how each array is stored and its SHA-256; `sha256` is that of this list. Arrays
that tell something without the key (vectors of items, their lengths) are sealed: AES-256-GCM, the nonce derived from
key and content, so that the same content gives the same bytes. Everything else is used where it lies: processes share
the pages of a file.
"""

import hashlib
import io
import json
import mmap
from collections.abc import Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Data = bytes | mmap.mmap

MAGIC = b"CFTREG02"
ALIGNMENT = 64
PIECE = 64 * 2**20  # bytes sealed at once


class BadRegistry(ValueError):
    """The file is no registry, is damaged, or was made with another key or normaliser."""


def derived(key: bytes, use: str, size: int) -> bytes:
    """A key for one use. Raises ValueError for a registry key of less than 16 bytes."""
    if len(key) < 16:
        raise ValueError(f"a registry key has at least 16 bytes, not {len(key)}")
    return hashlib.blake2b(key=key[:64], digest_size=size, person=use.encode()).digest()


def key_check(key: bytes) -> str:
    """What a header says of its key, so that a wrong one is told."""
    return derived(key, "check", 8).hex()


def encode(header: Mapping[str, Any], arrays: dict[str, Array], sealed: Mapping[str, Array], key: bytes) -> bytes:
    """A registry file of arrays as they are and arrays that only the key opens.

    `arrays` is emptied: each one's memory may be free once it is written.
    """
    manifest: dict[str, dict[str, Any]] = {}
    sealed_bytes = {name: seal(np.ascontiguousarray(array).tobytes(), name, key) for name, array in sealed.items()}
    at = 0
    for name, array in {**arrays, **sealed}.items():
        content = sealed_bytes[name] if name in sealed_bytes else bytes_of(array)
        manifest[name] = {
            "dtype": array.dtype.str,
            "shape": list(array.shape),
            "at": at,
            "bytes": len(content),
            "sealed": name in sealed,
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        at += len(content) + -len(content) % ALIGNMENT
    text = json.dumps({**header, "arrays": manifest, "sha256": digest(manifest)}, sort_keys=True).encode()
    text += b" " * (-(len(MAGIC) + 8 + len(text)) % ALIGNMENT)
    return file_bytes(MAGIC + len(text).to_bytes(8, "little") + text, manifest, arrays, sealed_bytes)


def bytes_of(array: Array) -> Any:
    """The bytes of an array, not copied."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def file_bytes(
    start: bytes, manifest: Mapping[str, Any], arrays: dict[str, Array], sealed_bytes: dict[str, bytes]
) -> bytes:
    file = io.BytesIO()
    file.write(start)
    for name, entry in manifest.items():
        file.write(b"\0" * (len(start) + entry["at"] - file.tell()))
        file.write(sealed_bytes.pop(name) if name in sealed_bytes else bytes_of(arrays.pop(name)))
    return file.getvalue()


def digest(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def read_header(data: Data) -> tuple[dict[str, Any], int]:
    """The header, and where the arrays begin."""
    if data[: len(MAGIC)] != MAGIC:
        raise BadRegistry(f"This is no registry file of this program: it does not begin with {MAGIC.decode()}.")
    start = len(MAGIC) + 8
    end = start + int.from_bytes(data[len(MAGIC) : start], "little")
    try:
        header: dict[str, Any] = json.loads(data[start:end])
        intact = header["sha256"] == digest(header["arrays"])
    except (ValueError, KeyError, TypeError) as problem:
        raise BadRegistry("The registry's header is damaged.") from problem
    if not intact:
        raise BadRegistry("The registry is damaged: its list of arrays does not have the hash that its header names.")
    return header, end


def read_arrays(data: Data, header: Mapping[str, Any], start: int, key: bytes) -> dict[str, Array]:
    """The arrays, once known to be those that were written. Sealed ones are opened, others are not copied."""
    arrays = {}
    view = memoryview(data)
    for name, entry in header["arrays"].items():
        content: Any = view[start + entry["at"] : start + entry["at"] + entry["bytes"]]
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            raise BadRegistry(
                f"The registry is damaged: its array {name} does not have the hash that its header names."
            )
        if entry["sealed"]:
            content = unseal(bytes(content), name, key)
        arrays[name] = np.frombuffer(content, dtype=np.dtype(entry["dtype"])).reshape(entry["shape"])
    return arrays


def seal(content: bytes, name: str, key: bytes) -> bytes:
    """Encrypt and authenticate: for each piece its nonce (12 bytes) and its ciphertext with tag."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    cipher, mac = AESGCM(derived(key, "seal", 32)), derived(key, "nonce", 32)
    out = bytearray()
    for number in range(0, len(content), PIECE):
        piece, label = content[number : number + PIECE], f"{name}/{number}".encode()
        nonce = hashlib.blake2b(label + b"\0" + piece, key=mac, digest_size=12).digest()
        out += nonce + cipher.encrypt(nonce, piece, label)
    return bytes(out)


def unseal(content: bytes, name: str, key: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    cipher, size = AESGCM(derived(key, "seal", 32)), PIECE + 28
    out = bytearray()
    for number in range(0, len(content), size):
        piece, label = content[number : number + size], f"{name}/{number // size * PIECE}".encode()
        try:
            out += cipher.decrypt(piece[:12], piece[12:], label)
        except InvalidTag as problem:
            raise BadRegistry(f"The array {name} of the registry was not sealed with this key.") from problem
    return bytes(out)
