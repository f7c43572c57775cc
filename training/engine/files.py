"""Files and folders of an engine that are there whole or not at all: written aside, then renamed into their place."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training.engine.errors import no_room


def flush(path: Path) -> None:
    """Force a file or folder to the disk, so that a rename cannot overtake its content."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: Path, value: object) -> None:
    """Replace a file of JSON. Raises EngineError where there is no room."""
    aside = path.with_name(f".{path.name}.part")
    try:
        aside.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")
        flush(aside)
        aside.replace(path)
    except OSError as cause:
        aside.unlink(missing_ok=True)
        raise no_room(path.name, cause) from cause


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """An empty folder that takes the place of `folder` when the block ends well; otherwise nothing is left of it."""
    aside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir(parents=True)
        yield aside
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
        flush(folder.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
