"""Calls are read out of generated text, whatever pieces it comes in; what is no call stays text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.calls import CLOSE, OPEN, Call, CallReader

TIDE = '<tool_call>{"name": "tide", "arguments": {"port": "Holt"}}</tool_call>'
WIND = '<tool_call>\n{"name": "wind", "arguments": {}}\n</tool_call>'
CALLED = [("tide", {"port": "Holt"}), ("wind", {})]


def read(*pieces):
    """Text and calls, in their order; neighbouring texts joined."""
    reader, parts = CallReader(), []
    for piece in pieces:
        parts += reader.add(piece)
    parts += reader.flush()
    joined: list = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part if isinstance(part, str) else (part.name, json.loads(part.arguments)))
    return joined


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("At 14:20.", ["At 14:20."]),
        (TIDE, CALLED[:1]),
        (f"{TIDE}\n{WIND}", CALLED),
        (f"Let me look.\n{TIDE} \n {WIND}\n", ["Let me look.", *CALLED]),
        (f"{TIDE} Done.", [*CALLED[:1], "Done."]),
        ("a < b and <tool", ["a < b and <tool"]),
        ("Two words  \n", ["Two words  \n"]),
        ("", []),
    ],
)
def test_text_and_calls(written, parts):
    assert read(written) == read(*written) == parts


@pytest.mark.parametrize(
    "inside",
    [
        "tide(Holt)",
        '{"name": "tide"}',
        '{"name": "tide", "arguments": "Holt"}',
        '{"name": 3, "arguments": {}}',
        '{"name": "", "arguments": {}}',
        "[1]",
        "",
        "[" * 100_000,
    ],
)
def test_what_is_no_call_stays_text_and_the_next_call_is_read(inside):
    written = f"{OPEN}{inside}{CLOSE}"
    assert read(written) == [written]
    assert read(f"{written}{TIDE}") == [written, *CALLED[:1]]


@pytest.mark.parametrize("written", [TIDE[:-3], TIDE[:30], OPEN])
def test_an_unfinished_call_stays_text(written):
    assert read(*f"Wait. {written}") == [f"Wait. {written}"]


def test_an_end_mark_in_an_argument_ends_nothing():
    arguments = {"text": f"Write {CLOSE} and {OPEN}."}
    written = f'{OPEN}{{"name": "say", "arguments": {json.dumps(arguments)}}}{CLOSE}'
    assert read(written) == read(*written) == [("say", arguments)]


def test_no_part_of_a_mark_is_given_away_early():
    reader, given_away = CallReader(), []
    for letter in f"Wait. {TIDE}":
        given_away += reader.add(letter)
    *texts, call = given_away
    assert "".join(texts) == "Wait." and isinstance(call, Call)


def test_each_call_has_an_id_of_its_own():
    calls = list(CallReader().add(TIDE + TIDE))
    assert len({call.id for call in calls}) == 2
    assert calls[0].body["function"] == {"name": "tide", "arguments": '{"port": "Holt"}'}


@given(
    st.lists(st.sampled_from([TIDE, WIND, " ", "\n", "Well", "<", OPEN, CLOSE, "{", '"', "\\"]), max_size=8),
    st.data(),
)
def test_pieces_do_not_matter(parts, data):
    written = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(written)), max_size=6)))
    assert read(*(written[a:b] for a, b in zip([0, *cuts], [*cuts, len(written)], strict=True))) == read(written)
