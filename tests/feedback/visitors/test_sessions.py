"""A visitor's session is stored when the visitor does something, and cleared when it has expired."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from cftapp.base.accounts import ROLES
from cftapp.pipeline import SWEEPS
from cftapp.tasks import clear_sessions
from tests.support.people import person, signed_in
from tests.support.servers import ScriptedModelServer
from tests.support.serving_rows import base_release

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "path", ["/", "/playground/", "/accounts/login/", "/feedback/mine/", "/readyz", "/api/schema/"]
)
def test_looking_stores_no_session(path):
    for _ in range(3):
        answer = Client().get(path)
        assert answer.status_code in (200, 503) and "sessionid" not in answer.cookies
    assert not Session.objects.exists()


@pytest.fixture
def model():
    server = ScriptedModelServer().start()
    yield server
    server.kill()


def test_asking_stores_one_for_good(settings, model, transactional_db):
    base_release()
    settings.CFT_MODEL_SERVER_URL = model.url
    visitor = Client()
    for _ in range(2):
        answered = visitor.post("/playground/", {"prompt": "How long may I wait?"}, follow=True)
        assert answered.status_code == 200
    assert Session.objects.count() == 1
    assert "sessionid" in visitor.cookies


def test_old_ones_are_cleared_and_no_others():
    for name, age in (("old", timedelta(days=-1)), ("new", timedelta(days=1))):
        Session.objects.create(session_key=name, session_data="x", expire_date=timezone.now() + age)
    assert clear_sessions() == 1
    assert [session.pk for session in Session.objects.all()] == ["new"]
    assert SWEEPS["clear-sessions"]["options"]["queue"] == "curation"


def test_who_clears_them_cannot_take_one_over(connect_as):
    connection = connect_as("curator")
    connection.execute("DELETE FROM django_session WHERE expire_date < now()")
    with pytest.raises(Exception, match="permission denied"):
        connection.execute("SELECT session_key FROM django_session")


@pytest.mark.parametrize("path", ["/", "/feedback/", "/audit/", "/serving/", "/accounts/password/", "/pipeline/"])
def test_no_page_of_an_account_is_kept(path):
    answer = signed_in(person("sam", *ROLES)).get(path)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]


def test_no_visitor_s_page_and_no_answer_of_the_api_is_kept():
    for path in ("/playground/", "/feedback/mine/", "/accounts/login/", "/api/v1/releases/", "/no-such-page"):
        assert "no-store" in Client().get(path)["Cache-Control"], path
