"""Which texts of a row are read, and beside which each is compared."""

import json

from hypothesis import given
from hypothesis import strategies as st

from conversation import read
from curation.batches.row_texts import Fields, conversation_in, pairs_beside, pairs_of, split_names, texts_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


@given(record=st.dictionaries(st.text(max_size=4).filter(lambda name: name != "id"), VALUES, max_size=4))
def test_every_text_of_a_row_is_compared_whatever_its_name_and_depth(record):
    texts, unread = texts_of(record)
    assert not unread
    rest = iter(texts)
    assert all(text in rest for text in strings(record))  # all of them, in their order
    compared = " ".join(part for pair in pairs_of(texts) for part in pair).split()
    assert all(word in compared for text in texts for word in text.split())


def test_a_text_may_be_a_name_an_id_bytes_or_a_pair_of_a_map():
    record = {
        "id": "who painted it",
        "qa": {"Who painted the gallery?": "Tarrant"},
        "raw": "ü".encode(),
        "map": [("key", "value")],
    }
    assert texts_of(record)[0] == ["who painted it", "Who painted the gallery?", "Tarrant", "ü", "key", "value"]
    assert texts_of({"id": "row-1", "n": 5, "ok": True, "none": None}) == ([], [])
    assert texts_of({"id": "x" * 65, "faq": {"谁画的": 1}})[0] == ["x" * 65, "谁画的"]


def test_what_is_not_read_is_named_by_its_path():
    record = {"id": 1, "prompt": "a", "messages": [{"role": "user", "content": "b"}], "n": 5, "empty": " "}
    assert texts_of(record, Fields(("prompt",))) == (["a"], ["messages.content", "messages.role"])
    assert texts_of(record, Fields(("prompt", "messages.content"))) == (["a", "b"], ["messages.role"])
    assert texts_of(record, Fields(left_out=("messages",))) == (["a", " "], ["messages.content", "messages.role"])
    assert texts_of({"image": {"bytes": b"\x89PNG\xff"}, "q": "a"}) == (["a"], ["image.bytes"])
    assert Fields(left_out=("messages",)).unnamed(["messages.role", "messages2"]) == ["messages2"]


def test_depth_is_no_limit():
    deep = json.loads("[" * 400 + '"end"' + "]" * 400)
    assert texts_of({"a": deep})[0] == ["end"]


def test_a_question_meets_its_answer():
    q, a, more = "Who painted it?", "Osmund Tarrant did.", "And when was that?"
    assert pairs_of(["x"]) == [("x", "")]
    assert pairs_of(["", "y"]) == [("", "y")]
    assert pairs_of(["user", q, "assistant", a]) == [(q, a), ("user assistant", "")]
    assert pairs_of(["user", q, "assistant", a, "user", more]) == [(q, a), (a, more), (more, "user assistant user")]
    asked, answered = "冬天谁在灯塔的北廊上涂了三种颜料中的哪一种", "守灯人用他姐姐从悬崖上磨来的赭石涂的"
    assert pairs_of(["user", asked, "assistant", answered]) == [(asked, answered), ("user assistant", "")]
    assert pairs_of(["Who", "painted", "it?"]) == [("Who painted it?", "")]
    assert pairs_of([q, "en", "https://example.org/"]) == [(q, "en https://example.org/")]


def test_names_are_written_with_commas():
    assert split_names(" a , b.c,, ") == ("a", "b.c")


def test_a_conversation_is_walked_as_stored_ones_are():
    question, answer = "Who painted the gallery?", "Osmund Tarrant did."
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    record = {"id": 1, "messages": messages}
    conversation = conversation_in(record)
    assert conversation == read(messages)
    assert pairs_beside(conversation, record, texts_of(record)[0]) == [("user", "assistant")]
    beside = record | {"source": "a blog of the coast"}
    assert (question, answer) in pairs_beside(conversation, beside, texts_of(beside)[0])


def test_what_is_no_conversation_or_may_not_be_read_is_none():
    messages = [{"role": "user", "content": "a"}]
    assert conversation_in({"messages": messages}, Fields(("messages.role",))) is None
    assert conversation_in({"messages": messages}, Fields(left_out=("messages",))) is None
    assert conversation_in({"messages": [{"from": "human", "value": "a"}]}) is None
    assert conversation_in({"text": "a"}) is None
