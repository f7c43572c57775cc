"""What an import could not record, in a file beside it: an object a line, with the number, the reasons and the row."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from cftapp.base import files


class Rejects:
    """Takes what was rejected; see `rejects_file`."""

    def __init__(self, path: Path, opened: ExitStack) -> None:
        self.path, self.count = path, 0
        self._opened = opened
        self._file: BinaryIO | None = None

    def add(self, number: int, reasons: list[str], row: Any) -> None:
        """`row`: the record, or the line that holds none."""
        if self._file is None:
            self._file = self._opened.enter_context(files.replacing(self.path, private=True))
        held = row.decode("utf-8", "replace") if isinstance(row, bytes) else row
        line = json.dumps({"number": number, "reasons": reasons, "row": held}, default=str)
        self._file.write(line.encode() + b"\n")
        self.count += 1


@contextmanager
def rejects_file(path: Path) -> Iterator[Rejects]:
    """The file is there, whole, once the import has ended, and only if something was rejected; one of before goes."""
    with ExitStack() as opened:
        rejects = Rejects(path, opened)
        yield rejects
        if not rejects.count:
            path.unlink(missing_ok=True)
