"""Rows to tokens: the prompt as the chat template writes it, the answer, and which tokens are learnt."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerBase

from training.engine.errors import EngineError

IGNORED = -100
Message = dict[str, str]


@dataclass(frozen=True)
class Encoded:
    prompt: list[int]
    answer: list[int]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


def prompt_text(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> str:
    """The text up to where the model's answer begins."""
    return str(tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True))


def prompt_ids(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> list[int]:
    return list(tokenizer(prompt_text(tokenizer, messages), add_special_tokens=False)["input_ids"])


def encode(tokenizer: PreTrainedTokenizerBase, prompt: str, answer: str) -> Encoded:
    """One row. The answer's tokens end with the end-of-sequence token, so that the model learns to stop.

    Prompt and answer are tokenized apart: in use the prompt is tokenized alone, too.
    """
    question = [{"role": "user", "content": prompt}]
    before = prompt_text(tokenizer, question)
    turns = [*question, {"role": "assistant", "content": answer}]
    whole = str(tokenizer.apply_chat_template(turns, tokenize=False))
    if not whole.startswith(before):
        raise EngineError(
            "base_model",
            "Its chat template writes an answered question differently from an open one.",
            "Use a template where the open question is the beginning of the answered one.",
        )
    after = whole[len(before) :]
    if tokenizer.eos_token not in after:
        after += tokenizer.eos_token
    ids = tokenizer([before, after], add_special_tokens=False)["input_ids"]
    return Encoded(ids[0], ids[1])


def collate(batch: Sequence[Encoded], pad: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Token ids, attention mask and labels, each (batch, length), padded on the right.

    Labels are IGNORED except on answer tokens: questions are never learnt.
    """
    width = max(map(len, batch))
    ids = torch.full((len(batch), width), pad, dtype=torch.long)
    attention = torch.zeros_like(ids)
    labels = torch.full_like(ids, IGNORED)
    for i, row in enumerate(batch):
        ids[i, : len(row)] = torch.tensor(row.prompt + row.answer)
        attention[i, : len(row)] = 1
        labels[i, len(row.prompt) : len(row)] = torch.tensor(row.answer)
    return ids, attention, labels
