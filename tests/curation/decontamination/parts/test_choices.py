"""A question with options comes apart into its stem, its options and the right one, in every usual layout."""

import pytest

from curation.decontamination.parts.choices import choice_of

STEM = "Which of these gases do plants take in?"
OPTIONS = ("oxygen", "carbon dioxide", "helium", "none of them")


@pytest.mark.parametrize(
    "layout",
    [
        "{}\nA. {}\nB. {}\nC. {}\nD. {}",
        "{}\n\nA) {}\nB) {}\nC) {}\nD) {}\nAnswer:",
        "{}\n(a) {}\n(b) {}\n(c) {}\n(d) {}",
        "{} (A) {} (B) {} (C) {} (D) {}",
        "{} A. {} B. {} C. {} D. {}",
        "{}\nOptions:\n1. {}\n2. {}\n3. {}\n4. {}",
        "{}\n- A: {}\n- B: {}\n- C: {}\n- D: {}\n\nThe answer is:",
        "{}\n[A] {}\n[B] {}\n[C] {}\n[D] {}",
    ],
)
def test_stem_and_options_are_found_by_their_labels(layout: str) -> None:
    choice = choice_of(layout.format(STEM, *OPTIONS))
    assert choice is not None
    assert (choice.stem, choice.options) == (STEM, OPTIONS)


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("carbon dioxide", "carbon dioxide"),
        ("B", "carbon dioxide"),
        ("(b)", "carbon dioxide"),
        ("B.", "carbon dioxide"),
        ("The answer is B.", "carbon dioxide"),
        ("Answer: b", "carbon dioxide"),
        ("B. carbon dioxide", "carbon dioxide"),
        ("E", "E"),
        ("Plants take in carbon dioxide, as Priestley found.", "Plants take in carbon dioxide, as Priestley found."),
    ],
)
def test_the_right_option_is_the_answer_or_the_one_it_names(answer: str, right: str) -> None:
    choice = choice_of(f"{STEM}\nA. {OPTIONS[0]}\nB. {OPTIONS[1]}\nC. {OPTIONS[2]}\nD. {OPTIONS[3]}")
    assert choice is not None
    assert choice.right(answer) == right


def test_numbers_as_labels_name_numbers() -> None:
    choice = choice_of(f"{STEM}\n1. {OPTIONS[0]}\n2. {OPTIONS[1]}")
    assert choice is not None
    assert choice.right("2") == OPTIONS[1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "How many of the 3 apples are left?",
        "A. I agree.",
        "Vitamin A. is good, and so is B. or so they say",
        "Do this:\n2. Open the box\n3. Close it",
        "A. first\nB. second",
        "def f(a):\n    return a",
    ],
)
def test_other_texts_have_no_options(text: str) -> None:
    choice = choice_of(text)
    assert choice is None or (choice.stem and all(choice.options))


def test_an_answer_that_is_an_option_names_none() -> None:
    choice = choice_of("What is 2 + 3?\nA. 4\nB. 5\nC. 1")
    assert choice is not None
    assert [choice.right(answer) for answer in ("5", "1", "7", "c")] == ["5", "1", "7", "1"]


def test_letters_within_the_stem_do_not_end_it() -> None:
    choice = choice_of("Plan A. costs 3.\nWhich plan costs more?\nA. the first\nB. the second")
    assert choice is not None
    assert choice.options == ("the first", "the second")


def test_time_is_linear_in_hostile_text() -> None:
    for text in ("A. " * 50_000, "\n(a) x" * 50_000, "(" * 100_000, "A. B. " * 30_000):
        choice_of(text)
    for gap in (" ", "\n", "options ", "answer\t"):
        choice_of(f"Q{gap * 50_000}?\nA. x\nB. y{gap * 50_000}")
