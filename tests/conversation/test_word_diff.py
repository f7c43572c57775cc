"""The difference that a reviewer reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.differences import MOST_TOKENS, word_diff

SHORT_TEXT = st.text(alphabet="ab c.,é\n", max_size=60)


def shown(before: str, after: str) -> list[tuple[str, str]]:
    return [(part.change, part.text) for part in word_diff(before, after)]


def test_one_changed_word() -> None:
    assert shown("refunded within 14 days", "refunded within 30 days") == [
        ("same", "refunded within "),
        ("gone", "14"),
        ("new", "30"),
        ("same", " days"),
    ]


def test_changes_that_only_a_space_keeps_apart_are_one_change() -> None:
    assert shown("runs by the month", "runs until its end") == [
        ("same", "runs "),
        ("gone", "by the month"),
        ("new", "until its end"),
    ]


def test_the_same_text_has_no_change() -> None:
    assert shown("as it was", "as it was") == [("same", "as it was")]


@pytest.mark.parametrize(("before", "after"), [("", "new"), ("old", ""), ("", "")])
def test_empty_sides(before: str, after: str) -> None:
    expected = ([("gone", before)] if before else []) + ([("new", after)] if after else [])
    assert shown(before, after) == expected


@given(SHORT_TEXT, SHORT_TEXT)
def test_both_texts_can_be_read_from_it(before: str, after: str) -> None:
    parts = word_diff(before, after)
    assert "".join(part.text for part in parts if part.change in ("same", "gone")) == before
    assert "".join(part.text for part in parts if part.change in ("same", "new")) == after


def test_a_long_unchanged_stretch_is_left_out() -> None:
    middle = " ".join(f"w{number}" for number in range(200))
    parts = word_diff(f"one {middle} two", f"uno {middle} due")
    assert [part.change for part in parts] == ["gone", "new", "same", "skipped", "same", "gone", "new"]
    assert int(parts[3].text) > 150
    assert "w100" not in "".join(part.text for part in parts if part.change == "same")


def test_very_long_texts_are_replaced_whole_at_once() -> None:
    before = "a " * MOST_TOKENS
    assert shown(before, "b") == [("gone", before), ("new", "b")]
