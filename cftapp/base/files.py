"""Files that are there whole or not at all: written aside, flushed to the disk, renamed into place."""

import os
from pathlib import Path


def write_private(file: Path, text: str) -> None:
    """Replace `file` at once by a file that only its owner can read."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(file.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(file)
