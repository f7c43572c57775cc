"""The contract of an evaluation: a job and its items, read and checked before any work.

The job is JSON; relative paths in it are relative to its folder:

    {"base_model": PATH_OR_HUB_NAME, "adapter": null | FOLDER, "items": "items.jsonl", "output": "scores.jsonl",
     "seed": 0, "threads": 1, "batch_size": 64, "max_new_tokens": 48, "device": "auto", "dtype": "auto"}

`base_sha256` and `adapter_sha256` are checked if given. Each line of the items is
`{"id": "…", "prompt": "…", "answer": "…", "scorer": "exact" | "contains" | "refusal"}`. A conversation has `messages`
(and `tools`) in place of the prompt, in the spelling of `conversation`, and the answer may be a message with calls.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conversation import Conversation, Message, read
from evaluation.engine.scoring import SCORERS
from training.engine.errors import EngineError
from training.engine.manifest import DEVICES, DTYPES, choice, read_object, text, whole


@dataclass(frozen=True)
class Job:
    folder: Path
    base_model: str
    base_sha256: str | None
    adapter: Path | None
    adapter_sha256: str | None
    items: Path
    output: Path
    seed: int
    threads: int
    batch_size: int
    max_new_tokens: int
    device: str
    dtype: str


@dataclass(frozen=True)
class Item:
    id: str
    asked: Conversation
    answer: str | Message
    scorer: str


DEFAULTS: dict[str, Any] = {
    "seed": 0,
    "threads": 1,
    "batch_size": 64,
    "max_new_tokens": 48,
    "device": "auto",
    "dtype": "auto",
}


def read_job(path: Path) -> Job:
    raw = DEFAULTS | read_object(path)
    folder = path.resolve().parent
    adapter = folder / text(raw, "adapter") if raw.get("adapter") is not None else None
    if adapter and not (adapter / "adapter_config.json").is_file():
        raise EngineError("adapter", f"{adapter} holds no adapter.", "Give the adapter/ of a finished run.")
    return Job(
        folder=folder,
        base_model=text(raw, "base_model"),
        base_sha256=raw.get("base_sha256"),
        adapter=adapter,
        adapter_sha256=raw.get("adapter_sha256"),
        items=folder / text(raw, "items"),
        output=folder / text(raw, "output"),
        seed=whole(raw, "seed", 0, 2**31 - 1),
        threads=whole(raw, "threads", 1, 1024),
        batch_size=whole(raw, "batch_size", 1, 4096),
        max_new_tokens=whole(raw, "max_new_tokens", 1, 32_768),
        device=choice(raw, "device", DEVICES),
        dtype=choice(raw, "dtype", DTYPES),
    )


def read_items(path: Path) -> list[Item]:
    if not path.is_file():
        raise EngineError("items", f"{path} does not exist.", "Write the items first.")
    lines = path.read_bytes().splitlines()
    items = [read_item(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if len({item.id for item in items}) != len(items) or not items:
        raise EngineError("items", "There are none, or two share an id.", "Give at least one, with its own id.")
    return items


def read_item(number: int, line: bytes) -> Item:
    try:
        raw = json.loads(line)
        item = Item(str(raw["id"]), asked_of(raw), raw["answer"], raw["scorer"])
    except (ValueError, KeyError, TypeError) as cause:
        raise EngineError(f"items[{number}]", f"Not an item: {cause!r}.", "Give id, prompt, answer, scorer.") from None
    if item.scorer not in SCORERS:
        raise EngineError(f"items[{number}]", f"Scorer {item.scorer!r}?", f"Give one of: {', '.join(SCORERS)}.")
    return item


def asked_of(raw: dict[str, Any]) -> Conversation:
    """Raises ValueError for what asks nothing."""
    if "messages" in raw:
        return read(raw["messages"], raw.get("tools"))
    if not isinstance(raw["prompt"], str) or not raw["prompt"]:
        raise ValueError("an empty prompt")
    return Conversation.of(raw["prompt"])
