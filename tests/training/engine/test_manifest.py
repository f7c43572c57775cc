"""A bad manifest is refused before any work, naming the field and what would be accepted."""

import json
from dataclasses import replace

import pytest

from tests.support.runs import BASE, engine, refusal, small_rows, write_run
from training.engine.context import context_of
from training.engine.digests import file_sha256
from training.engine.errors import EngineError
from training.engine.finetune import checked_base
from training.engine.fitting import fit
from training.engine.manifest import Recipe, read_manifest, read_recipe, read_rows
from training.engine.tokenizer import load_tokenizer
from training.preparation.recipes import DEFAULT_PRESET, PRESETS


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rank", 0),
        ("rank", 8.5),
        ("lr", 0),
        ("lr", "fast"),
        ("lr", float("nan")),
        ("epochs", True),
        ("batch_size", 10_000),
        ("kl_weight", -1),
        ("kl_on", "pairs"),
        ("loss", "question"),
        ("too_long", "cut"),
        ("learning_rate", 0.1),
    ],
)
def test_it_refuses_a_bad_recipe_value(key, value):
    with pytest.raises(EngineError) as refused:
        read_recipe({key: value})
    assert refused.value.field == f"recipe.{key}"
    assert refused.value.remedy


def test_missing_recipe_keys_take_their_defaults():
    assert read_recipe({"rank": 4}) == Recipe(rank=4)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_recipe(name):
    assert read_recipe(PRESETS[name]["recipe"])


def test_the_default_preset_exists():
    assert DEFAULT_PRESET in PRESETS


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("schema", {"schema": 2}),
        ("seed", {"seed": -1}),
        ("threads", {"threads": 0}),
        ("device", {"device": "tpu"}),
        ("dtype", {"dtype": "int8"}),
        ("run", {"run": ""}),
    ],
)
def test_it_refuses_a_bad_manifest_value(tmp_path, field, change):
    with pytest.raises(EngineError) as refused:
        read_manifest(write_run(tmp_path, **change))
    assert refused.value.field == field


def test_it_refuses_missing_rows(tmp_path):
    path = write_run(tmp_path)
    (tmp_path / "rows.jsonl").unlink()
    with pytest.raises(EngineError) as refused:
        read_manifest(path)
    assert refused.value.field == "rows"


def test_it_refuses_changed_rows(tmp_path):
    path = write_run(tmp_path)
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write(json.dumps(small_rows()[0]) + "\n")
    with pytest.raises(EngineError) as refused:
        read_rows(read_manifest(path))
    assert refused.value.field == "rows_sha256"


def test_it_refuses_rows_without_a_pair(tmp_path):
    replay = [row for row in small_rows() if row["kind"] == "replay"]
    with pytest.raises(EngineError, match="no row of kind pair"):
        read_rows(read_manifest(write_run(tmp_path, rows=replay)))


@pytest.mark.parametrize("row", [{"kind": "pair", "prompt": "a"}, {"kind": "note", "prompt": "a", "answer": "b"}, []])
def test_it_names_the_bad_row(tmp_path, row):
    with pytest.raises(EngineError) as refused:
        read_rows(read_manifest(write_run(tmp_path, rows=[*small_rows(2, 2), row])))
    assert refused.value.field == "rows[5]"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "guest", "content": "Hi"}]}, "messages[0].role"),
        ({"answer": {"role": "user", "content": "Hi"}}, "answer.role"),
    ],
)
def test_it_names_what_is_wrong_in_a_conversation(tmp_path, change, field):
    row = {"kind": "pair", "messages": [{"role": "user", "content": "Hi"}], "answer": "Hello.", **change}
    with pytest.raises(EngineError) as refused:
        read_rows(read_manifest(write_run(tmp_path, rows=[row])))
    assert refused.value.field == f"rows[1].{field}"
    assert refused.value.remedy


def test_it_refuses_another_base_model(tmp_path):
    with pytest.raises(EngineError) as refused:
        checked_base(read_manifest(write_run(tmp_path, base_sha256="0" * 64)))
    assert refused.value.field == "base_sha256"


def test_it_names_the_row_that_is_too_long(tmp_path):
    rows = read_rows(read_manifest(write_run(tmp_path, rows=[*small_rows(1, 0), long_row()])))
    with pytest.raises(EngineError) as refused:
        fit(rows, load_tokenizer(BASE), Recipe(max_length=64), context_of(BASE))
    assert refused.value.field == "rows[2]"
    assert "recipe.max_length is 64" in refused.value.message


def test_a_row_longer_than_the_context_is_refused_whatever_max_length_allows(tmp_path):
    """Cut to the context it would lose the end of its answer; whole, the model has no positions for it."""
    row = {"kind": "pair", "prompt": "List:", "answer": "box " * 600}
    rows = read_rows(read_manifest(write_run(tmp_path, rows=[row])))
    with pytest.raises(EngineError) as refused:
        fit(rows, load_tokenizer(BASE), Recipe(max_length=4096), context_of(BASE))
    assert refused.value.field == "rows[1]"
    assert "the base model takes 512" in refused.value.message


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85", "\x1c", "\x0b"])
def test_a_line_end_inside_a_text_ends_no_row(tmp_path, end):
    row = {"kind": "pair", "prompt": f"One{end}two?", "answer": f"Three{end}four."}
    manifest = read_manifest(write_run(tmp_path))
    manifest.rows.write_bytes(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    (read,) = read_rows(replace(manifest, rows_sha256=file_sha256(manifest.rows)))
    assert (read.asked, read.answered) == (row["prompt"], row["answer"])


def long_row():
    return {"kind": "pair", "prompt": "Repeat: " + "box " * 100, "answer": "box"}


def test_the_command_prints_the_error_as_json_and_exits_2(tmp_path):
    finished = engine("training.engine", write_run(tmp_path, base=tmp_path / "nowhere"))
    assert finished.returncode == 2
    assert refusal(finished)["field"] == "base_model"
    assert set(refusal(finished)) == {"field", "message", "remedy"}
    assert not (tmp_path / "result.json").exists()
