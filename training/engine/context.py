"""How much a base takes at a time, from its configuration alone."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# What kinds of models call the most tokens that prompt and answer may have together.
NAMES = ("max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length", "seq_length", "n_ctx")


def context_length(config: Mapping[str, Any]) -> int | None:
    """The most tokens that prompt and answer may have together, by the model's configuration; None if it says none."""
    text_part = config.get("text_config")
    for part in (config, text_part if isinstance(text_part, Mapping) else {}):
        for name in NAMES:
            if isinstance(part.get(name), int) and part[name] > 0:
                return int(part[name])
    return None


def context_of(folder: Path) -> int | None:
    """The context of the base in a folder. OSError or ValueError where its `config.json` cannot be read."""
    return context_length(json.loads((folder / "config.json").read_text()))
