"""A text comes apart at its own joints, and nothing of it is left out."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.decontamination.parts.joints import LEAST_WORDS, MOST_BLOCKS, MOST_VALUES, blocks, said_in_record

FIRST = "The ferry to the island leaves at nine every morning."
SECOND = "How many tickets did the harbour office sell in all of May?"
THIRD = "They sold four hundred, most of them to families of five."


def parts_of(text: str) -> list[str]:
    return [text[start:end] for start, end in blocks(text)]


@pytest.mark.parametrize(
    "text",
    [
        f"{FIRST}\n\n{SECOND}\n\n{THIRD}",
        f"user: {FIRST}\nuser: {SECOND}\nassistant: {THIRD}",
        f"### {FIRST}\n### {SECOND}\n### {THIRD}",
        f"<|im_start|>user {FIRST}<|im_end|><|im_start|>user {SECOND}<|im_end|><|im_start|>assistant {THIRD}",
        f"[INST] {FIRST} [/INST] {SECOND} [INST] {THIRD}",
    ],
)
def test_turns_and_paragraphs_are_parts(text: str) -> None:
    assert any(SECOND in part and FIRST not in part for part in parts_of(text))
    assert all(any(said in part for part in parts_of(text)) for said in (FIRST, SECOND, THIRD))


def test_a_text_in_one_piece_has_no_parts() -> None:
    assert blocks(SECOND) == []
    assert blocks("") == []


def test_a_short_line_goes_on_in_the_next() -> None:
    parts = parts_of(f"Note\n\n{FIRST}\n\nYes.\n\n{SECOND}")
    assert [part.split()[0] for part in parts] == ["Note", "Yes."]


def test_the_strings_of_a_record_are_read_without_it() -> None:
    record = {"messages": [{"role": "user", "content": json.dumps({"q": SECOND, "options": [FIRST, "no"]})}]}
    assert said_in_record(json.dumps(record)) == f"{SECOND}\n{FIRST}"
    assert said_in_record(SECOND) == said_in_record('{"a": ') == said_in_record('{"a": "word"}') == ""
    many = json.dumps([f"{number} {FIRST}" for number in range(2 * MOST_VALUES)])
    assert len(said_in_record(many).splitlines()) == MOST_VALUES


def test_many_parts_are_joined_and_cover_the_text() -> None:
    text = "\n\n".join(f"{number} {SECOND}" for number in range(100))
    parts = parts_of(text)
    assert len(parts) == MOST_BLOCKS
    assert all(any(f"{number} {SECOND}" in part for part in parts) for number in range(100))


@given(st.lists(st.sampled_from(["word ", "user: ", "\n\n", "```\n", "# ", "<|x|>", "{", '"a b"', ": "]), max_size=200))
def test_parts_are_in_order_and_hold_every_word(pieces: list[str]) -> None:
    text = "".join(pieces)
    parts = blocks(text)
    assert all(first[1] <= second[0] for first, second in zip(parts, parts[1:], strict=False))
    if parts and len(text.split()) >= LEAST_WORDS:
        assert parts[0][0] == 0
        assert not text[parts[-1][1] :].strip()


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000, "\n\n" * 100_000, "user:" * 50_000, "<|" * 50_000])
def test_hostile_text_is_read(text: str) -> None:
    assert len(blocks(text)) <= MOST_BLOCKS
    assert len(said_in_record(text)) <= len(text)
