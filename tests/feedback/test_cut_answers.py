"""An answer that was cut stays recorded as cut, and no lesson comes of it by itself."""

import pytest
from django.db import connection, transaction

from curation.models import Case, Pair
from curation.screening.actions import open_missing_cases
from feedback.actions import record_interaction
from feedback.models import Interaction, Source


@pytest.fixture(params=["client", "model_server"])
def cut(request: pytest.FixtureRequest, shop: Source) -> Interaction:
    return record_interaction(shop, "u-1", "How long?", "Within four", cut_by=request.param, by="visitor")


def test_not_even_the_owner_says_otherwise_later(cut: Interaction) -> None:
    for value in {"", *Interaction.CutBy.values} - {cut.cut_by}:
        with pytest.raises(Exception, match="cut_by is refused"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE feedback_interaction SET cut_by = %s", [value])


def test_a_whole_answer_is_not_cut_later(shop: Source) -> None:
    record_interaction(shop, "u-1", "How long?", "Within four weeks.", by="visitor")
    with pytest.raises(Exception, match="cut_by is refused"), connection.cursor() as cursor:
        cursor.execute("UPDATE feedback_interaction SET cut_by = 'client'")


def test_it_stays_when_the_words_are_erased(cut: Interaction) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE feedback_interaction SET prompt = '', answer = ''")
    assert Interaction.objects.get().cut_by == cut.cut_by


def test_no_lesson_comes_of_it_by_itself(cut: Interaction) -> None:
    assert not open_missing_cases(100, by="process:test")
    assert not Case.objects.exists() and not Pair.objects.exists()
