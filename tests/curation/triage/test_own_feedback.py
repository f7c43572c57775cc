"""Who filed a correction, or gave its words, does not accept it: by the page, by the action, by PostgreSQL."""

import psycopg
import pytest
from django.test import Client
from django.urls import reverse

from audit.models import Event
from cftapp.base.refusal import Forbidden
from curation.models import Case, Pair
from curation.screening import actions as screening_actions
from curation.triage.actions import claim_case, decide_case
from feedback.actions import grant_consent, open_playground, record_interaction, submit_correction
from feedback.models import Correction, Source, SubjectAccount
from feedback.visitors.sessions import SESSION_KEY, cache_exchange, feedback_url
from tests.curation.conftest import TEST
from tests.support.people import person, signed_in
from tests.support.wordings import SHOWN

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "vault"])
OWN = "You filed it, or its words are yours."
FORM = {"door": "correction", "correction-reason": "wrong_fact", "correction-replacement": "30 days."}


@pytest.fixture
def playground():
    Source.objects.filter(pk=open_playground().pk).update(held_out_percent=0)


def visitor(client, name="v-1"):
    """The client's browser is this visitor's from now on."""
    session = client.session
    session[SESSION_KEY] = name
    session.save()
    return client


def asked(name="v-1"):
    """What the playground answered this visitor."""
    interaction = record_interaction(open_playground(), name, "How long?", "14 days.", by="visitor")
    cache_exchange(interaction.pk, "How long?", "14 days.")
    return interaction


def give(client, interaction):
    """A correction through the visitors' page."""
    answer = client.post(feedback_url(interaction.pk), FORM | {"correction-consent": SHOWN})
    assert answer.status_code == 302, answer.content
    return Correction.objects.get(interaction=interaction)


def screened(world, correction):
    case = screening_actions.open_case("correction", correction.pk, by=TEST)
    screening_actions.screen_case(case.pk, world.registry, by=TEST)
    return Case.objects.get(pk=case.pk)


def refused(case, user):
    """By the action, and by the page, which says why and keeps the button away."""
    claim_case(user, case.pk)
    with pytest.raises(Forbidden) as caught:
        decide_case(case.pk, "accepted", by=user)
    assert caught.value.blockers[0].message == OWN
    page = signed_in(user).get(reverse("curation:bench"), {"case": case.pk}).content.decode()
    assert OWN in page and 'disabled aria-describedby="why"' in page
    assert not Pair.objects.exists()


def let_go(case):
    Case.objects.filter(pk=case.pk).update(leased_by=None, lease_expires_at=None, claimed_at=None)


def accepted(case, user):
    claim_case(user, case.pk)
    decide_case(case.pk, "accepted", by=user)
    assert Pair.objects.get().accepted_by == user


def test_a_reviewer_does_not_accept_what_they_filed(world, rosa, rob, playground):
    correction = give(signed_in(rosa), asked())
    assert correction.filed_by == rosa
    grant_consent(correction.interaction.subject, wording_version=SHOWN, by=TEST)
    case = screened(world, correction)
    refused(case, rosa)
    let_go(case)
    accepted(case, rob)


def test_a_visitor_who_is_signed_in_does_not_accept_it(world, rosa, rob, playground, events):
    browser = visitor(signed_in(rosa))
    events()
    correction = give(browser, asked())
    assert events().count("subject.linked") == 1
    assert SubjectAccount.objects.get().account == rosa
    case = screened(world, correction)
    refused(case, rosa)
    let_go(case)
    accepted(case, rob)


def test_a_visitor_who_signs_in_later_does_not_accept_it(world, rosa, playground):
    rosa.set_password("a long pass phrase")
    rosa.save()
    browser = visitor(Client())
    correction = give(browser, asked())
    assert not SubjectAccount.objects.exists()
    answer = browser.post(reverse("login"), {"username": "rosa", "password": "a long pass phrase"})
    assert answer.status_code == 302, answer.content
    refused(screened(world, correction), rosa)
    assert Event.objects.filter(name="subject.linked").count() == 1


@pytest.mark.parametrize("name", ["rosa", "rosa@shop.example"])
def test_the_name_that_an_application_calls_them_by_counts(world, rosa, rob, name):
    type(rosa).objects.filter(pk=rosa.pk).update(email="rosa@shop.example")
    rosa.refresh_from_db()
    case = world.screened(subject=name)
    refused(case, rosa)
    let_go(case)
    accepted(case, rob)


def test_it_may_be_rejected_by_whoever_filed_it(world, rosa, playground):
    case = screened(world, give(visitor(signed_in(rosa)), asked()))
    claim_case(rosa, case.pk)
    assert decide_case(case.pk, "rejected", by=rosa).verdict == "rejected"


def test_a_superuser_is_no_exception(world, playground):
    root = person("root")
    type(root).objects.filter(pk=root.pk).update(is_superuser=True)
    root.refresh_from_db()
    refused(screened(world, give(visitor(signed_in(root)), asked())), root)


ACCEPT = "UPDATE curation_case SET state = 'decided', verdict = 'accepted', decided_by_id = %s WHERE id = %s"


def test_postgresql_refuses_it_to_the_web_process(world, rosa, rob, playground, connect_as):
    linked = screened(world, give(visitor(signed_in(rosa)), asked()))
    filed = record_interaction(world.shop, "ann", "How far?", "Far.", by=TEST)
    filed = screened(world, submit_correction(filed.pk, replacement="Near.", by=rosa))
    filed.findings.all().delete()
    web = connect_as("web")
    for case in (linked, filed):
        with pytest.raises(psycopg.errors.RestrictViolation, match="nobody accepts what they filed"):
            web.execute(ACCEPT, [rosa.pk, case.pk])
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        web.execute("UPDATE feedback_correction SET filed_by_id = NULL")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        web.execute("DELETE FROM feedback_subjectaccount")
    web.execute(ACCEPT, [rob.pk, linked.pk])


def test_who_filed_it_is_not_rewritten_by_the_owner_either(world, rosa, playground):
    give(visitor(signed_in(rosa)), asked())
    link = SubjectAccount.objects.get()
    with pytest.raises(Exception, match="never changes"):
        link.delete()
    correction = submit_correction(asked("v-2").pk, replacement="30.", by=rosa)
    with pytest.raises(Exception, match="never rewritten"):
        Correction.objects.filter(pk=correction.pk).update(filed_by=None)
