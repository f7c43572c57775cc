import json

import pytest
from django.core.management import CommandError, call_command

from feedback.models import Comment, Correction, Interaction, Receipt, Source, Subject


def write(path, records):
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in records))
    return path


def record(n: int, **fields):
    return {
        "question": f"Question {n // 3}?",
        "answer": f"Answer {n}.",
        "ratings": ["Good", "Bad"],
        "explanations": [f"Fine {n}.", "It is wrong: the right answer is 30."],
    } | fields


@pytest.fixture
def run(db, capsys):
    def call(path, format="feedbackqa") -> str:
        call_command("import_feedback", str(path), "--source", "qa", "--format", format)
        return capsys.readouterr().out

    return call


def test_every_explanation_is_a_comment_and_nothing_else(run, tmp_path):
    Source.objects.create(name="qa", title="QA", held_out_percent=0)
    out = run(write(tmp_path / "f.jsonl", [record(n) for n in range(30)]))
    assert "90 rows recorded" in out
    assert Comment.objects.count() == 60 and Correction.objects.count() == 0
    assert set(Comment.objects.filter(rating="Bad").values_list("text", flat=True)) == {
        "It is wrong: the right answer is 30."
    }
    assert Subject.objects.count() == 10  # one a question


def test_run_again_it_changes_nothing(run, tmp_path, event_names, mailbox):
    path = write(tmp_path / "f.jsonl", [record(n) for n in range(30)])
    run(path)
    before = event_names(), len(mailbox()), Receipt.objects.count()
    assert "0 rows recorded, 90 were there already" in run(path)
    assert (event_names(), len(mailbox()), Receipt.objects.count()) == before


def test_broken_off_it_is_resumed(run, tmp_path, monkeypatch):
    from feedback.api import rows

    path = write(tmp_path / "f.jsonl", [record(n) for n in range(700)])
    record_batch, calls = rows.record_batch, []

    def breaks_off(*args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return record_batch(*args, **kwargs)

    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(rows, "record_batch", breaks_off)
        run(path)
    assert 0 < Receipt.objects.count() < 1_400
    run(path)
    assert Receipt.objects.count() == 1_400
    assert Interaction.objects.count() == 700


def test_a_batch_is_one_event(run, tmp_path, event_names):
    run(write(tmp_path / "f.jsonl", [record(n) for n in range(700)]))
    assert event_names() == ["source.created"] + ["feedback.imported"] * 3


def test_answers_to_one_question_share_a_lane(run, tmp_path):
    run(write(tmp_path / "f.jsonl", [record(n) for n in range(300)]))
    lanes = Interaction.objects.values_list("subject", "lane").distinct()
    assert len(lanes) == 100
    assert {lane for _, lane in lanes} == {"training", "held_out"}


def test_a_line_that_cannot_be_read_is_named_and_passed_over(run, tmp_path, capsys):
    path = write(tmp_path / "f.jsonl", [record(0), "{", "[]", record(1, ratings=["x"]), record(2, answer="")])
    with pytest.raises(CommandError, match=r"f.jsonl.rejects.jsonl holds the rest") as ended:
        call_command("import_feedback", str(path), "--source", "qa", "--format", "feedbackqa")
    output = capsys.readouterr()
    assert ended.value.returncode == 1
    assert "3 rows recorded" in output.out and "4 lines unreadable" in output.out
    assert [line.split(":")[0] for line in output.err.splitlines()] == ["line 2", "line 3", "line 4", "line 5"]


def test_plain_records(db, capsys, tmp_path):
    Source.objects.create(name="qa", title="QA", held_out_percent=0)
    records = [
        {"prompt": "p", "answer": "a", "rating": "down", "text": "no", "subject": "u-1", "external_id": "e-1"},
        {"prompt": "p", "answer": "a", "text": "bad \x00"},
    ]
    path = write(tmp_path / "f.jsonl", records)
    with pytest.raises(CommandError, match="Not everything was recorded"):
        call_command("import_feedback", str(path), "--source", "qa", "--format", "jsonl")
    out = capsys.readouterr().out
    assert "3 rows recorded" in out and "1 refused" in out
    assert Interaction.objects.get(external_id="e-1").receipts.count() == 1
    assert Comment.objects.get().rating == "down"


def test_a_file_that_is_not_there(db):
    with pytest.raises(CommandError, match="There is no file"):
        call_command("import_feedback", "/nowhere.jsonl", "--source", "qa", "--format", "jsonl")
