"""Decoding: from logits to tokens to text, one token at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Sampling:
    """Sampling parameters. `temperature` 0 is greedy; `seed` makes sampling repeatable."""

    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None


class Sampler:
    """Samples tokens; each request has its own random state."""

    def __init__(self, sampling: Sampling):
        self.sampling = sampling
        self.generator = torch.Generator()
        if sampling.seed is None:
            self.generator.seed()
        else:
            self.generator.manual_seed(sampling.seed)

    def sample(self, logits: torch.Tensor) -> int:
        """The id of a token, from (vocabulary,) logits."""
        if self.sampling.temperature == 0:
            return int(logits.argmax())
        probabilities = torch.softmax(logits.float().cpu() / self.sampling.temperature, dim=-1)
        if self.sampling.top_p < 1:
            probabilities = top_p_filter(probabilities, self.sampling.top_p)
        return int(torch.multinomial(probabilities, 1, generator=self.generator))


def top_p_filter(probabilities: torch.Tensor, top_p: float) -> torch.Tensor:
    """Nucleus sampling (Holtzman et al. 2019, arXiv 1904.09751): the fewest most likely tokens that reach `top_p`.

    (vocabulary,) probabilities in and out; all others become 0.
    """
    ordered, index = probabilities.sort(descending=True)
    likelier = ordered.cumsum(0) - ordered  # the probability of all tokens that are likelier
    nucleus = torch.zeros_like(probabilities)
    nucleus[index[likelier < top_p]] = ordered[likelier < top_p]
    return nucleus


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
