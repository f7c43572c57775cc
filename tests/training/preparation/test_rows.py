"""Rows on their way to the engine are checked against what was frozen."""

import json
from dataclasses import replace
from hashlib import sha256

import pytest
import rfc8785

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


ASKED = {
    "messages": [
        {"role": "system", "content": "You answer for the harbour."},
        {"role": "user", "content": "Who keeps the tide book?"},
        {"role": "assistant", "content": "The pilot keeps it."},
        {"role": "user", "content": "And when is it bound?"},
    ],
    "tools": [{"type": "function", "function": {"name": "book"}}],
}
CALL = {"id": "c1", "type": "function", "function": {"name": "book", "arguments": "{}"}}
ANSWER = {"role": "assistant", "tool_calls": [CALL]}


def conversation_row(**changes):
    canonical = tuple(rfc8785.dumps(value).decode() for value in (ASKED, ANSWER))
    words = ("user: …", "[calls book({})]", "Never.")
    row = Row(0, "pair", "", *words, row_hash(*words, *canonical, ""), *canonical)
    return replace(row, **changes)


def root_of_one(row):
    return root_of([leaf_hash(bytes.fromhex(row.row_hash))]).hex()


def test_a_conversation_becomes_messages_and_tools(tmp_path):
    row = conversation_row()
    write([row], root_of_one(row), tmp_path / "rows.jsonl")
    [line] = (tmp_path / "rows.jsonl").read_text().splitlines()
    assert json.loads(line) == {"kind": "pair", "skill": "", **ASKED, "answer": ANSWER, "row_hash": row.row_hash}


def test_a_question_answered_by_a_call_is_written_as_messages_too(tmp_path):
    words, called = ("Book?", "[calls book({})]"), rfc8785.dumps(ANSWER).decode()
    row = Row(0, "replay", "tools", *words, "", row_hash(*words, "", "", called, ""), "", called)
    write([row], root_of_one(row), tmp_path / "rows.jsonl")
    line = json.loads((tmp_path / "rows.jsonl").read_text())
    assert line["messages"] == [{"role": "user", "content": "Book?"}] and line["answer"] == ANSWER
    assert "prompt" not in line and "tools" not in line


@pytest.mark.parametrize("field", ["conversation", "answer_message", "rejected_message"])
def test_a_changed_message_is_noticed(tmp_path, field):
    row = conversation_row(**{field: '{"content":"Elsewhere.","role":"assistant"}'})
    with pytest.raises(Tampered, match="Row 0"):
        write([row], root_of_one(row), tmp_path / "rows.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_lines_of_the_short_form_are_what_they_always_were(tmp_path):
    """Byte for byte: the runs of before are reproduced by it."""
    write(ROWS, ROOT, tmp_path / "rows.jsonl")
    written = sha256((tmp_path / "rows.jsonl").read_bytes()).hexdigest()
    assert written == "9f80bb1ff5bff4875aeb16966651992dfa278884389aa518651816853bee5f12"
