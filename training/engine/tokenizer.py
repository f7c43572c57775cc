"""A base's tokenizer and how much the base takes, from its folder. No torch."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from training.engine.errors import EngineError

# For a base model without a chat template; training and serving use the same one, so answers come out as
# learnt.
FALLBACK_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "Assistant:{% generation %} {{ message['content'] }}{{ eos_token }}{% endgeneration %}\n"
    "{% else %}{{ message['role'] | capitalize }}: {{ message['content'] }}\n{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
# What kinds of models call the most tokens that prompt and answer may have together.
CONTEXT_NAMES = ("max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length", "seq_length", "n_ctx")


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer, padding on the left, with a padding token and a chat template in any case. Loads torch."""
    from transformers import AutoTokenizer

    return prepared(folder, AutoTokenizer)


def load_counter(folder: Path) -> PreTrainedTokenizerBase:
    """The same from `tokenizer.json` alone, for who only counts: a fifth of the memory."""
    return prepared(folder, PreTrainedTokenizerFast)


def prepared(folder: Path, kind: Any) -> PreTrainedTokenizerBase:
    try:
        tokenizer: PreTrainedTokenizerBase = kind.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as cause:
        raise EngineError("base_model", f"{folder} holds no tokenizer: {cause}", "Add its files.") from cause
    if tokenizer.eos_token is None:
        raise EngineError("base_model", "The tokenizer has no end-of-sequence token.", "Set eos_token in it.")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if not tokenizer.chat_template:
        tokenizer.chat_template = FALLBACK_TEMPLATE
    tokenizer.padding_side = "left"
    return tokenizer


def context_length(config: Mapping[str, Any]) -> int | None:
    """The most tokens that prompt and answer may have together, by the model's configuration; None if it says none."""
    text_part = config.get("text_config")
    for part in (config, text_part if isinstance(text_part, Mapping) else {}):
        for name in CONTEXT_NAMES:
            if isinstance(part.get(name), int) and part[name] > 0:
                return int(part[name])
    return None


def context_of(folder: Path) -> int | None:
    """The context of the base in a folder, from its `config.json`. OSError or ValueError where it cannot be read."""
    return context_length(json.loads((folder / "config.json").read_text()))
