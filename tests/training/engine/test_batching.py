"""Which rows a step sees."""

from hypothesis import given
from hypothesis import strategies as st

from training.engine.batching import make_plan
from training.engine.manifest import Recipe, TrainingRow


def rows(pairs: int, replay: int) -> list[TrainingRow]:
    kinds = ["pair"] * pairs + ["replay"] * replay
    return [TrainingRow(kind, "", f"{kind} {i}", "answer", "") for i, kind in enumerate(kinds)]  # type: ignore[arg-type]


@given(pairs=st.integers(1, 60), replay=st.integers(0, 200), size=st.integers(2, 32), seed=st.integers(0, 99))
def test_every_batch_holds_the_same_share_of_replay(pairs, replay, size, seed):
    plan = make_plan(rows(pairs, replay), Recipe(batch_size=size, epochs=2, min_steps=5), seed)
    for step in range(min(plan.steps, 20)):
        batch = plan.batch(step)
        assert len([i for i in batch if i < pairs]) == plan.pairs_per_batch
        assert len([i for i in batch if i >= pairs]) == plan.replay_per_batch
        assert not set(batch) & set(plan.kept_aside)


@given(pairs=st.integers(1, 60), seed=st.integers(0, 99))
def test_an_epoch_sees_every_pair_once(pairs, seed):
    plan = make_plan(rows(pairs, 0), Recipe(batch_size=1), seed)
    assert sorted(i for step in range(pairs) for i in plan.batch(step)) == list(range(pairs))


def test_few_pairs_are_not_repeated_in_a_batch():
    plan = make_plan(rows(3, 100), Recipe(batch_size=16, replay_share=0.5), seed=0)
    assert (plan.pairs_per_batch, plan.replay_per_batch) == (3, 13)
    assert len(set(plan.batch(0))) == 16


def test_few_pairs_still_get_enough_steps():
    assert make_plan(rows(3, 100), Recipe(epochs=15, min_steps=150), seed=0).steps == 150
    assert make_plan(rows(200, 100), Recipe(epochs=15, min_steps=150, batch_size=16), seed=0).steps == 375


def test_a_batch_does_not_depend_on_those_before_it():
    plan = make_plan(rows(30, 100), Recipe(), seed=3)
    in_order = [plan.batch(step) for step in range(10)]
    assert plan.batch(7) == in_order[7]
    assert make_plan(rows(30, 100), Recipe(), seed=4).batch(0) != in_order[0]
