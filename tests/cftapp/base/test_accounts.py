"""Who is let in where: visitors to the login, other roles to a page that names the needed ones."""

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from cftapp.base.accounts import ROLES, has_role, role_required, roles_of
from tests.support.people import person


@role_required("engineer", "lead")
def workshop(request: HttpRequest) -> HttpResponse:
    return HttpResponse("welcome")


def visit(user: User | AnonymousUser) -> HttpResponse:
    request = RequestFactory().get("/workshop/?step=2")
    request.user = user
    request.resolver_match = None
    return workshop(request)


def test_a_visitor_is_sent_to_the_login_and_back(db: None) -> None:
    answer = visit(AnonymousUser())
    assert answer.status_code == 302
    assert answer["Location"] == "/accounts/login/?next=/workshop/%3Fstep%3D2"


@pytest.mark.parametrize("role", ["engineer", "lead"])
def test_any_of_the_roles_is_let_in(db: None, role: str) -> None:
    assert visit(person("noor", role)).content == b"welcome"


def test_another_role_learns_which_it_takes(db: None) -> None:
    answer = visit(person("rosa", "reviewer"))
    assert answer.status_code == 403
    assert "engineer" in answer.content.decode() and "lead" in answer.content.decode()


def test_a_superuser_passes(db: None) -> None:
    assert visit(User.objects.create_superuser("root")).status_code == 200


def test_roles_are_groups_and_other_groups_are_none(db: None) -> None:
    user = person("kim", "reviewer", "choir")
    assert roles_of(user) == {"reviewer"}
    assert has_role(user, "lead", "reviewer") and not has_role(user, "choir")


def test_roles_are_asked_once(db: None, django_assert_num_queries) -> None:
    user = User.objects.get(pk=person("kim", "reviewer").pk)
    with django_assert_num_queries(1):
        assert has_role(user, "reviewer") and not has_role(user, "lead")


def test_an_unknown_role_is_refused_when_the_view_is_written() -> None:
    with pytest.raises(ValueError, match="reviewr"):
        role_required("reviewr")
    assert set(ROLES) == {"reviewer", "lead", "engineer", "compliance", "examiner", "admin"}
