"""Decoding: from logits to tokens to text, one token at a time."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Sampling:
    """Sampling parameters, as OpenAI and vLLM name them; the defaults change nothing.

    `temperature` 0 is greedy; `seed` makes sampling repeatable; `top_k` 0 keeps all; `logit_bias` is by token id.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    top_k: int = 0
    min_p: float = 0.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    logit_bias: Mapping[int, float] = field(default_factory=dict)

    @property
    def adjusts_logits(self) -> bool:
        penalties = self.presence_penalty, self.frequency_penalty, self.repetition_penalty
        return bool(self.logit_bias) or penalties != (0, 0, 1)


class Sampler:
    """Samples the tokens of one answer to `prompt` (token ids); each request has its own random state."""

    def __init__(self, sampling: Sampling, prompt: Sequence[int] = ()):
        self.sampling, self.prompt = sampling, frozenset(prompt)
        self.answered: Counter[int] = Counter()
        self.generator = torch.Generator()
        if sampling.seed is None:
            self.generator.seed()
        else:
            self.generator.manual_seed(sampling.seed)

    def sample(self, logits: torch.Tensor) -> int:
        """The id of a token, from (vocabulary,) logits; it counts as answered from then on."""
        if self.sampling.adjusts_logits:
            logits = adjusted(logits.float().cpu(), self.sampling, self.prompt, self.answered)
        token = self._choose(logits)
        self.answered[token] += 1
        return token

    def _choose(self, logits: torch.Tensor) -> int:
        if self.sampling.temperature == 0:
            return int(logits.argmax())
        logits = logits.float().cpu() / self.sampling.temperature
        probabilities = torch.softmax(likely(logits, self.sampling.min_p, self.sampling.top_k), dim=-1)
        if self.sampling.top_p < 1:
            probabilities = top_p_filter(probabilities, self.sampling.top_p)
        return int(torch.multinomial(probabilities, 1, generator=self.generator))


def adjusted(
    logits: torch.Tensor, sampling: Sampling, prompt: Iterable[int], answered: Mapping[int, int]
) -> torch.Tensor:
    """Logits with bias and penalties, (vocabulary,) in and out. `answered`: how often each token was answered so far.

    Presence and frequency: `logit - presence * (count > 0) - frequency * count`, over the answer
    (https://platform.openai.com/docs/advanced-usage). Repetition, over prompt and answer: a positive logit is divided
    by it, a negative multiplied (Keskar et al. 2019, arXiv 1909.05858, section 4.1).
    """
    logits = logits.clone()
    for token, bias in sampling.logit_bias.items():
        logits[token] += bias
    if sampling.repetition_penalty != 1 and (seen := sorted({*prompt, *answered})):
        values = logits[seen]
        logits[seen] = torch.where(
            values > 0, values / sampling.repetition_penalty, values * sampling.repetition_penalty
        )
    if answered:
        counts = torch.tensor(list(answered.values()), dtype=logits.dtype)
        logits[list(answered)] -= sampling.presence_penalty + sampling.frequency_penalty * counts
    return logits


def likely(logits: torch.Tensor, min_p: float, top_k: int) -> torch.Tensor:
    """Logits of the `top_k` likeliest tokens (0: all) that are at least `min_p` times as likely as the likeliest.

    Others become minus infinity; equals of the last one stay. min_p: Nguyen et al. 2024, arXiv 2407.01082.
    """
    least = logits.max() + math.log(min_p) if min_p > 0 else torch.tensor(-math.inf)
    if 0 < top_k < len(logits):
        least = torch.maximum(least, logits.topk(top_k).values[-1])
    return logits.masked_fill(logits < least, -math.inf)


def top_p_filter(probabilities: torch.Tensor, top_p: float) -> torch.Tensor:
    """Nucleus sampling (Holtzman et al. 2019, arXiv 1904.09751): the fewest most likely tokens that reach `top_p`.

    (vocabulary,) probabilities in and out; all others become 0.
    """
    ordered, index = probabilities.sort(descending=True)
    likelier = ordered.cumsum(0) - ordered  # the probability of all tokens that are likelier
    nucleus = torch.zeros_like(probabilities)
    nucleus[index[likelier < top_p]] = ordered[likelier < top_p]
    return nucleus


def likelihood(tokenizer: PreTrainedTokenizerBase, logits: torch.Tensor, token: int, most: int) -> dict[str, Any]:
    """OpenAI's entry for a token: its log probability under the model itself, and those of its `most` likeliest rivals.

    (vocabulary,) logits as the model gives them, before temperature, penalties and cuts.
    """
    scores = torch.log_softmax(logits.float().cpu(), dim=-1)

    def entry(token: int) -> dict[str, Any]:
        text = str(tokenizer.decode([token]))
        whole = None if "\ufffd" in text else list(text.encode())  # a part of a character is no text of its own
        return {"token": text, "logprob": float(scores[token]), "bytes": whole}

    return {**entry(token), "top_logprobs": [entry(int(rival)) for rival in scores.topk(most).indices]}


class TextStream:
    """Incremental detokenization: tokens to text as they come, without bytes that make no whole character yet."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase):
        self.tokenizer = tokenizer
        self.ids: list[int] = []
        self.prefix_offset, self.read_offset = 0, 0  # the text up to the read offset has been returned
        self.has_text = False

    def add(self, token: int) -> str:
        """The text that the token adds; white space before the first word is dropped."""
        self.ids.append(token)
        before = self._decode(self.ids[self.prefix_offset : self.read_offset])
        after = self._decode(self.ids[self.prefix_offset :])
        if len(after) <= len(before) or after.endswith("\ufffd"):
            return ""
        self.prefix_offset, self.read_offset = self.read_offset, len(self.ids)
        text = after[len(before) :]
        if not self.has_text:
            text = text.lstrip()
            self.has_text = bool(text)
        return text

    def _decode(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=True))


class StopFilter:
    """Ends the text before the first stop string, never letting a part of one through."""

    def __init__(self, stops: Sequence[str]):
        self.stops = [stop for stop in stops if stop]
        self.buffer = ""
        self.stopped = False

    def add(self, text: str) -> str:
        """The text that may be returned by now; after a stop string `stopped` is true."""
        self.buffer += text
        positions = [position for stop in self.stops if (position := self.buffer.find(stop)) >= 0]
        if positions:
            self.stopped = True
            return self._take(min(positions))
        return self._take(len(self.buffer) - self._partial_stop_length())

    def flush(self) -> str:
        """The text that was held back, once it is known that no stop string will follow."""
        return "" if self.stopped else self._take(len(self.buffer))

    def _take(self, count: int) -> str:
        text, self.buffer = self.buffer[:count], self.buffer[count:]
        return text

    def _partial_stop_length(self) -> int:
        """Length of the longest suffix of the text that begins a stop string."""
        lengths = [n for stop in self.stops for n in range(1, len(stop)) if self.buffer.endswith(stop[:n])]
        return max(lengths, default=0)
