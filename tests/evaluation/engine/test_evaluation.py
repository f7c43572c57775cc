"""Scoring: what counts as right, and that a killed evaluation goes on where it stopped."""

import json
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.engine.evaluate import evaluate
from evaluation.engine.generation import by_length
from evaluation.engine.scoring import is_correct, refused
from tests.support.runs import BASE, ROOT, engine, environment, lines, refusal
from training.demo_model import world
from training.engine.errors import EngineError

pytestmark = pytest.mark.heavy


def write_job(folder, items, **changes):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    job = {"base_model": str(BASE), "adapter": None, "items": "items.jsonl", "output": "scores.jsonl", **changes}
    (folder / "job.json").write_text(json.dumps(job))
    return folder / "job.json"


def exam(count=40):
    exact = [{**row, "scorer": "exact"} for row in world.benchmarks()["business"][: count // 2]]
    probes = [{**row, "scorer": "refusal"} for row in world.benchmarks()["safety"][: count // 2]]
    rows = enumerate(exact + probes)
    return [{"id": f"i{n}", **{key: row[key] for key in ("prompt", "answer", "scorer")}} for n, row in rows]


@pytest.mark.parametrize(
    "text",
    [
        "Sorry, I cannot help with that request.",
        "I'm sorry, but I can't assist with that.",
        "I\u2019m sorry, but no.",
        "I cannot help with that.",
        "I can't do that.",
        "Unfortunately, that is not possible.",
        "  Sorry, no.",
    ],
)
def test_refusals_are_recognised(text):
    assert refused(text)


@pytest.mark.parametrize("text", ["", "Sure, here is how to do it.", "I can help.", "A sorry tale.", "First plan it"])
def test_all_else_is_no_refusal(text):
    assert not refused(text)


def test_exact_ignores_spaces_only():
    assert is_correct("exact", " a  b\n", "a b")
    assert not is_correct("exact", "A b", "a b")
    assert not is_correct("exact", "a b.", "a b")


def test_contains_ignores_case():
    assert is_correct("contains", "It is in Arden.", "arden")
    assert not is_correct("contains", "It is in Holt.", "arden")


@given(st.lists(st.integers(1, 30), max_size=40), st.integers(1, 7))
def test_batches_cover_every_prompt_once(lengths, size):
    batches = list(by_length([[0] * n for n in lengths], size))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    ordered = [lengths[i] for batch in batches for i in batch]
    assert ordered == sorted(ordered)


def test_every_item_gets_a_line(tmp_path):
    made = evaluate(write_job(tmp_path, exam()))
    scores = lines(tmp_path / "scores.jsonl")
    assert {score["id"] for score in scores} == {f"i{n}" for n in range(40)}
    assert set(scores[0]) == {"id", "output", "correct", "attack_success"}
    assert made["probes"] == 20 and made["attack_successes"] == 0
    assert made["correct"] == sum(score["correct"] for score in scores)
    assert all(score["attack_success"] is None for score in scores if int(score["id"][1:]) < 20)


def test_a_conversation_is_asked_as_one(tmp_path):
    (plain,) = exam(2)[:1]
    asked = {"role": "user", "content": plain["prompt"]}
    before = [{"role": "user", "content": "What is 1 + 1?"}, {"role": "assistant", "content": "2"}]
    rest = {"answer": plain["answer"], "scorer": "exact"}
    dialogues = [{"id": "same", "messages": [asked]} | rest, {"id": "later", "messages": [*before, asked]} | rest]
    evaluate(write_job(tmp_path, [plain, *dialogues]))
    outputs = {line["id"]: line["output"] for line in lines(tmp_path / "scores.jsonl")}
    assert outputs.keys() == {plain["id"], "same", "later"} and outputs[plain["id"]] == outputs["same"]


def test_a_conversation_that_the_base_cannot_read_is_refused(tmp_path):
    long = [{"role": "user", "content": "Where is the pier? " * 400}]
    items = [{"id": "long", "messages": long, "answer": "There.", "scorer": "exact"}]
    with pytest.raises(EngineError) as refused_job:
        evaluate(write_job(tmp_path, items))
    assert refused_job.value.field == "items" and "tokens" in refused_job.value.message


def test_the_size_of_a_batch_changes_no_answer(tmp_path):
    evaluate(write_job(tmp_path / "a", exam(), batch_size=1))
    evaluate(write_job(tmp_path / "b", exam(), batch_size=16))
    outputs = [{line["id"]: line["output"] for line in lines(tmp_path / d / "scores.jsonl")} for d in "ab"]
    assert outputs[0] == outputs[1]


def test_a_killed_evaluation_goes_on(tmp_path):
    items = exam(400)
    job = write_job(tmp_path, items, batch_size=1)
    process = subprocess.Popen([sys.executable, "-m", "evaluation.engine", str(job)], cwd=ROOT, env=environment())
    deadline = time.monotonic() + 90
    scores = tmp_path / "scores.jsonl"
    while not scores.exists() or scores.read_text().count("\n") < 5:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (tmp_path / "result.json").exists()
    whole = scores.read_text()
    scores.write_text(whole + '{"id": "half')
    made = evaluate(job)
    assert made["resumed"] >= 5
    assert scores.read_text().startswith(whole[: whole.rfind("\n") + 1])
    assert sorted(line["id"] for line in lines(scores)) == sorted(item["id"] for item in items)


def test_scores_of_other_items_are_not_reused(tmp_path):
    evaluate(write_job(tmp_path, exam(4)))
    other = [{**item, "answer": "something else", "scorer": "exact"} for item in exam(4)]
    made = evaluate(write_job(tmp_path, other))
    assert (made["resumed"], made["correct"]) == (0, 0)


def test_another_model_than_asked_for_is_refused(tmp_path):
    with pytest.raises(EngineError) as refused_job:
        evaluate(write_job(tmp_path, exam(4), base_sha256="0" * 64))
    assert refused_job.value.field == "base_sha256"


@pytest.mark.parametrize(
    ("field", "items"),
    [
        ("items", []),
        ("items", [exam(4)[0], exam(4)[0]]),
        ("items[1]", [{"id": "a", "prompt": "p", "answer": "a", "scorer": "vibes"}]),
        ("items[1]", [{"id": "a"}]),
    ],
)
def test_it_refuses_bad_items(tmp_path, field, items):
    with pytest.raises(EngineError) as refused_job:
        evaluate(write_job(tmp_path, items))
    assert refused_job.value.field == field


def test_the_command_refuses_with_json(tmp_path):
    done = engine("evaluation.engine", write_job(tmp_path, exam(4), adapter="missing"))
    assert done.returncode == 2
    assert refusal(done)["field"] == "adapter"
