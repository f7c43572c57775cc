"""The curator worker's grants are enough for its tasks, now that it may write nothing that people decide."""

import pytest

from feedback.actions import withdraw_consent
from serving import tasks
from serving.models import Release
from tests.curation.screening.test_roles import signed_in_as
from tests.support import serving_rows

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_creates_releases_and_marks_withdrawals():
    serving_rows.base_release()
    ana = serving_rows.accepted_pair("ana")
    run = serving_rows.finished_run(rows=serving_rows.dataset(ana))
    gate = serving_rows.judged_gate(run)
    with signed_in_as("curator"):
        assert tasks.create_release(gate.pk) == 1
    withdraw_consent(ana.subject, by="visitor")
    with signed_in_as("curator"):
        assert tasks.mark_withdrawal(str(ana.subject_id)) == 4
        assert tasks.sweep() == {"created": 0, "marked": 0}
    assert Release.objects.get(number=1).learnt_from_withdrawn_at is not None
