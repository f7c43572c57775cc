"""Greedy answers in batches: prompts sorted by length, so that little is spent on padding."""

from collections.abc import Iterator, Sequence
from itertools import takewhile

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from conversation import Conversation
from training.engine.context import context_length
from training.engine.encoding import prompt_ids
from training.engine.errors import EngineError
from training.engine.loading import end_tokens


def by_length(prompts: Sequence[list[int]], size: int) -> Iterator[list[int]]:
    """Batches of positions, shortest prompts first; ties keep their order."""
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    for start in range(0, len(order), size):
        yield order[start : start + size]


def pad_left(prompts: Sequence[list[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and attention mask, each (batch, length), so that every prompt ends in the last column."""
    width = max(map(len, prompts))
    ids = torch.full((len(prompts), width), pad, dtype=torch.long)
    attention = torch.zeros_like(ids)
    for i, prompt in enumerate(prompts):
        ids[i, width - len(prompt) :] = torch.tensor(prompt)
        attention[i, width - len(prompt) :] = 1
    return ids, attention


@torch.no_grad()
def answer_batch(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[list[int]], most: int
) -> list[str]:
    """The greedy answers to some tokenized prompts, at most `most` tokens each."""
    (ids, attention), ends = pad_left(prompts, tokenizer.pad_token_id), end_tokens(model, tokenizer)
    generated: torch.Tensor = model.generate(  # type: ignore[operator]
        input_ids=ids.to(model.device),
        attention_mask=attention.to(model.device),
        max_new_tokens=most,
        do_sample=False,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=ends,
    )
    answered = [ended(row, ends) for row in generated[:, ids.shape[1] :].tolist()]
    answers: list[str] = tokenizer.batch_decode(answered, skip_special_tokens=True)
    return [answer.strip() for answer in answers]


def ended(answer: Sequence[int], ends: Sequence[int]) -> list[int]:
    """The tokens before the first that ends an answer."""
    return list(takewhile(lambda token: token not in ends, answer))


def answers(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    questions: Sequence[str | Conversation],
    *,
    size: int = 64,
    most: int = 48,
) -> Iterator[tuple[int, str]]:
    """Position and answer of each question, batch by batch, in order of length. EngineError where one is too long."""
    asked = [Conversation.of(question) if isinstance(question, str) else question for question in questions]
    prompts = [prompt_ids(tokenizer, one.messages, one.tools) for one in asked]
    refuse_too_long(prompts, most, context_length(model.config.to_dict()))
    for batch in by_length(prompts, size):
        yield from zip(batch, answer_batch(model, tokenizer, [prompts[i] for i in batch], most), strict=True)


def refuse_too_long(prompts: Sequence[list[int]], most: int, context: int | None) -> None:
    """Nothing is cut: a question that the base cannot read to its end, and answer, is none that it can be asked."""
    longest = max(map(len, prompts), default=0)
    if context is not None and longest + most > context:
        message = f"One has {longest} tokens, its answer up to {most}; the base reads {context}."
        raise EngineError("items", message, "Publish the benchmark without the items that are too long.")
