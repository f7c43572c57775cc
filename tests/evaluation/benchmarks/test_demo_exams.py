"""The demo world's exams, published as the supervisor publishes them."""

import pytest

from curation.screening.current_epoch import open_registry
from evaluation.benchmarks.demo import background, publish_demo
from evaluation.models import BenchmarkVersion
from evaluation.vault.models import Item, ReferenceText
from training.demo_model import world

pytestmark = pytest.mark.django_db


@pytest.fixture
def demo(examiner) -> dict[str, BenchmarkVersion]:
    return {version.benchmark.kind: version for version in publish_demo(by=examiner)}


def test_three_kinds_of_a_useful_size(demo, examiner):
    assert demo["regression"].items >= 400
    assert demo["business"].items >= 150
    assert demo["safety"].items >= 240
    assert {kind: version.scorer for kind, version in demo.items()} == {
        "regression": "exact",
        "business": "exact",
        "safety": "refusal",
    }
    assert publish_demo(by=examiner) == [demo["regression"], demo["business"], demo["safety"]]


def test_the_reference_holds_no_item(demo):
    questions = set(Item.objects.values_list("question", flat=True))
    assert ReferenceText.objects.count() > 1_000
    assert not questions & {text.split("\n")[0] for text in background()}


def test_items_are_caught_and_lessons_are_not(demo):
    registry = open_registry()
    assert len(registry) == sum(version.items for version in demo.values())
    items = Item.objects.order_by("id")[:200]
    assert all(registry.check(item.question, item.answer).item_id for item in items)
    clean = [(row["prompt"], registry.check(row["prompt"], row["chosen"])) for row in world.corrections(60, seed=5)]
    assert [(prompt, overlap) for prompt, overlap in clean if overlap.blocked] == []
