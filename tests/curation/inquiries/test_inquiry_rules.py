"""The reply to an asker, and which questions look like a search: from values alone."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.decontamination.overlap import Overlap, Span
from curation.inquiries import rules as inquiry_rules
from curation.inquiries.rules import PastInquiry, reply, round_down, similarity, sketch, suspicion, text_code

KEY = b"k" * 32
TEXT = "A freight train leaves Arden at nine with forty wagons of gravel and stops twice to unload a quarter of them"


def past_inquiry(number, text=None, item="", score=0.0, age=timedelta()):
    text = text or f"something else entirely number {number} {number * 7919} {number * 104729} {number * 31}"
    return PastInquiry(age, text_code(KEY, text, ""), item, score, sketch(KEY, text, ""))


@given(st.floats(0, 1))
def test_a_score_is_rounded_down_to_a_step(score):
    assert 0 <= score - round_down(score) < inquiry_rules.STEP + 1e-8 or round_down(score) - score < 1e-8
    assert abs(round_down(score) / inquiry_rules.STEP - round(round_down(score) / inquiry_rules.STEP)) < 1e-9


@pytest.mark.parametrize(("score", "rounded"), [(0.3, 0.3), (0.3499, 0.3), (0.35, 0.35), (1.0, 1.0), (0.86, 0.85)])
def test_known_steps(score, rounded):
    assert round_down(score) == rounded


def test_a_blocked_score_is_never_shown_below_its_limit():
    answer = reply(Overlap(0.81, 0.81, "meaning", "i", "b"))
    assert (answer.score, answer.limit) == (0.8, 0.8)


def test_a_clean_answer_is_the_same_however_near():
    near = Overlap(0.299, 0.3, "containment", scores={"containment": 0.299})
    assert reply(near) == reply(Overlap(0.0, 0.3, "containment")) == inquiry_rules.Reply("clean")


def test_spans_are_bounded():
    many = Overlap(1.0, 0.3, "containment", "i", "b", [Span("prompt", i, i + 1) for i in range(99)])
    assert len(reply(many).spans) == inquiry_rules.MOST_SPANS


def test_a_code_tells_repetitions_and_needs_the_key():
    assert text_code(KEY, "a", "b") == text_code(KEY, "a", "b")
    assert len({text_code(KEY, "a", "b"), text_code(KEY, "ab", ""), text_code(b"j" * 32, "a", "b")}) == 3


def test_likeness_is_the_jaccard_of_words():
    first, second = sketch(KEY, "red blue green", ""), sketch(KEY, "blue green", "white")
    assert similarity(first, second) == 0.5
    assert similarity(first, first) == 1.0
    assert similarity(sketch(KEY, "", ""), first) == 0.0


def test_likeness_of_long_texts_is_estimated():
    words = [f"w{i}" for i in range(1200)]
    first, second = sketch(KEY, " ".join(words[:900]), ""), sketch(KEY, " ".join(words[300:]), "")
    assert len(first) == inquiry_rules.SKETCH
    assert abs(similarity(first, second) - 0.5) < 0.15


def test_many_texts_nearly_the_same():
    variants = [past_inquiry(i, " ".join([*TEXT.split()[:-1], f"w{i}"])) for i in range(13)]
    assert suspicion(variants[11], variants[:11]) is None
    assert suspicion(variants[12], variants[:12]) == inquiry_rules.Suspicion("alike", 13)


def test_the_same_text_again_is_no_search():
    assert suspicion(past_inquiry(0, TEXT, "item", 0.5), [past_inquiry(0, TEXT, "item", 0.5)] * 40) is None


def test_many_different_texts_are_no_search():
    assert suspicion(past_inquiry(99), [past_inquiry(i) for i in range(60)]) is None


def test_many_texts_of_one_item_even_padded_beyond_likeness():
    meets = [past_inquiry(i, item="item", score=0.5) for i in range(9)]
    assert suspicion(meets[7], meets[:7]) is None
    assert suspicion(meets[8], meets[:8]) == inquiry_rules.Suspicion("one_item", 9)


def test_a_slow_search_is_seen_within_the_day():
    slow = [
        past_inquiry(i, item="item", score=0.5, age=timedelta(hours=23) - i * timedelta(hours=1)) for i in range(21)
    ]
    slow[-1] = past_inquiry(20, item="item", score=0.5)
    assert suspicion(slow[-1], slow[:-1]) == inquiry_rules.Suspicion("one_item", 21)
    assert suspicion(slow[-1], slow[1:-1]) is None


def test_scores_that_creep_up():
    rising = [past_inquiry(i, item="item", score=0.3 + 0.05 * i) for i in range(6)]
    assert suspicion(rising[4], rising[:4]) is None
    assert suspicion(rising[5], rising[:5]) == inquiry_rules.Suspicion("creeping", 5)


def test_blocked_texts_of_different_items_are_daily_work():
    assert (
        suspicion(
            past_inquiry(99, item="item-99", score=1.0),
            [past_inquiry(i, item=f"item-{i}", score=1.0) for i in range(40)],
        )
        is None
    )


@pytest.mark.parametrize(("scores", "beaten"), [([], 0), ([0.5], 0), ([0.5, 0.4, 0.6, 0.6, 0.7], 2)])
def test_records(scores, beaten):
    assert inquiry_rules.records(scores) == beaten
