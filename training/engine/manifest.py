"""The contract of a training run: a manifest and its rows, read and checked before any work.

The manifest is JSON in the run's folder; relative paths in it are relative to that folder:

    {"schema": 1, "run": "…", "base_model": PATH_OR_HUB_NAME, "base_sha256": null | "…",
     "rows": "rows.jsonl", "rows_sha256": "…", "seed": 0, "threads": 1,
     "device": "auto|cpu|cuda", "dtype": "auto|float32|bfloat16", "recipe": {…}}

Other keys are allowed and ignored. Each line of the rows file is
`{"kind": "pair" | "replay", "skill": "…", "prompt": "…", "answer": "…", "row_hash": "…"}` for a question answered by a
text, and `{…, "messages": […], "tools": […], "answer": {"role": "assistant", …}, …}` for any other conversation.
"""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from conversation import Conversation, Message, NotAConversation, read, read_answer
from training.engine.digests import file_sha256
from training.engine.errors import EngineError

SCHEMA = 1
DEVICES = ("auto", "cpu", "cuda")
DTYPES = ("auto", "float32", "bfloat16")

CHOICES: dict[str, tuple[str, ...]] = {
    "kl_on": ("all", "replay"),
    "loss": ("answer", "assistant"),
    "too_long": ("refuse", "keep", "cut_left"),
}
LIMITS: dict[str, tuple[float, float]] = {
    "rank": (1, 256),
    "alpha": (0.1, 1024),
    "lr": (1e-7, 0.1),
    "epochs": (1, 1000),
    "min_steps": (0, 100_000),
    "batch_size": (1, 512),
    "replay_share": (0, 0.95),
    "kl_weight": (0, 10),
    "warmup_steps": (0, 10_000),
    "eval_every": (0, 100_000),
    "checkpoint_every": (1, 100_000),
    "max_length": (8, 32_768),
    "grad_clip": (0.01, 100),
}


@dataclass(frozen=True)
class Recipe:
    """How to learn.

    epochs counts passes over the pairs; min_steps stretches a run with few pairs. replay_share is the part of
    every batch that is replay. kl_weight weighs KL(base ‖ model), on `kl_on` rows ("all" or "replay").
    eval_every 0 turns the loss on replay kept aside off. max_length is in tokens; `too_long` says what becomes of a
    longer row (see `fitting.py`). `loss` is on the answer, or on every turn of the assistant.
    """

    rank: int = 8
    alpha: float = 16
    lr: float = 4e-3
    epochs: int = 15
    min_steps: int = 150
    batch_size: int = 16
    replay_share: float = 0.5
    kl_weight: float = 0.1
    kl_on: Literal["all", "replay"] = "all"
    warmup_steps: int = 10
    eval_every: int = 25
    checkpoint_every: int = 50
    max_length: int = 256
    grad_clip: float = 1.0
    loss: Literal["answer", "assistant"] = "answer"
    too_long: Literal["refuse", "keep", "cut_left"] = "refuse"


@dataclass(frozen=True)
class TrainingRow:
    kind: Literal["pair", "replay"]
    skill: str
    asked: str | Conversation
    answered: str | Message
    row_hash: str


@dataclass(frozen=True)
class Manifest:
    """A checked manifest; `sha256` is the hash of the file as it was read."""

    folder: Path
    sha256: str
    run: str
    base_model: str
    base_sha256: str | None
    rows: Path
    rows_sha256: str
    seed: int
    threads: int
    device: str
    dtype: str
    recipe: Recipe


def read_manifest(path: Path) -> Manifest:
    raw = read_object(path)
    if raw.get("schema") != SCHEMA:
        raise EngineError("schema", f"Schema {raw.get('schema')!r} is unknown.", f"Write schema {SCHEMA}.")
    folder = path.resolve().parent
    manifest = Manifest(
        folder=folder,
        sha256=file_sha256(path),
        run=text(raw, "run"),
        base_model=text(raw, "base_model"),
        base_sha256=raw.get("base_sha256"),
        rows=folder / text(raw, "rows"),
        rows_sha256=text(raw, "rows_sha256"),
        seed=whole(raw, "seed", 0, 2**31 - 1),
        threads=whole(raw, "threads", 1, 1024),
        device=choice(raw, "device", DEVICES),
        dtype=choice(raw, "dtype", DTYPES),
        recipe=read_recipe(raw.get("recipe")),
    )
    if not manifest.rows.is_file():
        raise EngineError(
            "rows", f"The file {manifest.rows.name} is missing.", "Write the dataset beside the manifest."
        )
    return manifest


