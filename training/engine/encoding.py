"""Rows to tokens: the prompt as the chat template writes it, the answer, and nothing that a person wrote as a command.

The one place where messages become tokens: training, evaluation, serving and the count at screening all come here.
A control token of the base in somebody's text (`<|end|>`, `<|im_start|>`) is text like any other: only what the chat
template itself writes opens or ends a turn. No torch.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase
from transformers.utils.chat_template_utils import mark_control_tokens

from training.engine.errors import EngineError

Message = dict[str, str]


class Unencodable(EngineError):
    """Text that the base's tokenizer cannot write."""


@dataclass(frozen=True)
class Encoded:
    prompt: list[int]
    answer: list[int]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


def prompt_ids(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> list[int]:
    """The tokens up to where the model's answer begins."""
    return tokens(tokenizer, rendered(tokenizer, messages, open_ended=True))


def encode(tokenizer: PreTrainedTokenizerBase, prompt: str, answer: str) -> Encoded:
    """One row. The answer's tokens end with the end-of-sequence token, so that the model learns to stop.

    Prompt and answer are tokenized apart: in use the prompt is tokenized alone, too.
    """
    question = [{"role": "user", "content": prompt}]
    before = rendered(tokenizer, question, open_ended=True)
    whole = rendered(tokenizer, [*question, {"role": "assistant", "content": answer}], open_ended=False)
    if not whole.startswith(before):
        raise EngineError(
            "base_model",
            "Its chat template writes an answered question differently from an open one.",
            "Use a template where the open question is the beginning of the answered one.",
        )
    ids = tokens(tokenizer, whole[len(before) :])
    if tokenizer.eos_token_id not in ids:
        ids.append(tokenizer.eos_token_id)
    return Encoded(tokens(tokenizer, before), ids)


def rendered(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], *, open_ended: bool) -> str:
    """The conversation as the chat template writes it, with every control token that a message holds marked as text."""
    marked = mark_control_tokens(list(messages), control_tokens(tokenizer))
    return str(tokenizer.apply_chat_template(marked, tokenize=False, add_generation_prompt=open_ended))


def tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """The tokens of rendered text. Unencodable where the tokenizer cannot write a marked control token as text."""
    try:
        return list(tokenizer(text, add_special_tokens=False, sanitize_control_tokens=True)["input_ids"])
    except ValueError as cause:
        raise Unencodable(
            "text",
            "It holds a control token of the base model, whose tokenizer has no way to write it as text.",
            "Leave it out, or use a base whose tokenizer has one.",
        ) from cause


def control_tokens(tokenizer: PreTrainedTokenizerBase) -> re.Pattern[str]:
    """What only the chat template may write: special tokens, and those that it writes itself (`<tool_call>`).

    Other added tokens, such as runs of spaces, are how a model reads ordinary text.
    """
    added = tokenizer.added_tokens_decoder.values()
    template = str(tokenizer.get_chat_template())
    control = [token.content for token in added if token.special or is_written(token.content, template)]
    return re.compile("|".join(map(re.escape, sorted(control, key=len, reverse=True))) or "(?!)")


def is_written(token: str, template: str) -> bool:
    return not token.isspace() and token in template
