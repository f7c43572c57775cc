"""Files that are there whole or not at all: written aside, then renamed into their place."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path, *, private: bool = False, durable: bool = True) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` when the block ends well; otherwise what was there stays as it was.

    `private`: only its owner can read it. `durable`: it is flushed to the disk first, so that no crash of the machine
    leaves an empty file; what can be made again does not need that.
    """
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.part")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666), "wb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def write(path: Path, content: str | bytes, *, private: bool = False, durable: bool = True) -> None:
    """Replace `path` by a file with this content, whole or not at all (see `replacing`); its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, private=private, durable=durable) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def forget(path: Path) -> None:
    """Remove a file, and what writers that were killed left of it."""
    for file in (path, *path.parent.glob(f".{path.name}.*.part")):
        file.unlink(missing_ok=True)
