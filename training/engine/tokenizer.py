"""A base's tokenizer, from its folder. No torch, unless all of a base is loaded anyway."""

from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast
from transformers.tokenization_utils_base import VERY_LARGE_INTEGER

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
    tokenizer.model_max_length = VERY_LARGE_INTEGER  # it would only warn, on stderr: whoever asks looks at the length
    return tokenizer
