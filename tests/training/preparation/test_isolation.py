"""A run that could open the vault does not train."""

import pytest

from cftapp.base.refusal import Refused
from tests.training.conftest import events
from training.actions import folder_of
from training.models import Run
from training.preparation import isolation
from training.work import work

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_trainer_that_is_let_into_the_vault_fails_the_run(queue):
    run = queue()
    work(run.pk)  # in this process, which is the owner of both databases

    run.refresh_from_db()
    assert run.state == Run.State.FAILED
    assert "let the login cft_owner into the vault" in run.error
    assert not (folder_of(run) / "manifest.json").exists()
    assert events(run) == ["run.queued", "run.started", "run.failed"]


def test_a_wrong_name_proves_nothing(queue, settings):
    settings.CFT_VAULT_NAME = "no_such_vault"
    run = queue()
    work(run.pk)

    run.refresh_from_db()
    assert run.state == Run.State.FAILED
    assert "CFT_VAULT_NAME" in run.error


def test_only_the_servers_refusal_counts():
    words = 'connection to server failed: FATAL:  permission denied for database "vault"\nDETAIL:  No CONNECT.'
    assert isolation.judged(words, "vault") == 'permission denied for database "vault"'
    for other in ("connection timed out", 'FATAL:  database "vault" does not exist'):
        with pytest.raises(isolation.NotIsolated):
            isolation.judged(other, "vault")


def test_a_queued_run_names_its_remedy_when_the_recipe_is_wrong(queue):
    with pytest.raises(Refused) as refused:
        queue(lr=7)
    (blocked,) = refused.value.blockers
    assert blocked.field == "lr"
    assert "Give a number" in blocked.remedy
    assert Run.objects.count() == 0
