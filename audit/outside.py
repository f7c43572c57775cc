"""What is kept of the log outside its database: signed heads, one JSON line each, and the hash of the first one.

The two lie in different folders (the copy beside the data, the hash beside the public key), so that whoever rewrites
the log from its start has to reach both, and the terminal or the notes of whoever started it first.
"""

import json
import os
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from audit.checkpoint import SignedHead, note_hash

FIRST = ".first"


class Unreadable(ValueError):
    """A line of the copy is no signed head."""


@dataclass(slots=True)
class Copy:
    """The heads of a copy, oldest first, and what is wrong with the file itself."""

    heads: list[SignedHead] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def copy_file() -> Path:
    """Where signed tree heads are kept outside the database."""
    return Path(settings.CFT_VAR) / "checkpoints" / "audit.jsonl"


def first_file(public_key: Path) -> Path:
    """Where the hash of the first checkpoint is kept: beside the public key, under its name."""
    return public_key.with_suffix(FIRST)


def append(path: Path, head: SignedHead) -> None:
    """Append a signed head to the copy, and force it to disk."""
    line = json.dumps(
        {
            "size": head.size,
            "root": head.root.hex(),
            "key_id": head.key_id,
            "note": head.note,
            "signature": b64encode(head.signature).decode(),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        _cut_torn_line(file)
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _cut_torn_line(file: BinaryIO) -> None:
    """Drop what a crash in the middle of an append left after the last complete line."""
    end = file.seek(0, os.SEEK_END)
    file.seek(max(0, end - 4096))
    tail = file.read()
    if tail and not tail.endswith(b"\n"):
        file.truncate(end - len(tail) + tail.rfind(b"\n") + 1)


def read(path: Path) -> Copy:
    """The whole copy. A last line torn by a crash is passed over: the sealer writes it again."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return Copy(problems=[f"the copy outside the database is missing: {path}"])
    except OSError as problem:
        return Copy(problems=[f"the copy outside the database cannot be read: {problem}"])
    copy = Copy()
    for number, line in enumerate(lines, start=1):
        try:
            copy.heads.append(_head(line))
        except Unreadable:
            copy.problems.append(f"line {number} of the copy outside the database is no checkpoint")
    return copy


def newest(path: Path) -> SignedHead | None:
    """The newest signed head of the copy, read from the end of the file; None if there is none. Raises Unreadable."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        complete = file.read().split(b"\n")[:-1]
    return _head(complete[-1]) if complete else None


def _head(line: bytes) -> SignedHead:
    try:
        row = json.loads(line)
        size, note, key_id = row["size"], row["note"], row["key_id"]
        head = SignedHead(size, bytes.fromhex(row["root"]), note, key_id, b64decode(row["signature"], validate=True))
    except (ValueError, TypeError, KeyError, RecursionError) as problem:
        raise Unreadable("no checkpoint") from problem
    if type(size) is not int or not isinstance(note, str):
        raise Unreadable("no checkpoint")
    return head


def keep_first(path: Path, head: SignedHead) -> str:
    """Keep the hash of the first checkpoint where none is kept yet; returns it."""
    known = note_hash(head)
    if not path.exists():
        path.write_text(f"{known}\n", encoding="ascii")
    return known


def kept_first(path: Path) -> str:
    """The hash that was kept of the first checkpoint; empty where there is none."""
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
