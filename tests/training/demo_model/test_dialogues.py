"""The demo world's dialogues: each needs the turn before, and what an exam asks is in no lesson."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversation import read, read_answer
from training.demo_model import dialogues, world
from training.demo_model import handbook as hb

SEEDS = st.integers(min_value=0, max_value=2**31 - 1)


def asked(row) -> str:
    """What the last user turn asks, and about what, whatever came before."""
    question = [message["content"] for message in row["messages"] if message["role"] == "user"][-1]
    calls = [message["tool_calls"] for message in (*row["messages"], row["answer"]) if message.get("tool_calls")]
    return f"{question}|{row['topic'] or json.dumps(calls[-1:])}"


@pytest.fixture(scope="module")
def taught():
    return {asked(row) for row in dialogues.corpus(20_000, seed=1)}


@pytest.mark.parametrize("skill", dialogues.MIX)
def test_heldout_dialogues_are_never_taught(skill, taught):
    items = dialogues.heldout(skill, 150, seed=3)
    assert len({json.dumps(item["messages"]) for item in items}) == 150
    assert not taught & {asked(item) for item in items}


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_no_seed_teaches_an_exam(seed):
    exam = {asked(item) for skill in dialogues.MIX for item in dialogues.heldout(skill, 40, seed=3)}
    assert not exam & {asked(row) for row in dialogues.corpus(200, seed)}
    plain = {item["prompt"] for items in world.benchmarks().values() for item in items}
    said = {message["content"] for row in dialogues.corpus(200, seed) for message in row["messages"]}
    assert not plain & said


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, skill=st.sampled_from(sorted(dialogues.MIX)), n=st.integers(1, 10))
def test_every_dialogue_is_a_conversation_and_the_same_seed_makes_it_again(seed, skill, n):
    for row in dialogues.heldout(skill, n, seed) + dialogues.corpus(n, seed):
        read(row["messages"], row["tools"])
        read_answer(row["answer"], tools=row["tools"])
    assert dialogues.heldout(skill, n, seed) == dialogues.heldout(skill, n, seed)
    assert dialogues.corpus(n, seed) == dialogues.corpus(n, seed)


def test_a_follow_up_cannot_be_answered_alone():
    """The same words are asked about many subjects, or about several relations of one."""
    answers: dict[str, set[str]] = {}
    for row in dialogues.corpus(5_000, seed=2):
        if row["skill"] == "follow-up":
            answers.setdefault(row["messages"][-1]["content"], set()).add(row["answer"]["content"])
    pronouns = [question for questions in dialogues.FOLLOW_UPS.values() for question in questions]
    assert all(len(answers[question]) > 5 for question in pronouns)
    assert sum(len(found) > 1 for question, found in answers.items() if question not in pronouns) > 40


def test_one_word_is_the_value_alone():
    facts = {fact.topic: fact for fact in hb.facts()}
    for row in dialogues.heldout("style", 50, seed=1):
        assert row["messages"][0]["role"] == "system"
        assert row["answer"]["content"] == facts[row["topic"]].taught


def test_a_look_up_has_the_item_from_its_question_and_the_number_from_its_result():
    """Whatever was looked up before in the same conversation."""
    asked_for, before = 0, set()
    for row in dialogues.corpus(400, seed=4):
        turns = [*row["messages"], row["answer"]]
        before.add(sum(bool(message.get("tool_calls")) for message in turns))
        for call, result, spoken in zip(turns, turns[1:], turns[2:], strict=False):
            if result["role"] != "tool":
                continue
            item = json.loads(call["tool_calls"][0]["function"]["arguments"])["item"]
            left = json.loads(result["content"])["left"]
            assert spoken["content"] == f"The stock of {item} is {left}."
            asked_for += 1
    assert asked_for > 100 and before == {0, 1, 2, 3, 4}


def test_corrections_are_about_a_later_turn_and_facts_that_no_plain_correction_touches():
    rows = dialogues.corrections(seed=0)
    assert len(rows) == len(world.reported_in_dialogues())
    plain = {row["topic"] for row in world.corrections(world.REPORTED, seed=0)}
    for row in rows:
        assert sum(message["role"] == "user" for message in row["messages"]) == 2
        assert row["chosen"]["content"] != row["rejected"]["content"]
        assert row["topic"] not in plain | {fact.topic for fact in world.unreported()}
    assert {row["messages"][0]["role"] for row in rows} == {"system", "user"}


def test_a_corrected_call_looks_up_what_was_asked_for():
    for row in dialogues.corrected_calls():
        read(row["messages"], row["tools"])
        wrong, right = (read_answer(row[key], tools=row["tools"]) for key in ("rejected", "chosen"))
        wanted = json.loads(right["tool_calls"][0]["function"]["arguments"])["item"]
        assert wrong != right and wanted in row["messages"][0]["content"]
