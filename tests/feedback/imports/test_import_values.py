"""An import keeps every value as it was meant, says what it does not keep, and sets aside what it cannot read."""

import gzip
import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from feedback.imports.formats import FORMATS, InvalidRecord
from feedback.models import Comment, Interaction, Source
from tests.feedback.imports.test_import_command import write

WORDS = {"prompt": "How long may I wait?", "answer": "Nine days."}
NO_PROMPT = "prompt: it is missing or empty"


@pytest.fixture
def shop(db):
    return Source.objects.create(name="qa", title="QA", held_out_percent=0)


@pytest.fixture
def run(shop, capsys):
    """`run(path)`: exit status, what was printed, what was complained of."""

    def call(path, format="jsonl", **options):
        status = 0
        try:
            call_command("import_feedback", str(path), "--source", "qa", "--format", format, **options)
        except CommandError as problem:
            status = problem.returncode
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


def rejected(path):
    file = path.with_name(f"{path.name}.rejects.jsonl")
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def ratings() -> dict[str, str]:
    return dict(Comment.objects.values_list("interaction__prompt", "rating"))


# --- ratings ----------------------------------------------------------------------------------------------------------
def test_nothing_and_no_are_ratings(run, tmp_path):
    given = {"0": 0, "1": 1, "false": False, "true": True, "0.0": 0.0, "-1": -1, "4.5": 4.5, "word": "down"}
    path = write(tmp_path / "f.jsonl", [WORDS | {"prompt": name, "rating": value} for name, value in given.items()])
    assert run(path)[0] == 0
    assert ratings() == {
        "0": "down",
        "1": "1",
        "false": "down",
        "true": "up",
        "0.0": "down",
        "-1": "-1",
        "4.5": "4.5",
        "word": "down",
    }


def test_null_an_empty_text_and_nan_are_no_rating(run, tmp_path):
    rows = [WORDS | {"prompt": f"p{n}", "rating": value, "text": "Why?"} for n, value in enumerate([None, ""])]
    nan = '{"prompt": "p2", "answer": "a", "rating": NaN, "text": "Why?", "subject": NaN, "model_name": null}'
    assert run(write(tmp_path / "f.jsonl", [*rows, nan]))[0] == 0
    assert set(ratings().values()) == {""} and Comment.objects.filter(text="Why?").count() == 3
    assert not Comment.objects.filter(text__contains="None").exists()


def test_parallel_lists_with_gaps(run, tmp_path):
    record = {
        "question": "q?",
        "answer": "a",
        "ratings": ["Bad", None, None, False],
        "explanations": [None, "no", None, ""],
    }
    assert run(write(tmp_path / "f.jsonl", [record]), "feedbackqa")[0] == 0
    assert sorted(Comment.objects.values_list("rating", "text")) == [("", "no"), ("Bad", ""), ("down", "")]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"rating": {"score": 1, "label": "bad"}}, "rating: it is an object: give a number"),
        ({"rating": [1]}, "rating: it is a list: give a number"),
        ({"rating": float("inf")}, "rating: inf is no rating."),
        ({"rating": 1, "text": {"a": 1}}, "text: it is an object: give text."),
        ({"rating": 1, "subject": {"id": 1}}, "subject: it is an object: give text or a whole number."),
        ({"rating": 1, "external_id": True}, "external_id: it is true or false: give text or a whole number."),
        ({"rating": 1, "model_name": ["m"]}, "model_name: it is a list: give text."),
        ({"rating": 1, "prompt": None}, "prompt: it is missing or empty: give text."),
        ({"rating": 1, "answer": 9}, "answer: it is a number: give text."),
        ({"rating": "\ud800"}, "rating: This is not well-formed Unicode"),
        ({}, "The record has neither a rating nor a text."),
    ],
)
def test_what_is_no_value_is_refused_with_its_path(run, tmp_path, fields, reason):
    path = write(tmp_path / "f.jsonl", [WORDS | fields, WORDS | {"prompt": "next", "rating": 0}])
    status, out, err = run(path)
    assert (status, ratings()) == (1, {"next": "down"})
    assert "1 lines unreadable" in out and f"line 1: {reason}" in err
    (set_aside,) = rejected(path)
    assert set_aside["number"] == 1 and set_aside["reasons"][0].startswith(reason)


