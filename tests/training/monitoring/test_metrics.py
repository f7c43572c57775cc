"""Reading an engine's files while it writes them."""

import json

from training.monitoring import metrics


def test_a_line_that_is_being_written_is_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "ce": 2}\n{"step": 2, "ce": 1}\n{"step": 3, "c')
    assert [line["step"] for line in metrics.read(path)] == [1, 2]
    assert metrics.last(path) == {"step": 2, "ce": 1}


def test_the_newest_line_of_a_long_file_is_read_from_its_end(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps({"step": k, "ce": 1.0}) + "\n" for k in range(20_000)))
    assert metrics.last(path)["step"] == 19_999
    assert len(metrics.tail(path, size=1000)) <= 1000


def test_no_file_is_nothing_yet(tmp_path):
    assert metrics.read(tmp_path / "metrics.jsonl") == []
    assert metrics.last(tmp_path / "metrics.jsonl") is None
    assert metrics.tail(tmp_path / "log.txt") == ""


def test_the_error_of_this_attempt_is_read_not_an_older_one(tmp_path):
    path = tmp_path / "engine.log"
    old = '{"error": {"field": "old", "message": "Old.", "remedy": ""}}\n'
    path.write_text(old + "loading\n")
    said = metrics.engine_error(metrics.tail(path, offset=len(old)))
    assert said == "loading"


def test_an_error_is_told_as_a_sentence():
    log = 'warming up\n{"error": {"field": "recipe.lr", "message": "No number.", "remedy": "Lower it."}}\n'
    assert metrics.engine_error(log) == "recipe.lr: No number. Lower it."
    assert metrics.engine_error("Traceback\nValueError: x\n") == "ValueError: x"
    assert metrics.engine_error("") == ""
