"""Separation of duties: every pair of steps that must be two people is walked, by the action and by SQL of the owner.

Whoever took the first step is refused the second, with every role there is; somebody else with the role may take it. A
model that names two people and stands in neither list below fails the last test: decide which it is.
"""

from dataclasses import dataclass
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from cftapp.accounts.actions import confirm_request, decline_request, request_role
from cftapp.base.accounts import ROLES
from cftapp.base.refusal import Forbidden
from curation.inquiries.actions import settle_alert
from curation.models import Case, Inquiry, InquiryAlert
from curation.triage.actions import claim_case, decide_case
from curation.triage.override_actions import confirm_override, decline_override, request_override
from evaluation.gates.actions import confirm_waiver, request_waiver
from feedback.actions import grant_consent, record_interaction, submit_correction
from serving.models import Release
from serving.releases.actions import promote
from serving.releases.roll_back_waivers import confirm_roll_back_waiver, request_roll_back_waiver
from tests.curation.conftest import EXAM, TEST, epoch, exam, shop, world  # noqa: F401  # fixtures
from tests.support import serving_rows
from tests.support.people import person
from tests.support.wordings import SHOWN

pytestmark = pytest.mark.django_db(databases=["default", "vault"])

ONE_PERSON_MAY_DO_BOTH = {
    "curation.case": "Holding a case is how it is decided.",
    "evaluation.proposal": "An examiner answers for the upload and for what becomes of it; a machine compares.",
}


@dataclass
class Pair:
    """Two steps. `first` takes the first one and returns its row; `second` is tried by both people on that row."""

    model: str
    first: Any
    second: Any
    signature: str  # the column that the second person's name is written to


def correction(world, by):  # noqa: F811
    recorded = record_interaction(world.shop, "ann", "How long is it?", "14 days.", by=TEST)
    given = submit_correction(recorded.pk, replacement="30 days.", by=by)
    grant_consent(recorded.subject, wording_version=SHOWN, by=TEST)
    case = Case.objects.create(correction=given, subject=recorded.subject)
    Case.objects.filter(pk=case.pk).update(
        state="open", screened_epoch=world.registry.number, screened_at=timezone.now()
    )
    case.refresh_from_db()
    return case


def accept(case, by):
    Case.objects.filter(pk=case.pk).update(leased_by=None, lease_expires_at=None, claimed_at=None)
    claim_case(by, case.pk)
    with transaction.atomic():
        decide_case(case.pk, "accepted", by=by)


def override(world, by):  # noqa: F811
    case = world.screened(EXAM[0][2], right="Twenty.")
    return request_override(case.pk, "overlap", "Printed everywhere.", by=by)


def waiver(world, by):  # noqa: F811
    serving_rows.base_release()
    return request_waiver(serving_rows.judged_gate(serving_rows.finished_run(), "FAIL"), "Needed.", by=by)


def roll_back_waiver(world, by):  # noqa: F811
    serving_rows.base_release()
    first, gate = serving_rows.candidate()
    promote(first, gate, by="process:test")
    second, gate = serving_rows.candidate(champion_run=first.run)
    promote(second, gate, by="process:test")
    Release.objects.filter(pk=first.pk).update(learnt_from_withdrawn_at=timezone.now())
    return request_roll_back_waiver(first, "The newest insults people.", by=by)


def role(world, by):  # noqa: F811
    person("other", *ROLES)
    return request_role(person("newcomer"), "lead", by=by)


def inquiry_alert(world, by):  # noqa: F811
    inquiry = Inquiry.objects.create(asked_by=by, text_code="0" * 64, prompt="x", length=1)
    return InquiryAlert.objects.create(asked_by=by, inquiry=inquiry, rule="alike", inquiries=9)


PAIRS = {
    "a correction is filed, and accepted": Pair("curation.case", correction, accept, "decided_by"),
    "an override is asked for, and confirmed": Pair(
        "curation.override", override, lambda row, by: confirm_override(row.pk, by=by), "settled_by"
    ),
    "an override is asked for, and declined": Pair(
        "curation.override", override, lambda row, by: decline_override(row.pk, "No.", by=by), "settled_by"
    ),
    "a gate's waiver is requested, and confirmed": Pair(
        "evaluation.waiver", waiver, lambda row, by: confirm_waiver(row, by=by), "confirmed_by"
    ),
    "a roll-back waiver is requested, and confirmed": Pair(
        "serving.rollbackwaiver", roll_back_waiver, lambda row, by: confirm_roll_back_waiver(row, by=by), "confirmed_by"
    ),
    "a role is asked for, and given": Pair(
        "accounts.request", role, lambda row, by: confirm_request(row.pk, by=by), "answered_by"
    ),
    "a role is asked for, and declined": Pair(
        "accounts.request", role, lambda row, by: decline_request(row.pk, by=by), "answered_by"
    ),
    "inquiries are suspected, and the alert settled": Pair(
        "curation.inquiryalert", inquiry_alert, lambda row, by: settle_alert(row.pk, by=by), "settled_by"
    ),
}


@pytest.fixture
def everything():
    """Somebody who holds every role: that the steps need different people is not a question of roles."""
    return person("all", *ROLES)


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_the_second_step_takes_somebody_else(pair, world, everything):  # noqa: F811
    row = pair.first(world, everything)
    with pytest.raises(Forbidden) as refused:
        pair.second(row, everything)
    assert refused.value.blockers[0].remedy
    pair.second(row, person("other", *ROLES))


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_postgresql_knows_it_too(pair, world, everything):  # noqa: F811
    row = pair.first(world, everything)
    signed = {pair.signature: everything, pair.signature.replace("_by", "_at"): timezone.now()}
    if hasattr(row, "state"):
        signed["state"] = "decided" if pair.model == "curation.case" else "confirmed"
    if hasattr(row, "verdict"):
        signed["verdict"] = "accepted"
    with pytest.raises(IntegrityError), transaction.atomic():
        type(row).objects.filter(pk=row.pk).update(**signed)


def people_in(model):
    return [
        field.name
        for field in model._meta.fields
        if isinstance(field, models.ForeignKey) and field.related_model is User
    ]


def test_no_pair_is_forgotten():
    ours = [model for model in apps.get_models() if not model.__module__.startswith("django.")]
    two = {model._meta.label_lower for model in ours if len(people_in(model)) > 1}
    assert two == {pair.model for pair in PAIRS.values()} | ONE_PERSON_MAY_DO_BOTH.keys()
