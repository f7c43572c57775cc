"""The same actions as the processes that call them: each role's grants are enough for its work."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connections

from cftapp.access.roles import ROLES, password_variable
from curation.datasets import actions as dataset_actions
from curation.datasets import freezing
from curation.datasets.recipe import Recipe
from curation.models import Case, Pair
from curation.screening import actions as screening_actions
from curation.triage import actions as triage_actions
from feedback.actions import record_interaction, submit_correction, withdraw_consent
from tests.curation.conftest import TEST
from tests.support.people import signed_in
from tests.support.wordings import SHOWN

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])


@contextmanager
def signed_in_as(role: str) -> Iterator[None]:
    """Django's connection to the default database, as a process role."""
    connection = connections["default"]
    kept = {name: connection.settings_dict[name] for name in ("USER", "PASSWORD")}
    login = ROLES[role].logins["default"]
    connection.close()
    connection.settings_dict.update({"USER": login, "PASSWORD": os.environ[password_variable(login)]})
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user")
            assert cursor.fetchone()[0] == login
        yield
    finally:
        connection.close()
        connection.settings_dict.update(kept)


def test_the_screener_opens_screens_and_withdraws(world, rosa):
    accepted = world.accepted(rosa, "One?")
    interaction = record_interaction(world.shop, "bea", "Two?", "14 days.", by=TEST)
    correction = submit_correction(interaction.pk, replacement="30 days.", consent=SHOWN, by=TEST)
    submit_correction(interaction.pk, replacement="31 days.", consent=SHOWN, by=TEST)
    dataset_actions.import_replay_rows([{"skill": "chat", "prompt": "Hello", "answer": "Hi"}], by=TEST)
    withdraw_consent(accepted.subject, by=TEST)
    with signed_in_as("screener"):
        case = screening_actions.open_case("correction", correction.pk, by="process:screener")
        assert screening_actions.open_missing_cases(10, by="process:screener") == 1
        assert screening_actions.screen_case(case.pk, world.registry, by="process:screener") == case
        assert screening_actions.screen_waiting(10, world.registry, by="process:screener") == 1
        assert screening_actions.rescreen_subjects([case.subject_id], by="process:screener") == 0
    withdraw_consent(case.subject, by=TEST)
    with signed_in_as("screener"):
        assert screening_actions.rescreen_subjects([case.subject_id], by="process:screener") == 2
        assert screening_actions.screen_waiting(10, world.registry, by="process:screener") == 2
        assert screening_actions.screen_replay_rows(10, world.registry, by="process:screener") == 1
        assert screening_actions.withdraw_unconsented(by="process:screener") == 1
        assert screening_actions.withdraw_pairs(accepted.subject_id, by="process:screener") == 0
    assert Case.objects.filter(state="open").count() == 2


def test_people_review_and_freeze_through_the_web(world, rosa, erin):
    world.screened("One?"), world.screened("Two?", subject="bea")
    world.replay({"skill": "chat", "prompt": "Hello", "answer": "Hi"})
    with signed_in_as("web"):
        first = triage_actions.claim_next_case(rosa)
        triage_actions.decide_case(first.pk, "accepted", by=rosa)
        triage_actions.undo_verdict(first.pk, by=rosa)
        triage_actions.decide_case(first.pk, "accepted", by=rosa)
        second = triage_actions.claim_next_case(rosa)
        triage_actions.claim_next_case(rosa, after=second.pk)
        triage_actions.claim_case(rosa, second.pk)
        triage_actions.decide_case(second.pk, "taste", by=rosa)
        assert dataset_actions.import_replay_rows([{"skill": "chat", "prompt": "Bye", "answer": "Bye"}], by=erin) == 1
        assert freezing.plan(Recipe()).pair_count == 1
        assert dataset_actions.freeze_dataset("first", {"replay_count": 1}, by=erin).pair_count == 1
    assert Pair.objects.get().state == "accepted"


def test_every_page_is_served_by_the_web_role(world, rosa, erin):
    pair = world.accepted(rosa)
    dataset = dataset_actions.freeze_dataset("first", {"replay_count": 0}, by=erin)
    client = signed_in(erin)
    with signed_in_as("web"):
        for path in ("pairs/", f"pairs/{pair.pk}/", "datasets/", f"datasets/{dataset.pk}/", "datasets/freeze/"):
            assert client.get(f"/curation/{path}").status_code == 200
        assert client.get("/api/v1/datasets/").status_code == 200
