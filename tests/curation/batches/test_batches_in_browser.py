"""The pages of batches in a browser: accessible in both schemes, fit for a phone, and used without scripts."""

from collections.abc import Callable
from typing import Any

import pytest

from curation.batches import actions as batch_actions
from curation.batches.row_texts import Fields
from curation.models import BatchScreening
from tests.curation.conftest import TEST
from tests.support.live import look
from tests.support.people import person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_columns_are_chosen_and_what_was_not_read_is_read_about(open_live: Callable[..., Any]) -> None:
    page = open_live(person("erin", "engineer"))
    page.goto("/curation/batches/")
    page.fill("[name=input_name]", "july/preferences.csv.zst")
    page.fill("[name=output_name]", "july/report.parquet")
    page.fill("[name=columns]", "prompt, chosen.content")
    page.click("button.primary")
    page.wait_for_selector("text=prompt, chosen.content")
    assert BatchScreening.objects.get().columns == ["prompt", "chosen.content"]

    fields = Fields(("prompt",), ("link",))
    other = batch_actions.queue_batch("rows.json", "report.jsonl", fields=fields, by=TEST)
    other.unread = {"rejected.content": 1_204, "link": 88}
    other.save(update_fields=["unread"])
    page.goto(f"/curation/batches/{other.pk}/")
    assert page.is_visible("text=“Clean” says nothing about rejected.content")
    assert look(page) == []
    page.goto("/curation/batches/")
    assert look(page) == []
