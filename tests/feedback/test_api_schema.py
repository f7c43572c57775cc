"""The published schema is true: whatever it allows is answered as it says, and nothing makes the server fail."""

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OURS = (
    "interactions", "bug-reports", "taste-notes", "corrections", "comments", "consents", "feedback/batch",
)  # fmt: skip


def document() -> dict[str, object]:
    whole = SchemaGenerator().get_schema(request=None, public=True)
    paths = {
        path: item for path, item in whole["paths"].items() if path.startswith(tuple(f"/api/v1/{o}" for o in OURS))
    }
    return whole | {"paths": paths}


@pytest.fixture
def api(django_db_setup):
    return schemathesis.openapi.from_dict(document())


schema = schemathesis.pytest.from_fixture("api")


@pytest.mark.django_db(databases=["default", "vault"])
@schema.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_answers_conform(case, application):
    case.call_and_validate(app=get_wsgi_application(), headers=application.authorization, checks=CHECKS)


def test_every_endpoint_is_described(client, db):
    response = client.get("/api/schema/?format=json")
    paths = response.json()["paths"]
    assert {path for path in paths if path.startswith(tuple(f"/api/v1/{o}" for o in OURS))} == {
        "/api/v1/interactions/",
        "/api/v1/bug-reports/",
        "/api/v1/taste-notes/",
        "/api/v1/corrections/",
        "/api/v1/comments/",
        "/api/v1/consents/",
        "/api/v1/consents/withdraw",
        "/api/v1/consents/{subject}/",
        "/api/v1/feedback/batch",
    }
    assert response.json()["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"


def test_the_page_for_people_lists_them(client, db):
    page = client.get("/feedback/api/")
    text = page.content.decode()
    assert page.status_code == 200
    assert "/api/v1/corrections/" in text and "replacement" in text
    assert "<script>" not in text and "style=" not in text
