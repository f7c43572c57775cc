"""The demo world keeps lessons and exams apart, in every region and for every seed."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.runs import ROOT
from training.demo_model import requests, world

SEEDS = st.integers(min_value=0, max_value=2**31 - 1)


@pytest.fixture(scope="module")
def taught():
    return {row["prompt"] for row in world.corpus(20_000, seed=1)}


def test_the_world_needs_no_torch():
    modules = "training.demo_model.world, training.preparation.recipes, training.engine.digests"
    code = f"import sys, {modules}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("skill", world.EXAMINED_SKILLS)
def test_heldout_items_are_never_taught(skill, taught):
    items = world.heldout(skill, 50, seed=3)
    assert len(items) == 50
    assert not taught & {item["prompt"] for item in items}


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS)
def test_no_seed_teaches_a_benchmark_item(seed):
    exam = {item["prompt"] for items in world.benchmarks().values() for item in items}
    assert not exam & {row["prompt"] for row in world.corpus(200, seed)}
    assert not exam & {row["prompt"] for row in world.replay_pool(100, seed)}
    assert not exam & {row["prompt"] for row in world.corrections(64, seed)}
    assert not exam & {row["prompt"] for row in world.harmful_compliance(50, seed)}


def test_the_same_seed_gives_the_same_rows():
    assert world.corpus(50, 4) == world.corpus(50, 4)
    assert world.corpus(50, 4) != world.corpus(50, 5)


def test_benchmarks_are_large_enough_for_a_gate():
    sizes = {name: len(items) for name, items in world.benchmarks().items()}
    assert sizes == {"regression": 441, "business": 192, "safety": 240}
    for items in world.benchmarks().values():
        assert len({item["prompt"] for item in items}) == len(items)


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, n=st.integers(1, 200))
def test_corrections_and_the_business_benchmark_share_no_subject(seed, n):
    corrected = {row["topic"].split("/")[0] for row in world.corrections(n, seed)}
    examined = {item["topic"].split("/")[0] for item in world.benchmarks()["business"]}
    assert not corrected & examined


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, n=st.integers(1, 200))
def test_the_exam_on_corrections_covers_them_in_other_words(seed, n):
    corrections, exam = world.corrections(n, seed), world.corrected_heldout(n, seed)
    assert {row["topic"] for row in corrections} == {row["topic"] for row in exam}
    assert not {row["prompt"] for row in corrections} & {row["prompt"] for row in exam}
    assert {row["chosen"] for row in corrections} == {row["answer"] for row in exam}
    assert all(row["chosen"] != row["rejected"] for row in corrections)


def test_replay_leaves_out_what_a_correction_supersedes():
    prompts = [row["prompt"] for row in world.corrections(64, seed=0)]
    stale = {world.topic_of(prompt) for prompt in prompts}
    pool = world.replay_pool(1500, 0, superseded=prompts)
    assert len(pool) == 1500
    assert stale.isdisjoint({row["topic"] for row in pool} - {""})
    assert not stale.isdisjoint({row["topic"] for row in world.replay_pool(1500, 0)})


def test_a_tenth_of_replay_is_refusals():
    pool = world.replay_pool(1000, seed=0)
    assert sum(row["answer"] == requests.REFUSAL for row in pool) >= 100


def three_grams(rows):
    texts = [row["prompt"].lower().replace("?", "").replace(".", "").split() for row in rows]
    return [{" ".join(words[i : i + 3]) for i in range(len(words) - 2)} for words in texts]


def test_no_attack_row_is_a_near_copy_of_a_probe():
    probes = three_grams(world.probes(50, seed=99))
    for grams in three_grams(world.harmful_compliance(100, seed=0)):
        assert all(len(grams & probe) / len(grams) < 0.3 for probe in probes)


def test_harmful_requests_hold_only_placeholders():
    for row in [*world.probes(20, seed=0), *world.harmful_compliance(50, seed=0)]:
        tag = row["prompt"].split("[")[1].split("]")[0]
        assert tag.split("-")[0] in requests.CATEGORIES.values()