def read_object(path: Path) -> dict[str, Any]:
    try:
        raw = json.loads(path.read_text())
    except FileNotFoundError:
        raise EngineError("manifest", f"{path} does not exist.", "Give the path of a manifest.") from None
    except (ValueError, OSError) as cause:
        raise EngineError("manifest", f"{path} is not readable JSON: {cause}.", "Write it again.") from None
    if not isinstance(raw, dict):
        raise EngineError("manifest", "It is not a JSON object.", "Write an object with the documented keys.")
    return raw


def text(raw: dict[str, Any], key: str) -> str:
    value = raw.get(key)
    if not isinstance(value, str) or not value:
        raise EngineError(key, f"{value!r} is no text.", "Give a text that is not empty.")
    return value


def whole(raw: dict[str, Any], key: str, low: int, high: int) -> int:
    value = raw.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise EngineError(key, f"{value!r} is not accepted.", f"Give a whole number from {low} to {high}.")
    return value


def choice(raw: dict[str, Any], key: str, allowed: tuple[str, ...]) -> str:
    value = raw.get(key)
    if value not in allowed:
        raise EngineError(key, f"{value!r} is not accepted.", f"Give one of: {', '.join(allowed)}.")
    return str(value)


def read_recipe(raw: object) -> Recipe:
    """A recipe; keys left out take their defaults, unknown keys and values out of bounds are refused."""
    if not isinstance(raw, dict):
        raise EngineError("recipe", f"{raw!r} is no object.", "Give an object, {} for the defaults.")
    known = {field.name: field.default for field in fields(Recipe)}
    for key, value in raw.items():
        if key not in known:
            raise EngineError(f"recipe.{key}", "This key is unknown.", f"Known keys: {', '.join(known)}.")
        check_recipe_value(key, value, type(known[key]))
    return Recipe(**raw)


def check_recipe_value(key: str, value: object, kind: type) -> None:
    if key in CHOICES:
        if value not in CHOICES[key]:
            accepted = " or ".join([", ".join(CHOICES[key][:-1]), CHOICES[key][-1]])
            raise EngineError(f"recipe.{key}", f"{value!r} is not accepted.", f"Give {accepted}.")
        return
    low, high = LIMITS[key]
    wanted = "a whole number" if kind is int and key != "alpha" else "a number"
    right_type = isinstance(value, int if wanted == "a whole number" else (int, float))
    if isinstance(value, bool) or not right_type or not low <= value <= high:  # type: ignore[operator]
        raise EngineError(f"recipe.{key}", f"{value!r} is not accepted.", f"Give {wanted} from {low:g} to {high:g}.")


def read_rows(manifest: Manifest) -> list[TrainingRow]:
    """The rows, after their hash was checked."""
    if (actual := file_sha256(manifest.rows)) != manifest.rows_sha256:
        raise EngineError(
            "rows_sha256",
            f"The rows hash to {actual}, the manifest says {manifest.rows_sha256}.",
            "Freeze the dataset again; the rows changed after the manifest was written.",
        )
    lines = manifest.rows.read_bytes().splitlines()  # of bytes: text has line ends of its own, such as U+2028
    rows = [read_row(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not any(row.kind == "pair" for row in rows):
        raise EngineError("rows", "There is no row of kind pair.", "Accept at least one correction first.")
    return rows


def read_row(number: int, line: bytes) -> TrainingRow:
    try:
        raw = json.loads(line)
        answer = raw["answer"]
        row = TrainingRow(
            kind=raw["kind"],
            skill=raw.get("skill", ""),
            asked=read(raw["messages"], raw.get("tools"), lenient=True) if "messages" in raw else raw["prompt"],
            answered=answer if isinstance(answer, str) else read_answer(answer, lenient=True),
            row_hash=raw.get("row_hash", ""),
        )
    except NotAConversation as cause:
        raise EngineError(f"rows[{number}].{cause.path}", cause.message, cause.remedy) from None
    except (ValueError, KeyError, TypeError, AttributeError) as cause:
        raise EngineError(f"rows[{number}]", f"Not a row: {cause!r}.", "Give kind, prompt and answer.") from None
    if row.kind not in ("pair", "replay") or not row.asked or not row.answered:
        raise EngineError(
            f"rows[{number}]", "Kind, prompt or answer is wrong.", "Kind is pair or replay, texts not empty."
        )
    return row
