"""An answer that is a call is right where the model calls the same: by name, and by arguments as JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.engine.generation import refuse_too_long
from evaluation.engine.jobs import read_items
from evaluation.engine.scoring import is_correct
from training.engine.errors import EngineError


def call(arguments: str, name: str = "tide") -> dict[str, object]:
    return {"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}


def wanted(*calls, content=None):
    return {"role": "assistant", "tool_calls": list(calls)} | ({"content": content} if content else {})


def written(arguments: str, name: str = "tide") -> str:
    return f'<tool_call>{{"name": "{name}", "arguments": {arguments}}}</tool_call>'


ARGUMENTS = '{"port": "Larkmere", "day": 1}'
PORT, RIGHT = wanted(call(ARGUMENTS)), written(ARGUMENTS)


@pytest.mark.parametrize(
    "output, right",
    [
        (RIGHT, True),
        (written('{ "day":1.0,\n "port": "L\\u0061rkmere" }'), True),
        (f"\n {RIGHT} ", True),
        (written('{"port": "Larkmere", "day": 2}'), False),
        (written('{"port": "Larkmere"}'), False),
        (written('{"port": "Larkmere", "day": true}'), False),
        (written('{"port": "Larkmere", "day": 1}', name="ebb"), False),
        (RIGHT * 2, False),
        ("I shall look. " + RIGHT, False),
        ('tide({"port": "Larkmere", "day": 1})', False),
        (written('["Larkmere", 1]'), False),
        (written("{broken"), False),
        ("", False),
    ],
)
def test_exact_wants_these_calls_and_nothing_else(output, right):
    assert is_correct("exact", output, PORT) is right


def test_contains_wants_them_among_others():
    other = written("{}", name="clock")
    assert is_correct("contains", f"Let me see. {other}{RIGHT}", PORT)
    assert not is_correct("contains", other, PORT)


def test_calls_have_no_order():
    two = wanted(call('{"n": 1}'), call('{"n": 2}'))
    assert is_correct("exact", written('{"n": 2}') + written('{"n": 1}'), two)
    assert not is_correct("exact", written('{"n": 2}') * 2, two)


def test_what_is_said_beside_a_call_counts():
    both = wanted(call("{}"), content="I shall look.")
    assert is_correct("exact", "I shall  look.\n" + written("{}"), both)
    assert not is_correct("exact", written("{}"), both)
    assert is_correct("contains", "Well, i shall look. " + written("{}"), both)


def test_a_text_that_is_wanted_is_no_call():
    assert not is_correct("exact", written("{}") + "At two.", "At two.")
    assert is_correct("contains", written("{}") + "At two.", "at two.")


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3))


@given(st.dictionaries(st.text(), JSON, max_size=4), st.booleans())
def test_however_arguments_are_spelt_they_are_the_same(arguments, plain):
    spelt = json.dumps(dict(reversed(arguments.items())), ensure_ascii=plain, indent=1)
    if "</tool_call>" not in spelt:
        assert is_correct("exact", written(spelt), wanted(call(json.dumps(arguments))))


# --- the items of a job ---
def test_a_job_holds_conversations_beside_questions(tmp_path):
    turns = [
        {"role": "user", "content": "Hi."},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "?"},
    ]
    tool = {"type": "function", "function": {"name": "tide"}}
    rows = [
        {"id": "1", "prompt": "Why?", "answer": "So.", "scorer": "exact"},
        {"id": "2", "messages": turns, "tools": [tool], "answer": PORT, "scorer": "exact"},
    ]
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, rows)))
    plain, dialogue = read_items(tmp_path / "items.jsonl")
    assert (plain.asked.short, dialogue.asked.messages, dialogue.asked.tools) == ("Why?", turns, [tool])


@pytest.mark.parametrize("asked", [{}, {"prompt": ""}, {"messages": []}, {"messages": [{"role": "tool"}]}])
def test_an_item_that_asks_nothing_is_refused(tmp_path, asked):
    (tmp_path / "items.jsonl").write_text(json.dumps({"id": "1", "answer": "So.", "scorer": "exact"} | asked))
    with pytest.raises(EngineError) as refused:
        read_items(tmp_path / "items.jsonl")
    assert refused.value.field == "items[1]"


@pytest.mark.parametrize(("longest", "context"), [(6, 10), (7, 10), (10, 10), (99, None)])
def test_nothing_is_cut_to_fit_the_base(longest, context):
    prompts, most = [[1] * longest, [1] * 2], 4
    if context is None or longest + most <= context:
        refuse_too_long(prompts, most, context)
        return
    with pytest.raises(EngineError) as refused:
        refuse_too_long(prompts, most, context)
    assert refused.value.field == "items" and str(longest) in refused.value.message
