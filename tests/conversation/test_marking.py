"""What a check points at is marked where it stands, in the row's own words."""

from hypothesis import given
from hypothesis import strategies as st

from conversation.differences import Part, folded, word_diff
from conversation.marking import AROUND, Mark, Piece, marked, marks_of


def test_a_mark_stands_in_the_text_itself():
    pieces = marked([Part("same", "Which train leaves Arden at nine?")], [Mark(6, 24, "Held-out overlap")])
    assert pieces == [
        Piece("same", "Which "),
        Piece("same", "train leaves Arden", "Held-out overlap"),
        Piece("same", " at nine?"),
    ]


def test_positions_count_in_the_corrected_answer_not_in_what_went():
    diff = word_diff("It costs 14 euros.", "It costs 30 euros.")
    pieces = marked(diff, [Mark(9, 11, "Held-out overlap")])
    assert Piece("gone", "14") in pieces
    assert Piece("new", "30", "Held-out overlap") in pieces
    assert [piece.text for piece in pieces if piece.marks] == ["30"]


def test_two_checks_may_point_at_the_same_words():
    pieces = marked([Part("same", "abcdef")], [Mark(0, 4, "Secrets"), Mark(2, 6, "Personal data")])
    assert [(piece.text, piece.marks) for piece in pieces] == [
        ("ab", "Secrets"),
        ("cd", "Secrets, Personal data"),
        ("ef", "Personal data"),
    ]


def test_a_long_text_is_opened_around_its_marks_only():
    text = " ".join(f"word{n}" for n in range(5000))
    start = text.index("word3000")
    pieces = marked(folded(text), [Mark(start, start + 8, "Held-out overlap")])
    assert [piece.text for piece in pieces if piece.marks] == ["word3000"]
    shown = sum(len(piece.text) for piece in pieces if piece.change != "skipped")
    assert shown < 4000 + 2 * AROUND
    assert sum(piece.change == "skipped" for piece in pieces) == 2
    assert marked(folded(text, whole=True), []) == [Piece("same", text)]


def test_marks_are_read_from_the_evidence_of_one_field():
    evidence = {"spans": [{"field": "prompt", "start": 4, "end": 9}, {"field": "answer", "start": 0, "end": 2}]}
    assert marks_of("prompt", [("Held-out overlap", evidence), ("Consent", {})]) == [Mark(4, 9, "Held-out overlap")]


@given(
    st.text(max_size=80),
    st.text(max_size=80),
    st.lists(st.tuples(st.integers(0, 90), st.integers(0, 90)), max_size=6),
)
def test_whatever_the_marks_the_words_stay(before, after, ranges):
    marks = sorted(Mark(min(pair), max(pair), "Check") for pair in ranges)
    pieces = marked(word_diff(before, after, whole=True), marks)
    assert "".join(piece.text for piece in pieces if piece.change in ("same", "new")) == after
    inside = "".join(piece.text for piece in pieces if piece.marks)
    assert inside == "".join(c for n, c in enumerate(after) if any(m.start <= n < m.end for m in marks))


def test_a_folded_stretch_opens_at_the_beginning_of_a_word():
    text = "lengthier " * 1000
    pieces = marked(folded(text), [Mark(5000, 5009, "Held-out overlap")])
    gap = next(n for n, piece in enumerate(pieces) if piece.change == "skipped")
    assert pieces[gap + 1].text.startswith("lengthier")
