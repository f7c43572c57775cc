"""How long a row is for the base that is to learn it. Values only: who trains counts (`training/lengths.py`)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Length:
    """`tokens` of prompt and answer as the base reads them, of `limit` that it takes (None: it states no limit).

    `base` is its name, `tokenizer` the hash of what decides the count: counts of another are not compared. Without
    `tokens`, `problem` says why there is no count; `unwritable`: because the base has no way to write the text.
    """

    base: str
    tokenizer: str = ""
    tokens: int | None = None
    limit: int | None = None
    problem: str = ""
    unwritable: bool = False

    @property
    def too_long(self) -> bool:
        return self.tokens is not None and self.limit is not None and self.tokens > self.limit
