"""The demo model's chat template: single turns as ever; tools, calls and their results as Hermes writes them."""

import pytest

from tests.support.runs import BASE
from training.demo_model import dialogues, world
from training.demo_model.pretrain import conversations
from training.demo_model.tokenizer import VOCABULARY, render, render_answer
from training.engine.tokenizer import load_tokenizer

ITEM = '{"item": "door"}'


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer(BASE)


def call(arguments):
    function = {"name": "stock", "arguments": arguments}
    calls = [{"id": "call_1", "type": "function", "function": function}]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def written(tokenizer, messages, tools=None):
    return tokenizer.apply_chat_template(messages, tools=tools, tokenize=False)


def test_a_single_turn_is_written_as_ever_and_takes_no_token_for_tools(tokenizer):
    for row in world.corpus(300, seed=4):
        turns = [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row["answer"]}]
        text = written(tokenizer, turns)
        assert text == render(row["prompt"]) + render_answer(row["answer"])
        assert max(tokenizer(text, add_special_tokens=False)["input_ids"]) < VOCABULARY


def test_tools_stand_in_the_system_turn(tokenizer):
    question = {"role": "user", "content": "How many of door are left?"}
    alone = written(tokenizer, [question], [dialogues.STOCK])
    assert alone.startswith('<|system|> <tools>[{"function": {"name": "stock", "parameters": {')
    assert alone.endswith("</tools><|end|><|user|> How many of door are left?<|end|>")
    for role in ("system", "developer"):
        text = written(tokenizer, [{"role": role, "content": "Be brief."}, question], [dialogues.STOCK])
        assert text.startswith("<|system|> Be brief. <tools>[") and text.count("<|system|>") == 1


def test_the_order_of_keys_does_not_matter(tokenizer):
    def turned(value):
        return {key: turned(value[key]) for key in reversed(value)} if isinstance(value, dict) else value

    question = [{"role": "user", "content": "Hi"}]
    assert written(tokenizer, question, [turned(dialogues.STOCK)]) == written(tokenizer, question, [dialogues.STOCK])


@pytest.mark.parametrize("arguments", [ITEM, {"item": "door"}])
def test_a_call_and_its_result(tokenizer, arguments):
    turns = [call(arguments), {"role": "tool", "content": '{"left": 3}', "tool_call_id": "call_1"}]
    assert written(tokenizer, turns) == (
        '<|assistant|><tool_call>{"name": "stock", "arguments": {"item": "door"}}</tool_call><|end|>'
        '<|tool|> {"left": 3}<|end|>'
    )


def test_words_may_stand_before_a_call(tokenizer):
    text = written(tokenizer, [call(ITEM) | {"content": "Let me look."}])
    assert text.startswith("<|assistant|> Let me look.<tool_call>{")


def test_marks_of_calls_survive_decoding_and_role_marks_do_not(tokenizer):
    ids = tokenizer(written(tokenizer, [call(ITEM)]), add_special_tokens=False)["input_ids"]
    decoded = tokenizer.decode(ids, skip_special_tokens=True)
    assert decoded == '<tool_call>{"name": "stock", "arguments": {"item": "door"}}</tool_call>'


def test_pretraining_learns_every_turn_of_the_assistant(tokenizer):
    rows = dialogues.corpus(60, seed=8)
    for row, example in zip(rows, conversations(tokenizer, 60, seed=8), strict=True):
        learnt = tokenizer.decode([i for i, said in zip(example.ids, example.said, strict=True) if said])
        turns = [message for message in (*row["messages"], row["answer"]) if message["role"] == "assistant"]
        assert learnt == "".join(written(tokenizer, [turn]).removeprefix("<|assistant|>") for turn in turns)
