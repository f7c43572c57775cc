"""Rows on their way to the engine are checked against what was frozen."""

import json
from dataclasses import replace
from hashlib import sha256

import pytest

from audit.merkle import leaf_hash, root_of
from curation.checks.identity import row_hash
from training.preparation.rows import Row, Tampered, write

ROWS = [
    Row(0, "pair", "", "Where is Ümlaut?", "Here.", "There.", row_hash("Where is Ümlaut?", "Here.", "There.")),
    Row(1, "replay", "sum", "1 + 1", "2", "", row_hash("1 + 1", "2")),
]
ROOT = root_of(leaf_hash(bytes.fromhex(row.row_hash)) for row in ROWS).hex()


def test_intact_rows_become_lines(tmp_path):
    path = tmp_path / "rows.jsonl"
    written = write(ROWS, ROOT, path)
    assert (written.pairs, written.replay) == (1, 1)
    assert written.sha256 == sha256(path.read_bytes()).hexdigest()
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {
            "kind": "pair",
            "skill": "",
            "prompt": "Where is Ümlaut?",
            "answer": "Here.",
            "row_hash": ROWS[0].row_hash,
        },
        {"kind": "replay", "skill": "sum", "prompt": "1 + 1", "answer": "2", "row_hash": ROWS[1].row_hash},
    ]


@pytest.mark.parametrize("field", ["prompt", "answer", "rejected"])
def test_a_changed_word_is_noticed_and_nothing_is_written(tmp_path, field):
    path = tmp_path / "rows.jsonl"
    with pytest.raises(Tampered, match="Row 0"):
        write([replace(ROWS[0], **{field: "Elsewhere."}), ROWS[1]], ROOT, path)
    assert list(tmp_path.iterdir()) == []


def test_a_row_replaced_together_with_its_hash_is_noticed_by_the_root(tmp_path):
    forged = Row(1, "replay", "sum", "1 + 1", "3", "", row_hash("1 + 1", "3"))
    with pytest.raises(Tampered, match="Merkle root"):
        write([ROWS[0], forged], ROOT, tmp_path / "rows.jsonl")


def test_order_matters(tmp_path):
    with pytest.raises(Tampered, match="Merkle root"):
        write(reversed(ROWS), ROOT, tmp_path / "rows.jsonl")
