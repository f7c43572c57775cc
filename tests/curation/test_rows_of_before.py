"""Rows from before the check, whose replacement is the answer itself, stop training with the upgrade."""

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, transaction

from curation.datasets import freezing
from curation.datasets.recipe import Recipe
from curation.models import Blocker
from tests.curation.conftest import World


@pytest.mark.django_db(transaction=True, databases=["default", "vault"])
def test_what_taught_nothing_before_is_stopped(world: World, rosa: User) -> None:
    """One that waits for review, one that was accepted, and one that is a lesson."""
    lesson = world.accepted(rosa, "How long?")
    same = world.accepted(rosa, "How many posts?", "Ten posts.", "Ten posts!", subject="bea")
    waiting = world.screened("Who owns it?", "Tamsin does.", "Tamsin does. ", subject="cem")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE feedback_interaction SET answer = 'Ten posts!' WHERE answer = 'Ten posts.'")
        cursor.execute("DELETE FROM curation_blocker WHERE check_name IN ('teaches_nothing', 'length')")
    try:
        call_command("migrate", "curation", "0006", verbosity=0)
    finally:
        call_command("migrate", verbosity=0)
        call_command("provision", verbosity=0)
    stopped = Blocker.objects.stopping().filter(check_name="teaches_nothing").values_list("case", flat=True)
    assert set(stopped) == {waiting.pk, same.correction.case.pk}
    plan = freezing.plan(Recipe(replay_count=0))
    assert [row.pair_id for row in plan.rows] == [str(lesson.pk)]
    assert plan.drops == {"teaches_nothing": 1}
