"""PostgreSQL itself refuses what must not happen to a run."""

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from cftapp.base import jobs
from cftapp.base.jobs import Job
from training import actions
from training.models import Run

pytestmark = pytest.mark.django_db(transaction=True)


def finished(run):
    claimed = actions.start_run(run.pk)
    jobs.end(claimed, Job.State.FINISHED, adapter_sha256="a" * 64, vault_refusal="permission denied")
    return claimed


@pytest.mark.parametrize("change", [{"adapter_sha256": "b" * 64}, {"state": "queued"}, {"step": 9}, {"seed": 7}])
def test_a_finished_run_is_final(queue, change):
    run = finished(queue())

    with pytest.raises(IntegrityError, match="its record is final"), transaction.atomic():
        Run.objects.filter(pk=run.pk).update(**change)


def test_a_finished_run_can_be_marked(queue):
    run = finished(queue())
    assert Run.objects.filter(pk=run.pk).update(learnt_from_withdrawn_at=Now()) == 1


@pytest.mark.parametrize("change", [{"seed": 7}, {"recipe": {}}, {"base_sha256": "c" * 64}])
def test_what_decides_the_result_is_fixed_when_it_is_queued(queue, change):
    run = queue()

    with pytest.raises(IntegrityError, match="is fixed"), transaction.atomic():
        Run.objects.filter(pk=run.pk).update(**change)


def test_a_fencing_token_never_shrinks(queue):
    run = actions.start_run(queue().pk)

    with pytest.raises(IntegrityError, match="older than"), transaction.atomic():
        Run.objects.filter(pk=run.pk).update(fencing_token=0)


def test_a_run_without_an_adapter_or_without_a_refusal_does_not_finish(queue):
    run = actions.start_run(queue().pk)

    with pytest.raises(IntegrityError, match="finished_run_has_an_adapter"), transaction.atomic():
        jobs.end(run, Job.State.FINISHED, vault_refusal="permission denied")
    with pytest.raises(IntegrityError, match="finished_run_was_refused_by_the_vault"), transaction.atomic():
        jobs.end(run, Job.State.FINISHED, adapter_sha256="a" * 64)


FORGED = [
    {"state": "finished", "adapter_sha256": "a" * 64, "vault_refusal": "denied"},
    {"adapter_sha256": "a" * 64},
    {"manifest": {}, "manifest_sha256": "b" * 64},
    {"fencing_token": 1},
]


@pytest.mark.parametrize("answer", FORGED)
def test_a_run_begins_with_nothing_done(dataset, edda, answer):
    with pytest.raises(IntegrityError, match="begins as queued"), transaction.atomic():
        Run.objects.create(dataset=dataset, recipe={}, base_model="base", created_by=edda, **answer)
