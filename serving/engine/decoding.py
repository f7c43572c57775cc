"""From logits to text, one token at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Sampling:
    """temperature 0 is greedy; seed makes sampling repeatable."""

    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None


class Sampler:
    """Chooses tokens; each request has its own random state."""

    def __init__(self, sampling: Sampling):
        self.sampling = sampling
        self.generator = torch.Generator()
        if sampling.seed is None:
            self.generator.seed()
        else:
            self.generator.manual_seed(sampling.seed)

    def choose(self, logits: torch.Tensor) -> int:
        """A token from (vocabulary,) logits."""
        if self.sampling.temperature == 0:
            return int(logits.argmax())
        probabilities = torch.softmax(logits.float().cpu() / self.sampling.temperature, dim=-1)
        if self.sampling.top_p < 1:
            probabilities = nucleus(probabilities, self.sampling.top_p)
        return int(torch.multinomial(probabilities, 1, generator=self.generator))


def nucleus(probabilities: torch.Tensor, top_p: float) -> torch.Tensor:
    """Keep the fewest most likely tokens that reach top_p together (Holtzman et al. 2019, arXiv 1904.09751)."""
    ordered, index = probabilities.sort(descending=True)
    before = ordered.cumsum(0) - ordered
    kept = torch.zeros_like(probabilities)
    kept[index[before < top_p]] = ordered[before < top_p]
    return kept


class TextStream:
    """Turns tokens into text as they come, holding back bytes that do not make a whole character yet."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase):
        self.tokenizer = tokenizer
        self.ids: list[int] = []
        self.shown, self.read = 0, 0
        self.begun = False

    def add(self, token: int) -> str:
        """The text that the token adds; space before the first word is dropped."""
        self.ids.append(token)
        before = self._decode(self.ids[self.shown : self.read])
        after = self._decode(self.ids[self.shown :])
        if len(after) <= len(before) or after.endswith("\ufffd"):
            return ""
        self.shown, self.read = self.read, len(self.ids)
        text = after[len(before) :]
        if not self.begun:
            text = text.lstrip()
            self.begun = bool(text)
        return text

    def _decode(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=True))


class StopFilter:
    """Ends the text before the first stop string, never letting a part of one through."""

    def __init__(self, stops: Sequence[str]):
        self.stops = [stop for stop in stops if stop]
        self.held = ""
        self.stopped = False

    def add(self, text: str) -> str:
        """The text that can be shown by now; after a stop string `stopped` is true."""
        self.held += text
        found = [at for stop in self.stops if (at := self.held.find(stop)) >= 0]
        if found:
            self.stopped = True
            return self._release(min(found))
        return self._release(len(self.held) - self._partial())

    def flush(self) -> str:
        """What was held back, once it is known that no stop string will follow."""
        return "" if self.stopped else self._release(len(self.held))

    def _release(self, count: int) -> str:
        shown, self.held = self.held[:count], self.held[count:]
        return shown

    def _partial(self) -> int:
        """Length of the longest end of the text that begins a stop string."""
        lengths = [n for stop in self.stops for n in range(1, len(stop)) if self.held.endswith(stop[:n])]
        return max(lengths, default=0)
