"""Two named people, a reason, and only where the gate did not pass."""

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from audit.models import Event
from cftapp.base.refusal import Refused
from evaluation.gates.actions import confirm_waiver, queue_gate, request_waiver
from evaluation.models import Gate, Waiver
from tests.evaluation.conftest import with_verdict

pytestmark = pytest.mark.django_db


@pytest.fixture
def refused(run, three_kinds, engineer) -> Gate:
    return with_verdict(queue_gate(run, by=engineer), "FAIL")


def test_two_people_sign(refused, engineer, lead):
    waiver = request_waiver(refused, "  The handbook moved. ", by=engineer)
    assert (waiver.reason, waiver.is_confirmed) == ("The handbook moved.", False)
    waiver = confirm_waiver(waiver, by=lead)
    assert waiver.is_confirmed
    assert list(Event.objects.filter(name__startswith="waiver.").order_by("id").values_list("name", "actor")) == [
        ("waiver.requested", f"user:{engineer.pk}"),
        ("waiver.confirmed", f"user:{lead.pk}"),
    ]
    assert "handbook" not in bytes(Event.objects.get(name="waiver.requested").body).decode()


def test_nobody_signs_twice(refused, lead):
    waiver = request_waiver(refused, "It is urgent.", by=lead)
    with pytest.raises(Refused, match="yourself"):
        confirm_waiver(waiver, by=lead)
    with pytest.raises(IntegrityError, match="waiver_needs_two_people"), transaction.atomic():
        Waiver.objects.filter(pk=waiver.pk).update(confirmed_by=lead)


def test_a_third_signature_changes_nothing(refused, engineer, lead, outsider):
    waiver = confirm_waiver(request_waiver(refused, "It is urgent.", by=engineer), by=lead)
    with pytest.raises(Refused, match="confirmed already"):
        confirm_waiver(waiver, by=outsider)
    with pytest.raises(DatabaseError, match="second signature"), transaction.atomic():
        Waiver.objects.filter(pk=waiver.pk).update(confirmed_by=outsider)


@pytest.mark.parametrize("reason", ["", "  \n "])
def test_a_reason_is_required(refused, engineer, reason):
    with pytest.raises(Refused, match="reason"):
        request_waiver(refused, reason, by=engineer)


def test_a_passed_gate_needs_none(run, three_kinds, engineer):
    passed = with_verdict(queue_gate(run, by=engineer), "PASS")
    with pytest.raises(Refused, match="It passed"):
        request_waiver(passed, "To be sure.", by=engineer)


def test_a_gate_without_verdict_cannot_be_waived(run, three_kinds, engineer):
    gate = queue_gate(run, by=engineer)
    with pytest.raises(Refused, match="no verdict"):
        request_waiver(gate, "Let us go.", by=engineer)
    with pytest.raises(DatabaseError, match="no verdict"), transaction.atomic():
        Waiver.objects.create(gate=gate, reason="Let us go.", requested_by=engineer)
