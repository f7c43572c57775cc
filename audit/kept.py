"""Events that no restore may forget, kept outside the database beside the signed heads: withdrawals of consent.

A restored backup is from before; what people took back since is not in it. So the sealer appends each such event (an
app names them in `KEPT` of its `events.py`) to a file, a JSON line each: its position and its body, the bytes that were
sealed. The file follows from the log: what a crash left out is appended the next time.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from audit.models import Event
from audit.vocabulary import kept

NAME, PATTERN = "withdrawals.jsonl", "withdrawals*.jsonl"


class Unreadable(ValueError):
    """A line is no kept event: what it said is not known."""


class Keeper:
    """Appends to the file of one folder. `position`: from where on the log has not been looked through."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self.position = -1

    def keep(self, size: int) -> int:
        """Append what the first `size` sealed events hold and the file does not; returns how many lines."""
        if self.position < 0:
            self.position = self._begin()
        rows = Event.objects.filter(name__in=kept(), leaf__position__gte=self.position, leaf__position__lt=size)
        found = rows.order_by("leaf__position").values_list("leaf__position", "body")
        lines = [line(position, bytes(body)) for position, body in found]
        if lines:
            append(self.path, "".join(lines))
        self.position = size
        return len(lines)

    def _begin(self) -> int:
        """Make the file, or cut the line that a crash left half written; returns the position after the last one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = self.path.read_text() if self.path.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        with self.path.open("a") as file:
            file.truncate(len(whole.encode()))
        last = whole.splitlines()[-1:]
        return int(json.loads(last[0])["position"]) + 1 if last else 0


def line(position: int, body: bytes) -> str:
    return json.dumps({"position": position, "body": body.decode()}) + "\n"


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def has_any(folder: Path) -> bool:
    """Whether a sealer kept its file here, be it empty."""
    return any(folder.glob(PATTERN))


def bodies(folder: Path) -> Iterator[bytes]:
    """The bodies of all kept events of a folder, also those set aside by earlier restores. Raises Unreadable.

    A last line without its end was torn by a crash: the event is one that was sealed, and never kept.
    """
    for path in sorted(folder.glob(PATTERN)):
        for number, text in enumerate(path.read_text(errors="replace").split("\n")[:-1], 1):
            try:
                body = json.loads(text)["body"]
                json.loads(body)["used"]
            except (ValueError, LookupError, TypeError) as problem:
                raise Unreadable(f"Line {number} of {path} is no event: take another copy of the file.") from problem
            yield body.encode()


def about(body: bytes, kind: str) -> list[str]:
    """Ids of the entities of a kind that the event used."""
    event: dict[str, Any] = json.loads(body)
    return [object_id for entity, object_id in event["used"] if entity == kind]
