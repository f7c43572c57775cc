"""Reading `metrics.jsonl` while an engine still writes it. Files in, values out; no Django."""

import json
from pathlib import Path
from typing import Any

from training.engine.errors import refusal_in

TAIL = 8192
Line = dict[str, Any]


def parse(text: str) -> list[Line]:
    """The whole lines of a metrics file; a last line that is still being written is left out."""
    lines = []
    for raw in text.splitlines():
        try:
            value = json.loads(raw)
        except ValueError:
            continue
        if isinstance(value, dict) and isinstance(value.get("step"), int):
            lines.append(value)
    return lines


def read(path: Path) -> list[Line]:
    """All lines so far; none while there is no file."""
    try:
        return parse(path.read_text())
    except FileNotFoundError:
        return []


def last(path: Path) -> Line | None:
    """The newest whole line, read from the end of the file."""
    lines = parse(tail(path))
    return lines[-1] if lines else None


def tail(path: Path, size: int = TAIL, offset: int = 0) -> str:
    """The last `size` bytes of a text file, from `offset` on at the earliest; empty while there is no file."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            start = max(offset, end - size)
            file.seek(start)
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    cut = start > offset and "\n" in text
    return text.split("\n", 1)[1] if cut else text


def engine_error(log: str) -> str:
    """What an engine said last before it failed: its error line as a sentence, otherwise its last line of text."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return refusal_in(log) or (lines[-1][:500] if lines else "")
