"""Rows as the base can take them: whole, cut from the left at a turn's border, or left out, as the recipe says.

Nothing is cut or left out in silence: what was is counted in the metrics, the log and the result.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from transformers import PreTrainedTokenizerBase

from conversation import Conversation, Message
from training.engine.encoding import Encoded, Unencodable, encode
from training.engine.errors import EngineError
from training.engine.manifest import Recipe, TrainingRow


@dataclass
class Fitted:
    """The rows that are learnt and their tokens, and the numbers (from 1) of those that were cut or left out."""

    rows: list[TrainingRow] = field(default_factory=list)
    encoded: list[Encoded] = field(default_factory=list)
    cut: list[int] = field(default_factory=list)
    left_out: list[int] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        return {"rows_cut": len(self.cut), "rows_left_out": len(self.left_out)}


def fit(rows: Sequence[TrainingRow], tokenizer: PreTrainedTokenizerBase, recipe: Recipe, context: int | None) -> Fitted:
    """The rows by the recipe's policy. EngineError for a row that it refuses, or where no pair is left.

    `refuse`: none may be longer than max_length. `keep`: up to the base's context, whatever max_length is. `cut_left`:
    the oldest turns of a conversation go until it fits. What cannot be made to fit by the last two is left out.
    """
    fitted, most = Fitted(), most_tokens(recipe, context)
    for number, row in enumerate(rows, 1):
        encoded = encoded_row(number, row, tokenizer, recipe)
        if recipe.too_long == "refuse":
            refuse_too_long(number, encoded, recipe.max_length, context)
        elif most is not None and len(encoded) > most:
            shorter = cut(number, row, tokenizer, recipe, most) if recipe.too_long == "cut_left" else None
            (fitted.cut if shorter else fitted.left_out).append(number)
            if shorter is None:
                continue
            encoded = shorter
        fitted.rows.append(row)
        fitted.encoded.append(encoded)
    if not any(row.kind == "pair" for row in fitted.rows):
        message = f"Every pair is longer than the {most} tokens that this run takes."
        raise EngineError("rows", message, "Train a base with a longer context, or freeze other pairs.")
    return fitted


def most_tokens(recipe: Recipe, context: int | None) -> int | None:
    """How many tokens a row may have; None where the base states no context and the recipe keeps all."""
    if recipe.too_long == "keep":
        return context
    return recipe.max_length if context is None else min(recipe.max_length, context)


def encoded_row(number: int, row: TrainingRow, tokenizer: PreTrainedTokenizerBase, recipe: Recipe) -> Encoded:
    try:
        return encode(tokenizer, row.asked, row.answered, recipe.loss)
    except Unencodable as cause:
        where = "" if cause.field == "text" else f".{cause.field}"
        raise EngineError(f"rows[{number}]{where}", cause.message, cause.remedy) from cause


def refuse_too_long(number: int, encoded: Encoded, max_length: int, context: int | None) -> None:
    if context is not None and len(encoded) > context:
        message = f"It is {len(encoded)} tokens long, the base model takes {context}."
        raise EngineError(f"rows[{number}]", message, "Leave the row out, or train a base with a longer context.")
    if len(encoded) > max_length:
        message = f"It is {len(encoded)} tokens long, recipe.max_length is {max_length}."
        raise EngineError(f"rows[{number}]", message, "Raise max_length, or leave the row out.")


def cut(number: int, row: TrainingRow, tokenizer: PreTrainedTokenizerBase, recipe: Recipe, most: int) -> Encoded | None:
    """The row without its oldest turns, as few as will do; None where its last turn alone is too long."""
    if isinstance(row.asked, str):
        return None
    head, turns = turns_of(row.asked)

    def without(oldest: int) -> Encoded:
        kept = [message for turn in turns[oldest:] for message in turn]
        shorter = replace(row, asked=Conversation([*head, *kept], row.asked.tools))  # type: ignore[union-attr]
        return encoded_row(number, shorter, tokenizer, recipe)

    oldest = bisect_left(range(len(turns)), True, lo=1, key=lambda dropped: len(without(dropped)) <= most)
    return without(oldest) if oldest < len(turns) else None


def turns_of(conversation: Conversation) -> tuple[list[Message], list[list[Message]]]:
    """What always stays (the system's messages at the beginning), and the turns: each from a question to the next.

    Calls and their results lie between two questions, so neither is ever without the other.
    """
    messages = conversation.messages
    first = next((i for i, message in enumerate(messages) if message["role"] not in ("system", "developer")), 0)
    turns: list[list[Message]] = []
    for message in messages[first:]:
        if message["role"] == "user" or not turns:
            turns.append([])
        turns[-1].append(message)
    return messages[:first], turns
