"""What was worked out lately is remembered by a hash, and no more of it than fits."""

from curation.checks.remembered import Remembered, digest


def test_the_least_recently_used_is_forgotten_first() -> None:
    known: Remembered[int] = Remembered(most=2)
    known.keep("a", 1)
    known.keep("b", 2)
    assert known.get("a") == 1
    known.keep("c", 3)
    assert [known.get(key) for key in "abc"] == [1, None, 3]


def test_texts_are_told_apart_without_being_kept() -> None:
    assert digest("a") != digest("b")
    assert digest("half a pair: \ud800") != digest("half a pair: \ud801")