# --- what else a record says ------------------------------------------------------------------------------------------
def test_time_model_environment_and_correction_are_kept_and_the_rest_is_named(run, tmp_path):
    record = WORDS | {
        "rating": "down",
        "text": "No.",
        "correction": "Ten days.",
        "happened_at": "2024-02-03T10:00:00Z",
        "model_name": "gpt-x",
        "environment": "staging",
        "created_at": "2024-02-03T10:00:00Z",
        "consent": True,
        "score": None,
    }
    status, _, err = run(write(tmp_path / "f.jsonl", [record, WORDS | {"prompt": "p", "correction": "Ten."}]))
    interaction = Interaction.objects.get(prompt=WORDS["prompt"])
    assert status == 0
    assert interaction.happened_at == datetime(2024, 2, 3, 10, tzinfo=UTC)
    assert (interaction.model_name, interaction.environment) == ("gpt-x", "staging")
    assert set(Comment.objects.values_list("text", flat=True)) == {
        "No.\n\nCorrection: Ten days.",
        "Correction: Ten.",
    }
    assert err.strip() == "Not read, and not kept (in how many lines): created_at (1), consent (1)."


@pytest.mark.parametrize(
    ("field", "value"), [("happened_at", "in a year"), ("happened_at", "2024-13-01"), ("environment", "moon")]
)
def test_a_time_to_come_and_what_no_field_takes_are_refused_with_the_comment(run, tmp_path, field, value):
    if value == "in a year":
        value = (datetime.now(UTC) + timedelta(days=365)).isoformat()
    path = write(tmp_path / "f.jsonl", [WORDS | {"rating": 1, field: value}])
    status, out, err = run(path)
    assert status == 1 and "0 rows recorded" in out and "2 refused" in out
    assert f"line 1: {field}: " in err
    assert not Interaction.objects.exists()
    (set_aside,) = rejected(path)
    assert set_aside["row"] == WORDS | {"rating": 1, field: value} and len(set_aside["reasons"]) == 2


def test_whoever_is_7_and_7_0_is_one_person(run, tmp_path):
    rows = [WORDS | {"prompt": f"p{n}", "rating": 1, "subject": id_} for n, id_ in enumerate([7, 7.0, "7", 0])]
    run(write(tmp_path / "f.jsonl", rows))
    assert Interaction.objects.values("subject").distinct().count() == 2


