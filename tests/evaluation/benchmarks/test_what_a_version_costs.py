"""Whoever owns a benchmark is told how many stored rows it keeps from training, and how many share its template."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from curation.models import ReverseCheck
from curation.screening.actions import open_missing_cases
from curation.thresholds.actions import save_policy
from evaluation.benchmarks.actions import adopt_policy
from evaluation.models import BenchmarkVersion
from feedback.actions import record_interaction, register_source, submit_correction
from tests.evaluation.conftest import rows
from tests.support.wordings import SHOWN

ASKED = (
    "Max bought stamps at the post office. Some of the stamps had a snowflake design, some had a truck design, and some"
    " had a rose design. Max bought {0} snowflake stamps, {1} more truck stamps than those, and {2} fewer rose stamps"
    " than truck stamps. How many stamps did Max buy in all?"
)
ITEMS = [{"question": ASKED.format(16, 3, 9), "answer": "45"}, *rows(6)]


@pytest.fixture
def stored(db: None) -> None:
    """One row that holds an item, two of its template with other numbers, and one of neither."""
    source = register_source("shop", "Shop", held_out_percent=0, by="process:test")
    prompts = (
        ASKED.format(16, 3, 9),
        ASKED.format(11, 8, 13),
        ASKED.format(24, 7, 5),
        "How long is the refund window?",
    )
    for number, prompt in enumerate(prompts):
        interaction = record_interaction(source, f"subject {number}", prompt, "14 days.", by="process:test")
        submit_correction(interaction.pk, replacement="Ask the porter.", consent=SHOWN, by="process:test")
    open_missing_cases(10, by="process:test")


def cost(version: BenchmarkVersion) -> tuple[int | None, int | None, int | None]:
    version.refresh_from_db()
    return version.rows_compared, version.rows_blocked, version.rows_of_template


def test_a_version_knows_the_rows_that_it_blocks_and_those_of_its_template(stored: None, publish: Any) -> None:
    assert cost(publish("towns", items=ITEMS)) == (4, 1, 2)


def test_without_the_items_that_overlap_it_blocks_none(stored: None, publish: Any) -> None:
    assert cost(publish("towns", items=ITEMS, overlapping="drop")) == (4, 0, 2)


def test_where_nothing_is_stored_it_costs_nothing(publish: Any) -> None:
    assert cost(publish("towns", items=ITEMS)) == (0, 0, 0)


def test_a_version_without_a_new_item_was_compared_with_nothing(stored: None, publish: Any) -> None:
    publish("towns", items=ITEMS)
    assert cost(publish("towns", items=ITEMS, margin=0.07)) == (None, None, None)


def test_rows_of_the_template_count_as_blocked_where_the_policy_blocks_them(
    stored: None, publish: Any, lead: Any
) -> None:
    publish("rivers", items=rows(3, "rivers"))
    save_policy({"template_limit": 0.25}, "Siblings are leaks here", replaces=0, by=lead)
    assert adopt_policy() is not None
    assert cost(publish("towns", items=ITEMS)) == (4, 3, 0)
    assert ReverseCheck.objects.latest("asked_at").same_template == 0


def test_page_and_api_say_so(stored: None, publish: Any, as_person: Any, examiner: Any) -> None:
    version = publish("towns", items=ITEMS)
    client: Client = as_person(examiner)
    page = client.get(reverse("evaluation:benchmark", args=[version.benchmark_id])).content.decode()
    assert "What version 1 costs in training rows" in page
    told = client.get(f"/api/v1/benchmarks/{version.benchmark_id}/").json()["versions"][0]
    assert (told["rows_compared"], told["rows_blocked"], told["rows_of_template"]) == (4, 1, 2)
    assert "snowflake" not in page
