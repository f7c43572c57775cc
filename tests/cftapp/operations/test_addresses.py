"""Either spelling of an address is the same address, for every method; what cannot be read is refused everywhere."""

import pytest
from django.urls import get_resolver
from django.urls.resolvers import URLResolver

from feedback.actions import issue_api_key
from feedback.models import BugReport, Interaction
from tests.support import serving_rows
from tests.support.people import person, signed_in

ASKED = {"subject": "u-1", "prompt": "How long may I wait?", "answer": "14 days."}


@pytest.fixture
def key(db):
    return issue_api_key(serving_rows.source(), "test", by="process:test")[1]


@pytest.fixture
def post(client, key):
    def send(address, body):
        headers = {"Authorization": f"Bearer {key}"}
        return client.post(address, body, content_type="application/json", headers=headers)

    return send


@pytest.mark.parametrize("end", ["", "/"])
def test_what_is_posted_is_recorded_under_either_spelling(post, end):
    recorded = post(f"/api/v1/interactions{end}", ASKED)
    assert recorded.status_code == 201
    assert Interaction.objects.get().prompt == ASKED["prompt"]
    report = {"interaction": recorded.json()["id"], "what_happened": "It broke."}
    assert post(f"/api/v1/bug-reports{end}", report).status_code == 201
    assert BugReport.objects.count() == 1
    assert post(f"/api/v1/feedback/batch{end}", [{"kind": "interaction", **ASKED}]).json()["recorded"] == 1
    assert post(f"/api/v1/consents/withdraw{end}", {"subject": "u-1"}).status_code == 201


def test_a_repetition_may_be_spelt_otherwise(client, key):
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "k-1"}
    replies = [
        client.post(f"/api/v1/interactions{end}", ASKED, content_type="application/json", headers=headers)
        for end in ("/", "")
    ]
    assert replies[0].content == replies[1].content
    assert Interaction.objects.count() == 1


PAGES = ("/curation/bench", "/training/runs", "/serving", "/feedback/api", "/accounts/login", "/api/schema", "/healthz")


@pytest.mark.parametrize("address", PAGES)
def test_pages_and_probes_as_well(db, address):
    browser = signed_in(person("mori", "engineer", "reviewer"))
    assert [browser.get(address + end).status_code for end in ("", "/")] == [200, 200]


@pytest.mark.django_db(transaction=True)
def test_the_gateway_as_well(client, key):
    for end in ("", "/"):
        models = client.get(f"/v1/models{end}", headers={"Authorization": f"Bearer {key}"})
        assert (models.status_code, models.json()["object"]) == (200, "list")


def test_the_back_office_redirects_no_post(client, db):
    admin = person("ada", "admin")
    admin.is_staff = admin.is_superuser = True
    admin.save()
    assert signed_in(admin).get("/admin/auth/user").status_code == 200
    assert signed_in(admin).post("/admin/auth/user").status_code == 200
    assert client.get("/admin/no/such").status_code == 404


def test_no_two_addresses_differ_by_the_final_slash_alone():
    patterns = list(addresses(get_resolver()))
    assert len(patterns) > 150 and len(patterns) == len({pattern.rstrip("/") for pattern in patterns})


def addresses(resolver, before=""):
    for pattern in resolver.url_patterns:
        here = before + str(pattern.pattern).removesuffix("$").removesuffix(r"\Z").lstrip("^")
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern, here)
        else:
            yield here


def test_an_address_that_does_not_exist_under_either_spelling(client, db):
    assert client.post("/api/v1/interaction", ASKED, content_type="application/json").status_code == 404
    assert client.post("/nowhere").status_code == 404


@pytest.mark.parametrize(
    "address",
    [
        "/curation/bench/?q=%00",
        "/curation/bench/?kind=correction&q=a%00b",
        "/curation/bench/?%00=1",
        "/feedback/consent/?q=%00",
        "/audit/lineage/correction/%00/",
        "/audit/?about=%00",
        "/admin/auth/user/?q=%00",
    ],
)
def test_a_nul_in_an_address_is_a_page_that_says_so(db, address):
    user = person("ada", "admin", "reviewer", "compliance")
    user.is_staff = user.is_superuser = True
    user.save()
    page = signed_in(user).get(address)
    assert page.status_code == 400
    assert "A NUL character stands in the address." in page.content.decode()


def test_a_nul_in_a_form_or_a_cookie(db, client):
    reviewer = signed_in(person("rosa", "reviewer"))
    page = reviewer.post("/curation/bench/1/override/", {"check": "secret", "reason": "a\0b"})
    assert (page.status_code, "in the form" in page.content.decode()) == (400, True)
    quoted = r'sessionid="\000\000\000\000\000\000\000\000\000"'
    assert client.get("/", headers={"Cookie": quoted}).status_code == 400


@pytest.mark.parametrize("charset", ["hex", "utf-16", "latin-1", "nonsense", "\x01"])
def test_another_encoding_than_utf_8(client, db, charset):
    body = b'--b\r\nContent-Disposition: form-data; name="username"\r\n\r\nx\r\n--b--\r\n'
    for kind in ("multipart/form-data; boundary=b", "application/x-www-form-urlencoded"):
        page = client.generic("POST", "/accounts/login/", body, content_type=f"{kind}; charset={charset}")
        assert page.status_code == 400
    same = client.generic(
        "POST", "/accounts/login/", body, content_type="multipart/form-data; boundary=b; charset=UTF-8"
    )
    assert same.status_code == 200
