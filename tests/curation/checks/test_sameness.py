"""A replacement that a reader cannot tell from the answer is no correction."""

import pytest

from curation.checks.sameness import is_same, seen

ANSWER = "Zoë owns the café.\nSince 1999."


@pytest.mark.parametrize(
    "replacement",
    [
        ANSWER,
        f"  {ANSWER}\n\n",
        ANSWER.replace(" ", "  "),
        ANSWER.replace("\n", "\r\n"),
        ANSWER.replace("\n", "  \n"),
        ANSWER.replace(" ", "\xa0"),
        ANSWER.replace("é", "e\u0301").replace("ë", "e\u0308"),
        "\ufeff" + ANSWER.replace("owns", "ow\u200bns"),
    ],
)
def test_the_same_to_a_reader_is_the_same(replacement):
    assert is_same(ANSWER, replacement)


@pytest.mark.parametrize(
    ("answer", "replacement"),
    [
        ("It is paris.", "It is Paris."),
        ("Paris", "Paris."),
        ("30 days", "31 days"),
        ("One\nTwo", "One Two"),
        ("if a:\n  b", "if a:\n    b"),
        ("\u0645\u06cc\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
        ("", "Paris."),
        ("naive", "naïve"),
    ],
)
def test_what_a_reader_sees_is_a_lesson(answer, replacement):
    assert not is_same(answer, replacement)


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b\ufeff", "\u00ad \u2060"])
def test_nothing_is_seen_in_unseen_characters(text):
    assert seen(text) == ""
