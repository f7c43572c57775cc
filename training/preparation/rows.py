"""The rows of a run as the engine reads them, checked against the hashes that the dataset was frozen with."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from audit.merkle import leaf_hash, root_of
from cftapp.base import files
from conversation import Conversation, answer_of
from curation.checks.identity import row_hash


class Tampered(Exception):
    """What is stored is not what was frozen."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a dataset; `row_hash` is the hash that was frozen. `rejected` is hashed, not trained on.

    `conversation` and the messages are JSON as it is stored: empty where the texts say it all.
    """

    position: int
    kind: str
    skill: str
    prompt: str
    answer: str
    rejected: str
    row_hash: str
    conversation: str = ""
    answer_message: str = ""
    rejected_message: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: the sha256 of the file, and how many rows of each kind."""

    sha256: str
    pairs: int
    replay: int


def write(rows: Iterable[Row], merkle_root: str, path: Path) -> Written:
    """Write the rows as JSON lines and verify each of them and their Merkle root. Raises Tampered, leaving no file."""
    file_hash, leaves, counts = sha256(), [], {"pair": 0, "replay": 0}
    with files.replacing(path, durable=False) as file:
        for row in rows:
            leaves.append(checked_leaf(row))
            counts[row.kind] += 1
            line = encode(row)
            file_hash.update(line)
            file.write(line)
        if (root := root_of(leaves).hex()) != merkle_root:
            raise Tampered(f"The rows have the Merkle root {root}, the dataset was frozen with {merkle_root}.")
    return Written(file_hash.hexdigest(), counts["pair"], counts["replay"])


def checked_leaf(row: Row) -> bytes:
    """The row's Merkle leaf, after hashing its words again. Raises Tampered."""
    stored = row.conversation, row.answer_message, row.rejected_message
    if (actual := row_hash(row.prompt, row.answer, row.rejected, *stored)) != row.row_hash:
        raise Tampered(
            f"Row {row.position} ({row.kind}) hashes to {actual}, but {row.row_hash} was frozen: its words were "
            "changed afterwards."
        )
    return leaf_hash(bytes.fromhex(row.row_hash))


def encode(row: Row) -> bytes:
    """One line of rows.jsonl, the same bytes for the same row: two texts for the short form, else messages."""
    line = {"kind": row.kind, "skill": row.skill, **words_of(row), "row_hash": row.row_hash}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def words_of(row: Row) -> dict[str, Any]:
    if not row.conversation and not row.answer_message:
        return {"prompt": row.prompt, "answer": row.answer}
    asked = Conversation.of(row.prompt, row.conversation)
    tools = {"tools": asked.tools} if asked.tools else {}
    return {"messages": asked.messages, **tools, "answer": answer_of(row.answer, row.answer_message)}
