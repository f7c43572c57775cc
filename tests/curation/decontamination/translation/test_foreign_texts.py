"""Which passages of a row are in another language than the items, and which numbers stand in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.decontamination.meaning.passages import MOST_WINDOWS
from curation.decontamination.translation import foreign_texts
from curation.decontamination.translation.foreign_texts import agreement, languages_of, parts_of, written_numbers

GERMAN = "Wie viele Äpfel bleiben im Korb, wenn Peter fünf davon isst?"
ENGLISH = "How many apples are left in the basket when Peter eats five of them?"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1.250 Bücher, 1 250 livres, 1,250 books", {"1250"}),
        ("2,50 Euro and 2.5 dollars", {"2.5"}),
        ("9:40 Uhr, ９ h 40", {"9", "40"}),
        ("٣ كتب", {"3"}),
        ("keine Zahl", set()),
        ("007", {"7"}),
    ],
)
def test_numbers_are_read_as_languages_write_them(text, numbers) -> None:
    assert written_numbers(text) == numbers


def test_numbers_agree_where_the_row_writes_what_the_item_spells() -> None:
    assert agreement({1, 2}, {3}, {1, 2, 3}) == 1.0
    assert agreement({1, 2}, set(), {3, 4}) == -1.0
    assert agreement(set(), set(), {1}) == agreement({1}, set(), set()) == 0.0


def test_a_row_in_the_items_language_has_no_parts() -> None:
    assert parts_of(0, ENGLISH, "There are seven left.", ["en"]) == []


def test_a_row_in_another_language_is_read_as_a_whole_and_its_question() -> None:
    parts = parts_of(4, GERMAN, "Es bleiben noch sieben Äpfel übrig.", ["en"])
    assert [(part.row, part.language, part.start, part.end) for part in parts] == [
        (4, "de", 0, len(GERMAN) + 36),
        (4, "de", 0, len(GERMAN)),
    ]


def test_of_a_row_in_two_languages_each_stretch_is_read() -> None:
    (part,) = parts_of(0, f"{ENGLISH}\n{GERMAN}", "Seven of them are left.", ["en"])
    assert (part.text, part.language) == (GERMAN, "de")


def test_where_items_are_in_two_languages_a_row_in_one_is_read_for_the_other() -> None:
    assert {part.language for part in parts_of(0, ENGLISH, "", ["de", "en"])} == {"en"}


def test_a_long_text_is_read_in_a_bounded_number_of_windows() -> None:
    parts = parts_of(0, f"{GERMAN} " * 2_000, "", ["en"])
    assert len(parts) == MOST_WINDOWS
    assert max(len(part.text) for part in parts) < 1_000


def test_a_few_items_in_another_language_are_taken_for_a_mistake() -> None:
    items = [("a", ENGLISH, "")] * 60 + [("a", GERMAN, ""), ("a", "12 + 3", "15")]
    assert set(languages_of(items)) == {"en"}
    assert languages_of([*items, ("b", GERMAN, "")])[-1] == "de"
    assert languages_of([("c", "12 + 3", "15")]) == [foreign_texts.DEFAULT_LANGUAGE]


@given(st.text(max_size=300), st.text(max_size=100))
def test_parts_are_ranges_of_the_row_whatever_it_holds(prompt, answer) -> None:
    whole = f"{prompt}\n{answer}" if prompt and answer else prompt or answer
    for part in parts_of(0, prompt, answer, ["en"]):
        assert 0 <= part.start < part.end <= len(whole)
    assert all(number for number in written_numbers(prompt))
