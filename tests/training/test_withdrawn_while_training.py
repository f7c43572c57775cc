"""A run that trains when consent goes is stopped, at once, and says why."""

import pytest
from django.db import connection

from audit.models import Event
from curation.models import Dataset
from feedback.actions import withdraw_consent
from feedback.models import Subject
from tests.training.conftest import events
from training import actions, work
from training.models import Run
from training.preparation import prepare

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_is_stopped_and_says_why(queue, monkeypatch):
    """The engine starts, somebody withdraws, and the follower's next look ends it."""
    run = queue(min_steps=50_000, checkpoint_every=1_000, eval_every=0)
    monkeypatch.setattr(work, "CONSENT_SECONDS", 0.1)
    monkeypatch.setattr(prepare.isolation, "vault_refusal", lambda vault: "permission denied")  # we are the owner
    looks = []

    def withdrawn_at_the_second_look(dataset):
        looks.append(dataset)
        if len(looks) == 2:
            withdraw_consent(Subject.objects.first(), by="visitor")
        return now(dataset)

    now = work.refuse_withdrawn_now
    monkeypatch.setattr(work, "refuse_withdrawn_now", withdrawn_at_the_second_look)

    assert work.work(run.pk) == Run.State.STOPPED

    run.refresh_from_db()
    assert "1 rows of dataset" in run.error and "withdrawn or erased" in run.error
    assert events(run)[-2:] == ["run.started", "run.stopped"]
    assert Event.objects.filter(name="run.stopped").latest("id").detail["why"] == "withdrawn"
    assert not (actions.folder_of(run) / "rows.jsonl").exists()
    assert run.adapter_sha256 == ""


def test_an_engine_that_ended_before_anybody_looked_finishes_nothing(queue):
    run = actions.start_run(queue().pk)
    withdraw_consent(Subject.objects.first(), by="visitor")
    with connection.cursor() as cursor:
        cursor.execute("SELECT curation_withdrawn_rows(%s)", [Dataset.objects.get().pk])
        assert cursor.fetchone() == (1,)
    with pytest.raises(Exception, match="withdrawn or erased"):
        Run.objects.filter(pk=run.pk).update(state="finished", adapter_sha256="a" * 64, vault_refusal="denied")
