"""Which rows a recipe takes, by hand."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation import Conversation, answer_text, stored_answer
from curation.datasets.recipe import PRESETS, BadRecipe, Recipe, parse
from curation.datasets.selection import Known, Lesson, order, select_pairs, select_replay, subject_cap, superseded


def lesson(n, subject="ann", reason="wrong_fact", text=None, rejected="Kamil sits on floor 3.", prompt=None):
    return Lesson(f"p{n:03}", subject, reason, prompt or f"Question {n}?", rejected, text or f"t{n}", f"{n:064x}")


def known(n, skill="chat", refusal=False, prompt=None, answer="Hello there, friend."):
    return Known(n, skill, refusal, prompt or f"Prompt {n}", answer, f"{n + 10_000:064x}")


def test_an_author_has_at_most_the_absolute_cap():
    taken, left = select_pairs([lesson(n) for n in range(50)], Recipe(per_subject=10))
    assert len(taken) == 10 and Counter(left.values()) == {"subject_cap": 40}


def test_an_author_has_at_most_the_share_of_what_is_left():
    counts = {"ann": 900, **{f"u{n}": 10 for n in range(30)}}
    cap = subject_cap(counts, Recipe(per_subject_share=0.25))
    assert cap == 100  # 100 of 400
    assert subject_cap({"ann": 900}, Recipe(per_subject_share=0.25)) == 25  # alone: the free ones


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 300), min_size=1), st.floats(0.01, 1), st.integers(0, 50))
def test_no_cap_exceeds_share_and_allowance(counts, share, free):
    recipe = Recipe(per_subject_share=share, subject_free=free, per_subject=200)
    cap = subject_cap(counts, recipe)
    total = sum(min(count, cap) for count in counts.values())
    assert cap <= 200 and (cap <= free or cap <= share * total)


def test_weight_zero_exclusion_and_duplicates_leave_a_lesson_out():
    rows = [lesson(1), lesson(2, reason="other"), lesson(3), lesson(4, text="t1")]
    taken, left = select_pairs(rows, Recipe(weights={"other": 0}, exclude=["p003"]))
    assert [lesson.id for lesson in taken] == ["p001"]
    assert left == {"p002": "weight", "p003": "excluded", "p004": "duplicate"}


def test_heavier_reasons_are_drawn_first():
    rows = [lesson(n, subject=f"u{n}", reason="unsafe" if n % 2 else "other") for n in range(200)]
    taken, left = select_pairs(rows, Recipe(weights={"unsafe": 50.0}, max_pairs=50))
    assert len(taken) == 50 and set(left.values()) == {"max_pairs"}
    assert sum(lesson.reason == "unsafe" for lesson in taken) >= 45


TOOLS = [{"type": "function", "function": {"name": "weather"}}]


def dialogue(question, *, tools=()):
    """(prompt, canonical form) of a conversation that ends with the question."""
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}]
    conversation = Conversation(messages, list(tools))
    return {"prompt": conversation.text, "conversation": conversation.stored}


def test_a_conversation_is_superseded_by_the_same_one_alone():
    rows = [
        replace(known(1), **dialogue("QUESTION 1?")),
        replace(known(2), **dialogue("Question 1?", tools=TOOLS)),
        known(3, prompt="Question 1?"),
        replace(known(4), **dialogue("Question 2?")),
    ]
    lesson_of_it = replace(lesson(1), **dialogue("Question 1?"))
    assert superseded(rows, [lesson_of_it]) == {1: "superseded_prompt"}
    assert superseded(rows, [replace(lesson(1), **dialogue("Question 1?", tools=TOOLS))]) == {2: "superseded_prompt"}
    assert superseded(rows, [lesson(1, prompt="question 1")]) == {3: "superseded_prompt"}


def test_a_call_is_wrong_for_what_was_asked_not_in_itself():
    """One correction of a call for Oslo does not take every other row that rightly calls it."""
    function = {"name": "weather", "arguments": '{"city": "Oslo"}'}
    call = {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": function}]}
    told = {"answer": answer_text(call), "answer_message": stored_answer(call)}
    rows = [replace(known(1), **told), known(2, answer="It is sunny there.")]
    rejected = replace(lesson(1, rejected=told["answer"]), rejected_message=told["answer_message"])
    assert superseded(rows, [rejected]) == {}
    assert superseded(rows, [lesson(1, rejected="It is sunny there.")]) == {2: "superseded_answer"}


def test_replay_that_a_correction_supersedes_is_removed():
    rows = [known(1, prompt="question 1"), known(2, answer="KAMIL sits on floor 3"), known(3), known(4, answer="14")]
    lessons = [lesson(1), lesson(2, rejected="14")]
    assert superseded(rows, lessons) == {1: "superseded_prompt", 2: "superseded_answer"}


def test_correcting_a_refusal_does_not_remove_the_refusals():
    sorry = "Sorry, I cannot help with that request."
    rows = [known(n, "refusal", True, answer=sorry) for n in range(9)]
    assert superseded(rows, [lesson(1, rejected=sorry)]) == {}


def test_replay_keeps_a_quota_for_refusals_and_for_every_skill():
    rows = [known(n, "big") for n in range(1000)]
    rows += [known(2000 + n, "small") for n in range(50)] + [known(3000 + n, "refusal", True) for n in range(500)]
    taken = select_replay(rows, 200, Recipe(refusal_share=0.1, skill_floor=0.05))
    count = Counter(row.skill for row in taken)
    assert len(taken) == 200 and count["refusal"] == 20 and count["small"] >= 10


def test_the_seed_decides_everything():
    rows = [known(n) for n in range(100)]
    same = [select_replay(rows, 20, Recipe(seed=1)), select_replay(rows[::-1], 20, Recipe(seed=1))]
    assert same[0] == same[1] != select_replay(rows, 20, Recipe(seed=2))
    lessons = [lesson(n) for n in range(5)]
    assert order([*lessons, *rows], Recipe(seed=1)) == order([*rows, *lessons], Recipe(seed=1))


def test_the_share_says_how_many_replay_rows():
    assert Recipe(replay_share=0.8, replay_floor=0).replay_rows(50) == 200
    assert Recipe(replay_share=0.8, replay_count=7).replay_rows(50) == 7


def test_a_few_pairs_still_bring_the_least_replay():
    assert Recipe(replay_share=0.8, replay_floor=300).replay_rows(3) == 300
    assert Recipe(replay_share=0.8, replay_floor=300).replay_rows(100) == 400


def test_presets_and_defaults_are_recipes():
    assert parse({}) == Recipe() and all(parse(given) for _, given in PRESETS.values())
    assert parse(Recipe(since="2026-01-01T00:00:00+00:00").as_dict()).since


@pytest.mark.parametrize(
    "given",
    [
        {"nonsense": 1},
        {"seed": -1},
        {"seed": 1.5},
        {"seed": True},
        {"replay_share": 1},
        {"per_subject": 0},
        {"weights": {"x": -1}},
        {"weights": [1]},
        {"since": "yesterday"},
        {"since": "2026-01-01"},
        {"exclude": "p1"},
    ],
)
def test_a_wrong_field_is_named(given):
    with pytest.raises(BadRecipe) as problem:
        parse(given)
    assert set(problem.value.problems) == set(given)
