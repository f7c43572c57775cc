from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from feedback.keyed_hashes import object_id, subject_hash
from feedback.lanes import lane_of

KEY = b"0123456789abcdef"
names = st.text(min_size=1, max_size=40)
percents = st.decimals(0, 100, places=2)


@given(names, percents, percents)
def test_raising_the_share_only_moves_subjects_to_held_out(name: str, share: Decimal, other_share: Decimal) -> None:
    low, high = sorted([share, other_share])
    if lane_of(KEY, "shop", name, low) == "held_out":
        assert lane_of(KEY, "shop", name, high) == "held_out"


@given(names)
def test_nothing_and_everything(name: str) -> None:
    assert lane_of(KEY, "shop", name, 0) == "training"
    assert lane_of(KEY, "shop", name, 100) == "held_out"


def test_the_share_is_kept() -> None:
    held_out = sum(lane_of(KEY, "shop", f"user-{n}", 10) == "held_out" for n in range(20_000))
    assert 1_850 <= held_out <= 2_150  # 2,000 ± 3.5 standard deviations


@given(names, names)
def test_the_lane_is_the_subjects_alone(name: str, other: str) -> None:
    lane = lane_of(KEY, "shop", name, 50)
    lane_of(KEY, "shop", other, 50)
    assert lane_of(KEY, "shop", name, 50) == lane


def test_another_key_draws_other_lanes() -> None:
    lanes = [lane_of(KEY, "shop", str(n), 50) for n in range(200)]
    other_lanes = [lane_of(b"another key 1234", "shop", str(n), 50) for n in range(200)]
    assert lanes != other_lanes


def test_a_known_answer_so_that_no_release_moves_a_subject() -> None:
    assert subject_hash(KEY, "shop", "u-1")[:16] == "f9858b328860eeb3"
    assert [lane_of(KEY, "shop", f"u-{n}", 50)[0] for n in range(12)] == list("hhthhtttthtt")


def test_the_subject_is_not_in_its_pseudonym_and_differs_by_source() -> None:
    assert subject_hash(KEY, "shop", "u-1") != subject_hash(KEY, "forum", "u-1")
    assert "u-1" not in subject_hash(KEY, "shop", "u-1")


@given(names)
def test_derived_ids_look_like_random_ones(name: str) -> None:
    assert object_id(KEY, name).version == 4
    assert object_id(KEY, name) == object_id(KEY, name) != object_id(KEY, name, "")