# --- files ------------------------------------------------------------------------------------------------------------
def test_files_of_every_kind_are_read(run, tmp_path):
    def line(prompt):
        return json.dumps(WORDS | {"prompt": prompt, "rating": 0}).encode()

    files = {
        "bom.jsonl": b"\xef\xbb\xbf" + line("bom.jsonl"),
        "array.json": b"[\n" + line("array.json") + b"\n]",
        "table.csv": b"prompt,answer,rating,text\ntable.csv,Nine days.,0,\n",
        "packed.jsonl.gz": gzip.compress(line("packed.jsonl.gz")),
        "packed.ndjson.zst": pa.compress(line("packed.ndjson.zst"), "zstd", asbytes=True),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    nobody = pa.nulls(2, pa.string())
    table = {"prompt": ["table.parquet", "gap"], "answer": ["Nine days."] * 2, "rating": [0.0, 1.0], "subject": nobody}
    pq.write_table(pa.table(table), tmp_path / "table.parquet")
    assert [run(path)[0] for path in tmp_path.iterdir()] == [0] * 6
    assert ratings() == dict.fromkeys([*files, "table.parquet"], "down") | {"gap": "1"}


def test_a_line_that_is_nested_too_deeply_is_named(run, tmp_path):
    for number, depth in enumerate((101, 100_000)):
        deep = '{"prompt": "deep", "answer": "x", "rating": "1", "m": ' + "[" * depth + "]" * depth + "}"
        path = write(tmp_path / f"{number}.jsonl", [deep, WORDS | {"prompt": "next", "rating": 0}])
        status, _, err = run(path)
        assert (status, ratings()) == (1, {"next": "down"})
        assert err.startswith("line 1: ") and "nested" in err


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("argilla.jsonl", '{"id": "r-1", "fields": {"prompt": "p", "response": "r"}, "responses": {}}', NO_PROMPT),
        ("messages.jsonl", '{"messages": [{"role": "user", "content": "hi"}], "rating": "down"}', "messages: the last"),
        ("scores.csv", 'traceId,name,value,comment\nt1,user-feedback,0,"It is ten, not nine."\n', NO_PROMPT),
    ],
)
def test_a_file_of_another_shape_records_nothing_and_says_so(run, tmp_path, name, content, complaint):
    path = tmp_path / name
    path.write_text(content)
    status, out, err = run(path)
    assert status == 1 and "0 rows recorded" in out and complaint in err
    assert len(rejected(path)) == 1 and not Interaction.objects.exists()


def test_the_rejects_are_gone_once_the_file_is_mended(run, tmp_path):
    path = write(tmp_path / "f.jsonl", [WORDS | {"rating": 0}, "{"])
    assert run(path)[0] == 1
    assert rejected(path)[0]["row"] == "{"
    assert (tmp_path / "f.jsonl.rejects.jsonl").stat().st_mode & 0o077 == 0
    status, out, _ = run(write(path, [WORDS | {"rating": 0}, WORDS | {"prompt": "p", "rating": 0}]))
    assert (status, rejected(path)) == (0, []) and "2 were there already" in out


def test_a_file_that_breaks_off_is_told_with_its_place(run, tmp_path):
    path = tmp_path / "f.json"
    path.write_text(json.dumps([WORDS | {"rating": 0}])[:-1] + ', {"prompt": ')
    assert run(path)[0] == 1
    assert ratings() == {WORDS["prompt"]: "down"}
    with pytest.raises(CommandError, match="row 2: no JSON"):
        call_command("import_feedback", str(path), "--source", "qa", "--format", "jsonl")
    with pytest.raises(CommandError, match="its name says no known format"):
        call_command("import_feedback", str(write(tmp_path / "f.txt", [])), "--source", "qa", "--format", "jsonl")


def test_more_than_a_batch_keeps_its_numbers(run, tmp_path):
    rows = [WORDS | {"prompt": f"p{n}", "rating": 1} for n in range(1_100)]
    rows[499] |= {"environment": "moon"}
    rows[1_099] |= {"environment": "moon"}
    path = write(tmp_path / "f.jsonl", rows)
    assert run(path)[0] == 1
    assert [(each["number"], each["row"]["prompt"]) for each in rejected(path)] == [(500, "p499"), (1_100, "p1099")]
    assert Interaction.objects.count() == 1_098


# --- whatever a file holds --------------------------------------------------------------------------------------------
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.decimals() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@given(data=st.data(), name=st.sampled_from(sorted(FORMATS)))
def test_any_record_becomes_rows_or_is_refused_with_a_sentence(data, name):
    fields = st.sampled_from([*FORMATS[name].fields, "other"])
    needed = dict.fromkeys(("prompt", "answer", "question"), "words")
    record = needed | data.draw(st.dictionaries(fields, VALUES))
    try:
        interaction, *comments = FORMATS[name].rows(b"key", record)
    except InvalidRecord as problem:
        assert str(problem).endswith(".")
    else:
        assert all(isinstance(value, str) and value for row in (interaction, *comments) for value in row.values())
        assert all(row.keys() & {"rating", "text"} for row in comments)
