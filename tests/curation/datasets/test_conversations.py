"""Conversations in a dataset: frozen with their hashes, mixed with replay rows that are conversations."""

import pytest

from audit import merkle
from cftapp.base.refusal import Refused
from conversation import Conversation
from curation.checks.identity import row_hash
from curation.datasets import actions as dataset_actions
from curation.datasets import freezing
from curation.datasets.recipe import BadRecipe, Recipe, parse
from curation.models import Blocker, ReplayRow
from tests.curation.conftest import TEST

ASKED = Conversation(
    [
        {"role": "system", "content": "You answer for the harbour office."},
        {"role": "user", "content": "Who keeps the tide book?"},
        {"role": "assistant", "content": "The pilot keeps it."},
        {"role": "user", "content": "And on which day is it bound?"},
    ]
)
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
FUNCTION = {"name": "weather", "arguments": '{"city": "Oslo"}'}
CALL = {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": FUNCTION}]}
QUESTION = {"role": "user", "content": "What is the weather in Oslo?"}


def imported(*rows):
    return dataset_actions.import_replay_rows([{"skill": "chat", **row} for row in rows], by=TEST)


def test_a_corrected_conversation_is_frozen_with_its_hash(world, rosa, erin):
    pair = world.accepted(rosa, ASKED, "On Monday.", "On Friday.")
    world.replay({"skill": "tools", "messages": [QUESTION], "tools": [TOOL], "answer": CALL})
    dataset = dataset_actions.freeze_dataset("dialogues", {"replay_count": 1}, by=erin)
    assert (dataset.pair_count, dataset.replay_count) == (1, 1)
    hashes = {row.row_hash for row in dataset.rows.all()}
    assert row_hash(ASKED.text, "On Friday.", "On Monday.", ASKED.stored, "", "") in hashes
    assert pair.asked == ASKED
    in_order = dataset.rows.order_by("position").values_list("row_hash", flat=True)
    assert merkle.root_of(merkle.leaf_hash(bytes.fromhex(h)) for h in in_order).hex() == dataset.merkle_root


def test_replay_that_asks_the_same_conversation_stays_out(world, rosa, erin):
    world.accepted(rosa, ASKED, "On Monday.", "On Friday.")
    same = {"skill": "chat", "messages": ASKED.messages, "answer": "Every Sunday, I think."}
    other = {"skill": "chat", "prompt": "And on which day is it bound?", "answer": "It depends on the book."}
    world.replay(same, other)
    dataset = dataset_actions.freeze_dataset("dialogues", {"replay_count": 2}, by=erin)
    assert dataset.replay_count == 1
    assert freezing.plan(Recipe(replay_count=2)).replay_drops == {"superseded_prompt": 1}
    assert dataset.rows.get(pair=None).replay_row.prompt == other["prompt"]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": ASKED.messages, "answer": "On Friday."},
        {"messages": ASKED.messages, "answer": {"role": "assistant", "content": "On Friday."}},
        {"messages": [*ASKED.messages, {"role": "assistant", "content": "On Friday."}]},
    ],
)
def test_a_replay_row_may_be_messages(db, row):
    assert imported(row) == 1
    stored = ReplayRow.objects.get()
    assert (stored.asked, stored.answered) == (ASKED, {"role": "assistant", "content": "On Friday."})
    assert stored.prompt == ASKED.text
    assert imported(row) == 0


def test_messages_that_are_a_question_are_the_row_that_was_there(db):
    assert imported({"prompt": "Who?", "answer": "The pilot."}) == 1
    assert imported({"messages": [{"role": "user", "content": "Who?"}], "answer": "The pilot."}) == 0
    assert ReplayRow.objects.get().row_hash == row_hash("Who?", "The pilot.")


def test_a_replay_row_may_answer_with_a_call(db):
    imported({"messages": [QUESTION, CALL], "tools": [TOOL]})
    stored = ReplayRow.objects.get()
    assert (stored.asked.tools, stored.answered) == ([TOOL], CALL)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"messages": [{"role": "guest", "content": "Hi"}], "answer": "Hello."}, "rows[1].messages[0].role"),
        ({"messages": [QUESTION]}, "rows[1].messages"),
        ({"messages": [QUESTION, QUESTION]}, "rows[1].messages[1].role"),
        ({"messages": "Hi", "answer": "Hello."}, "rows[1].messages"),
        ({"messages": [QUESTION], "answer": {"role": "assistant"}}, "rows[1].answer.content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.example/b"}}]}],
             "answer": "A boat."},
            "rows[1].messages[0].content[0]",
        ),
    ],
)  # fmt: skip
def test_a_row_that_is_none_is_named_and_nothing_is_stored(db, row, field):
    with pytest.raises(Refused) as refused:
        imported({"prompt": "Who?", "answer": "The pilot."}, row)
    assert refused.value.blockers[0].field == field
    assert not ReplayRow.objects.exists()


def test_a_conversation_longer_than_the_base_is_taken_where_the_recipe_says_so(world, rosa, monkeypatch):
    """A run whose recipe cuts the oldest turns can learn it; a question that is too long is never cut."""
    long = world.accepted(rosa, ASKED, "On Monday.", "On Friday.")
    question = world.accepted(rosa, "Which day?", "Never.", "On Friday, in spring.", subject="bea")
    monkeypatch.setattr("curation.screening.lengths.tokenizer", lambda: "t")
    for pair in (long, question):
        counted = {"blocking": False, "score": 300, "limit": 256, "evidence": {"tokenizer": "t", "base": "b"}}
        Blocker.objects.update_or_create(case=pair.correction.case, check_name="length", defaults=counted)
    assert set(freezing.plan(Recipe(replay_count=0)).dropped) == {str(long.pk), str(question.pk)}
    taken = freezing.plan(Recipe(replay_count=0, longer="take"))
    assert set(taken.dropped) == {str(question.pk)} and [row.pair_id for row in taken.rows] == [str(long.pk)]
    with pytest.raises(BadRecipe, match="longer"):
        parse({"longer": "cut"})
