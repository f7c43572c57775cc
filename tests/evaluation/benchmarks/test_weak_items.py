"""The benchmark's owner learns which items n-grams cannot protect, and why; nobody learns a word of them there."""

import psycopg
import pytest
from django.db import DatabaseError, transaction

from curation.screening.current_epoch import open_registry
from evaluation.models import WeakItem
from tests.evaluation.conftest import rows

pytestmark = pytest.mark.django_db

SHORT = {"question": "Who owns the red kettle?", "answer": "Tamsin"}


def test_items_that_are_too_short_are_named_by_line_and_reason(publish):
    items = [*rows(4), SHORT]
    version = publish("towns", items=items)
    (weak,) = WeakItem.objects.filter(why="short", position=4)
    assert weak.version == version and str(weak.item) in open_registry().unprotected


def test_every_unprotected_item_of_the_version_is_there(publish):
    publish("rivers", items=[*rows(3, "rivers"), SHORT])
    version = publish("towns", items=[*rows(6), SHORT, {"question": "Who sold it?", "answer": "Ann"}])
    kept = {str(item) for item in version.weak_items.values_list("item", flat=True)}
    assert kept <= set(open_registry().unprotected) and kept
    assert list(version.weak_items.filter(position__gte=6).values_list("position", flat=True)) == [6, 7]


def test_the_page_lists_them_without_their_words(publish, as_person, examiner):
    version = publish("towns", items=[*rows(4), SHORT])
    page = as_person(examiner).get(f"/evaluation/benchmarks/{version.benchmark_id}/").content.decode()
    for words in ("Word for word only", "Too short", str(version.weak_items.last().item)):
        assert words in page
    assert "kettle" not in page and "Tamsin" not in page


def test_they_are_published_once_and_stay(publish):
    publish("towns", items=[*rows(4), SHORT])
    with pytest.raises(DatabaseError), transaction.atomic():
        WeakItem.objects.update(why="common")
    with pytest.raises(DatabaseError), transaction.atomic():
        WeakItem.objects.all().delete()


@pytest.mark.parametrize("role", ["web", "screener", "trainer", "curator", "beat"])
def test_only_the_evaluator_writes_them(connect_as, role):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connect_as(role).execute("INSERT INTO evaluation_weakitem DEFAULT VALUES")
