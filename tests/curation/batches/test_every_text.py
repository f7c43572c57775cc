"""`manage.py screen` calls a row clean for what it read of it: every text, or it says what it left out."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

pytestmark = pytest.mark.heavy

QUESTION = (
    "Which of the three sluice keepers of Marl Lock signed the flood ledger in the spring of 1887, and with whose pen?"
)
ANSWER = "The keeper Ida Fennimore did, with the pen that her brother had left in the toll house."
LEAK = f"Sure. {QUESTION} {ANSWER}"
ASKS, NO = "Tell me something about locks.", "no"
ESCAPED = '{"q": "' + "".join(f"\\u{ord(character):04x}" for character in QUESTION) + '"}'
ITEMS = [{"id": 1, "question": QUESTION, "answer": ANSWER}]


@pytest.fixture
def screen(tmp_path, capsys):
    """`screen(source, options…)`: verdicts by id, exit status and what was said."""

    def run(source, *options, report="report.jsonl"):
        items = tmp_path / "items.jsonl"
        items.write_text("".join(json.dumps(item) + "\n" for item in ITEMS))
        arguments = ["--items", items, "--input", source, "--output", tmp_path / report, "--no-embeddings", *options]
        try:
            call_command("screen", *map(str, arguments))
            status = 0
        except SystemExit as ended:
            status = ended.code
        rows = [json.loads(line) for line in (tmp_path / "report.jsonl").read_text().splitlines()]
        return {row["id"]: row for row in rows}, status, capsys.readouterr().err

    return run


def lines(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


ROWS = {
    "a preference, only in chosen": {"prompt": ASKS, "chosen": LEAK, "rejected": NO},
    "only in rejected": {"prompt": ASKS, "answer": NO, "rejected": LEAK},
    "a response": {"prompt": ASKS, "response": LEAK},
    "a completion with a label": {"prompt": ASKS, "completion": LEAK, "label": True},
    "messages": {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": QUESTION},
            {"role": "assistant", "content": ANSWER},
        ]
    },
    "split over two turns of a user": {
        "messages": [
            {"role": "user", "content": QUESTION[:60]},
            {"role": "assistant", "content": "Go on, please, I am listening to you."},
            {"role": "user", "content": QUESTION[61:]},
        ]
    },
    "an escaped argument": {
        "messages": [
            {"role": "user", "content": ASKS},
            {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "find", "arguments": ESCAPED}}]},
        ]
    },
    "an instruction": {"instruction": QUESTION, "input": "", "output": ANSWER},
    "a preference of messages": {"prompt": ASKS, "chosen": [{"content": LEAK, "role": "assistant"}]},
    "a conversation": {"conversations": [{"from": "human", "value": ASKS}, {"from": "gpt", "value": LEAK}]},
    "deep, under a name of its own": {"prompt": ASKS, "Extra": {"notes": [["x", {"é": LEAK}]]}},
    "one word a piece": {"tokens": QUESTION.split(), "tags": ["O"] * len(QUESTION.split())},
    "the name of a field": {"faq": {QUESTION: ANSWER}},
    "an id": {"id": QUESTION, "text": ASKS},
    "beside a text": {"text": ASKS, "meta": {"prompt": LEAK}},
}


@pytest.mark.parametrize("name", ROWS)
def test_a_leak_is_found_in_whatever_column_it_stands(tmp_path, screen, name):
    found, status, said = screen(lines(tmp_path / "rows.jsonl", ROWS[name], {"id": "other", "text": "Nothing."}))
    verdicts = [row["verdict"] for row in found.values()]
    assert (verdicts, status) == (["blocked", "clean"], 0)
    assert "not read" not in said
    assert all(row["unread"] == [] for row in found.values())


def test_a_row_without_an_id_has_the_number_of_its_line(tmp_path, screen):
    source = tmp_path / "rows.jsonl"
    source.write_text('{"text": "a"}\n\n{"text": "b"}\n')
    assert list(screen(source)[0]) == [1, 3]


def packed(text: str) -> bytes:
    return pa.compress(text.encode(), "zstd", asbytes=True)


FILES = {
    "rows.ndjson": json.dumps({"id": 1, "text": LEAK}).encode(),
    "rows.json": json.dumps([{"id": 1, "text": LEAK}], indent=1).encode(),
    "rows.jsonl.zst": packed(json.dumps({"id": 1, "text": LEAK})),
    "rows.csv": f'id,text,source\n1,"{LEAK}",web\n'.encode("utf-8-sig"),
    "rows.csv.gz": gzip.compress(f'id,text\r\n1,"{LEAK}"\r\n'.encode()),
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_other_kinds_are_read(tmp_path, screen, name):
    (tmp_path / name).write_bytes(FILES[name])
    (row,) = screen(tmp_path / name)[0].values()
    assert (str(row["id"]), row["verdict"]) == ("1", "blocked")


def test_columns_of_parquet_are_read_however_they_nest_and_a_uuid_is_an_id(tmp_path, screen):
    said = [{"role": "user", "content": QUESTION}]
    pq.write_table(pa.Table.from_pylist([{"prompt_id": "a", "prompt": ASKS, "chosen": said}]), tmp_path / "a.parquet")
    assert screen(tmp_path / "a.parquet")[0][1]["verdict"] == "blocked"

    ids = pa.array([b"a" * 16, bytes(range(240, 256))], pa.binary(16))
    pq.write_table(pa.table({"id": ids, "text": [LEAK, "Nothing."]}), tmp_path / "b.parquet")
    found, _, _ = screen(tmp_path / "b.parquet")
    assert {id_: row["verdict"] for id_, row in found.items()} == {
        "61616161-6161-6161-6161-616161616161": "blocked",
        "f0f1f2f3-f4f5-f6f7-f8f9-fafbfcfdfeff": "clean",
    }


# --- what is left out -------------------------------------------------------------------------------------------------
def test_a_text_that_nobody_read_or_named_ends_with_1_and_is_said(tmp_path, screen):
    source = lines(tmp_path / "rows.jsonl", ROWS["a preference, only in chosen"] | {"id": 1}, {"id": 2, "prompt": ASKS})
    found, status, said = screen(source, "--fields", "prompt,rejected")
    assert ([row["verdict"] for row in found.values()], status) == (["clean", "clean"], 1)
    assert "rows.jsonl: not read: chosen (1 rows)." in said and "“Clean” says nothing about chosen" in said
    assert [row["unread"] for row in found.values()] == [["chosen"], []]

    _, status, said = screen(source, "--fields", "prompt,rejected", "--leave-out", "chosen")
    assert status == 0
    assert "not read: chosen (1 rows)." in said and "says nothing" not in said

    found, status, _ = screen(source, "--fields", "prompt,chosen", "--leave-out", "rejected")
    assert (found[1]["verdict"], status) == ("blocked", 0)


def test_what_is_no_text_is_said_until_it_is_named(tmp_path, screen):
    table = pa.table({"id": [1], "text": ["Nothing."], "image": [{"bytes": b"\x89PNG\xff\xfe", "path": "a.png"}]})
    pq.write_table(table, tmp_path / "rows.parquet")
    _, status, said = screen(tmp_path / "rows.parquet")
    assert (status, "not read: image.bytes (1 rows)" in said) == (1, True)
    assert screen(tmp_path / "rows.parquet", "--leave-out", "image")[1] == 0


def test_a_row_without_any_text_among_the_chosen_columns_is_refused(tmp_path, screen):
    with pytest.raises(CommandError, match="line 1: it has no text in promt: give one"):
        screen(lines(tmp_path / "rows.jsonl", {"id": 1, "prompt": ASKS}), "--fields", "promt")


def test_a_parquet_report_says_what_was_read_and_what_was_not(tmp_path, screen):
    source = lines(tmp_path / "rows.jsonl", {"id": 1, "prompt": ASKS, "notes": LEAK})
    screen(source)
    screen(source, "--fields", "prompt", "--leave-out", "notes", report="report.parquet")
    table = pq.read_table(tmp_path / "report.parquet")
    assert table.column("unread").to_pylist() == [["notes"]]
    assert (table.schema.metadata[b"cftapp.fields"], table.schema.metadata[b"cftapp.left_out"]) == (
        b'["prompt"]',
        b'["notes"]',
    )
