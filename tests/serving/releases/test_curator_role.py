"""The curator worker's grants are enough for its tasks, now that it may write nothing that people decide."""

import pytest

from feedback.actions import withdraw_consent
from serving import tasks
from serving.models import Release
from tests.curation.screening.test_roles import signed_in_as
from tests.support import world

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_creates_releases_and_marks_withdrawals():
    world.base()
    ana = world.lesson("ana")
    run = world.finished_run(rows=world.dataset(ana))
    exam = world.gate(run)
    with signed_in_as("curator"):
        assert tasks.create_release(exam.pk) == 1
    withdraw_consent(ana.subject, by="visitor")
    with signed_in_as("curator"):
        assert tasks.mark_withdrawal(str(ana.subject_id)) == 4
        assert tasks.sweep() == {"created": 0, "marked": 0}
    assert Release.objects.get(number=1).learnt_from_withdrawn_at is not None
