"""The worked example on a real cluster of two worker processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.batches import row_files, row_screening
from curation.decontamination.registry import Registry
from tests.curation.conftest import EXAM, KEY
from tests.support.stack import ROOT

pytestmark = pytest.mark.slow

LEAK = EXAM[0][2]
PARTITIONS, ROWS = 5, 40


@pytest.fixture
def rows(tmp_path) -> Path:
    """Five partitions of forty rows, one of each a leak; the last has prompts and answers."""
    folder = tmp_path / "rows"
    folder.mkdir()
    for number in range(PARTITIONS):
        texts = [LEAK if n == number else f"Row {n} of {number} is about tea." for n in range(ROWS)]
        ids = [f"{number}-{n}" for n in range(ROWS)]
        columns = {"id": ids, "text": texts} if number < 4 else {"id": ids, "prompt": texts, "answer": [None] * ROWS}
        pq.write_table(pa.table(columns), folder / f"part-{number}.parquet")
    return folder


def example(*arguments, **environment) -> "subprocess.CompletedProcess[str]":
    given = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [sys.executable, "-m", "examples.screen_with_dask", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=given | environment, capture_output=True, text=True, timeout=300)


def test_two_workers_screen_partitions_against_one_registry_file(rows, tmp_path, exam):
    file = tmp_path / "epoch.cftreg"
    file.write_bytes(Registry.build(EXAM, KEY))
    done = example(
        "--registry", file, "--epoch", 3, "--input", rows, "--output", tmp_path / "out", CFT_REGISTRY_KEY=KEY.hex()
    )

    assert done.returncode == 0, done.stderr
    assert "200 rows: 195 clean, 5 blocked (exact 5). Every row is in the report once." in done.stdout
    reports = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in reports] == [f"part-{n}.parquet" for n in range(PARTITIONS)]
    whole = pa.concat_tables([pq.read_table(path) for path in reports])
    types = {name: str(whole.schema.field(name).type) for name in ("row_id", "item_id", "method", "score", "epoch")}
    assert types == {"row_id": "string", "item_id": "string", "method": "string", "score": "double", "epoch": "int32"}
    assert len(set(whole.column("row_id").to_pylist())) == PARTITIONS * ROWS
    blocked = whole.filter(pa.compute.is_valid(whole.column("item_id"))).to_pylist()
    assert [(row["row_id"], row["item_id"], row["epoch"]) for row in blocked] == [
        (f"{n}-{n}", "item-train", 3) for n in range(PARTITIONS)
    ]

    alone = [verdict for path in sorted(rows.iterdir()) for verdict in verdicts(path, exam)]
    assert [(row["row_id"], row["score"], row["method"]) for row in whole.to_pylist()] == alone


def verdicts(path, registry):
    """What the same function says in this process."""
    records = [row for some in row_screening.screened(row_files.read_rows(path), registry) for row in some]
    return [(record["id"], record["score"], record["method"]) for record in records]


def test_a_throw_away_registry_of_items_will_do(rows, tmp_path):
    items = tmp_path / "items.jsonl"
    items.write_text(json.dumps({"id": "train", "question": LEAK}) + "\n")
    done = example(
        "--items", items, "--input", rows, "--output", tmp_path / "out", "--workers", 2, CFT_EMBEDDING_MODEL="off"
    )
    assert done.returncode == 0, done.stderr
    assert "5 blocked" in done.stdout


def test_partitions_in_folders_and_ids_of_any_kind(rows, tmp_path):
    """As Hive names them; two have one name. What a writer has not finished is no partition."""
    for number, folder in ((0, "day=1/hour=0"), (1, "day=2"), (2, "_temporary/0")):
        (rows / folder).mkdir(parents=True)
        (rows / f"part-{number}.parquet").rename(rows / folder / "part-0.parquet")
    items, out = tmp_path / "items.jsonl", rows / "reports"
    items.write_text('{"id": "\\ud800", "question": ' + json.dumps(LEAK) + "}\n")
    given = ("--items", items, "--input", rows, "--output", out, "--workers", 1)
    for _ in range(2):  # the second time the reports are there
        done = example(*given, CFT_EMBEDDING_MODEL="off")
        assert done.returncode == 0, done.stderr
        assert "160 rows: 156 clean, 4 blocked (exact 4)" in done.stdout
    reports = sorted(str(path.relative_to(out)) for path in out.rglob("*.parquet"))
    assert reports == ["day=1/hour=0/part-0.parquet", "day=2/part-0.parquet", "part-3.parquet", "part-4.parquet"]
    named = pq.ParquetFile(out / "day=2" / "part-0.parquet").read(["row_id", "item_id"]).to_pylist()
    assert {"row_id": "1-1", "item_id": "?"} in named


def test_the_thresholds_of_a_saved_policy_count(rows, tmp_path):
    file, policy = tmp_path / "epoch.cftreg", tmp_path / "policy.json"
    file.write_bytes(Registry.build(EXAM, KEY))
    policy.write_text('{"containment_limit": 0.4}')
    given = ("--registry", file, "--policy", policy, "--input", rows, "--workers", 1)
    done = example(*given, "--output", tmp_path / "out", CFT_REGISTRY_KEY=KEY.hex())
    assert done.returncode == 0, done.stderr
    metadata = pq.read_schema(tmp_path / "out" / "part-0.parquet").metadata
    assert json.loads(metadata[b"cftapp.policy"])["containment_limit"] == 0.4

    policy.write_text('{"containment": 0.4}')
    refused = example(*given, "--output", tmp_path / "out", CFT_REGISTRY_KEY=KEY.hex())
    assert (refused.returncode, "'containment' is no threshold" in refused.stderr) == (2, True)


def test_reports_never_replace_their_partitions(rows, tmp_path):
    items = tmp_path / "items.jsonl"
    items.write_text(json.dumps({"id": "train", "question": LEAK}) + "\n")
    before = {path.name: path.read_bytes() for path in rows.iterdir()}
    done = example("--items", items, "--input", rows, "--output", rows, "--workers", 1, CFT_EMBEDDING_MODEL="off")
    assert (done.returncode, "it is the input" in done.stderr) == (2, True)
    assert {path.name: path.read_bytes() for path in rows.iterdir()} == before


def test_a_folder_without_partitions_and_a_missing_key_are_told(tmp_path):
    items = tmp_path / "items.jsonl"
    items.write_text('{"id": 1, "question": "Who owns the red kettle?"}\n')
    empty = example(
        "--items", items, "--input", tmp_path, "--output", tmp_path / "out", "--workers", 1, CFT_EMBEDDING_MODEL="off"
    )
    assert (empty.returncode, "there is no *.parquet in it" in empty.stderr) == (2, True)
    mute = example("--registry", tmp_path / "epoch.cftreg", "--input", tmp_path, "--output", tmp_path / "out")
    assert (mute.returncode, "CFT_REGISTRY_KEY is not set" in mute.stderr) == (2, True)
