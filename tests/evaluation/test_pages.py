"""The exam's pages: who sees them, what they say, and what they never show."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from evaluation.gates.actions import confirm_waiver, queue_gate, request_waiver
from evaluation.models import Gate, Waiver
from tests.evaluation.conftest import rows, with_verdict
from tests.support.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def gate(run, three_kinds, engineer) -> Gate:
    return queue_gate(run, by=engineer)


def pages(gate: Gate) -> list[str]:
    benchmark = gate.versions.first().benchmark_id
    return [
        reverse("evaluation:benchmarks"),
        reverse("evaluation:proposals"),
        reverse("evaluation:benchmark", args=[benchmark]),
        reverse("evaluation:gates"),
        reverse("evaluation:gate", args=[gate.pk]),
        reverse("evaluation:progress", args=[gate.pk]),
    ]


def test_every_page_needs_a_login_and_a_role(client, gate, outsider):
    for page in pages(gate):
        assert client.get(page).status_code == 302
    client.force_login(outsider)
    for page in pages(gate):
        assert client.get(page).status_code == 403


@pytest.mark.parametrize("verdict", ["PASS", "FAIL", "INCONCLUSIVE"])
def test_every_page_renders_in_few_queries_and_shows_no_item(as_person, gate, examiner, verdict):
    with_verdict(gate, verdict)
    client = as_person(examiner)
    for page in pages(gate):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer = client.get(page)
        text = answer.content.decode()
        assert answer.status_code in (200, 286)
        assert len(queries) <= 12, [query["sql"] for query in queries]
        assert len(answer.content) < 60_000
        assert "style=" not in text
        assert not any(row["question"] in text for word in ("", "regression", "safety") for row in rows(word=word))


def test_a_gate_says_its_verdict_and_what_to_do_next(as_person, gate, engineer):
    with_verdict(gate, "PASS")
    text = as_person(engineer).get(reverse("evaluation:gate", args=[gate.pk])).content.decode().replace("\u00a0", " ")
    assert "Gate " in text and ": pass" in text
    assert reverse("serving:releases") in text
    assert "difference 0.0 points, 90 % interval −1.0 … +1.0, may not be below −5.0" in text
    assert text.count('<svg class="scale"') == 3
    assert "As a table" in text
    assert "Request a waiver" not in text


def test_an_inconclusive_gate_says_how_many_items_it_takes(as_person, gate, engineer):
    with_verdict(gate, "INCONCLUSIVE")
    text = as_person(engineer).get(reverse("evaluation:gate", args=[gate.pk])).content.decode()
    assert "about 300 items if the true value is the one measured" in text
    assert "Request a waiver" in text


def test_a_waiting_gate_polls_and_stops_when_it_is_over(as_person, gate, engineer):
    client = as_person(engineer)
    progress = reverse("evaluation:progress", args=[gate.pk])
    text = client.get(reverse("evaluation:gate", args=[gate.pk])).content.decode()
    assert f'hx-get="{progress}" hx-trigger="every 2s"' in text
    assert client.get(progress).status_code == 200
    with_verdict(gate, "FAIL")
    over = client.get(progress)
    assert (over.status_code, over["HX-Refresh"]) == (286, "true")
    assert "hx-trigger" not in over.content.decode()


def test_two_people_waive_on_the_page(client, gate, engineer, lead):
    with_verdict(gate, "FAIL")
    page = reverse("evaluation:gate", args=[gate.pk])
    client.force_login(engineer)
    assert client.post(reverse("evaluation:waive", args=[gate.pk]), {"reason": ""}).status_code == 422
    client.post(reverse("evaluation:waive", args=[gate.pk]), {"reason": "The handbook moved."})
    assert "Confirm the waiver" not in client.get(page).content.decode()
    client.force_login(lead)
    assert "Confirm the waiver" in client.get(page).content.decode()
    client.post(reverse("evaluation:confirm", args=[gate.pk]))
    assert Waiver.objects.get().is_confirmed


def test_who_requested_cannot_confirm_on_the_page(client, gate, lead):
    request_waiver(with_verdict(gate, "FAIL"), "It is urgent.", by=lead)
    client.force_login(lead)
    client.post(reverse("evaluation:confirm", args=[gate.pk]))
    assert not Waiver.objects.get().is_confirmed


@pytest.mark.parametrize(
    ("name", "role", "status"),
    [
        ("waive", "engineer", 302),
        ("waive", "lead", 302),
        ("waive", "reviewer", 403),
        ("waive", "examiner", 403),
        ("confirm", "lead", 302),
        ("confirm", "compliance", 302),
        ("confirm", "engineer", 403),
        ("confirm", "admin", 403),
    ],
)
def test_roles_of_a_waiver(client, gate, engineer, name, role, status):
    with_verdict(gate, "FAIL")
    if name == "confirm":
        request_waiver(Gate.objects.get(), "It is urgent.", by=engineer)
    client.force_login(person("pat.person", role))
    url = reverse(f"evaluation:{name}", args=[gate.pk])
    assert client.get(url).status_code == 405
    assert client.post(url, {"reason": "It is urgent."}).status_code == status


def test_an_engineer_gates_a_run_again(client, gate, engineer, lead):
    client.force_login(engineer)
    url = reverse("evaluation:queue")
    assert client.post(url, {"run": gate.run_id}).url == reverse("evaluation:gates")  # one is open
    with_verdict(gate, "FAIL")
    assert client.post(url, {"run": gate.run_id}).status_code == 302
    assert Gate.objects.count() == 2
    assert client.post(url, {"run": "nonsense"}).status_code == 404
    client.force_login(lead)
    assert client.post(url, {"run": gate.run_id}).status_code == 403


def test_a_failed_gate_says_why(client, run, publish, engineer):
    publish("towns", "regression")
    gate = queue_gate(run, by=engineer)
    Gate.objects.filter(pk=gate.pk).update(state="failed", error="No published benchmark of kind Business.")
    client.force_login(engineer)
    text = client.get(reverse("evaluation:gate", args=[gate.pk])).content.decode()
    assert "No verdict: No published benchmark of kind Business." in text


def test_the_benchmarks_page_says_which_kind_is_missing(client, publish, engineer):
    publish("towns", "regression")
    client.force_login(engineer)
    text = client.get(reverse("evaluation:benchmarks")).content.decode()
    assert "No published benchmark of kind business, safety probes" in text
    assert "Upload a version" not in text


def test_rest_reads_gates_and_benchmarks(client, gate, engineer, outsider):
    with_verdict(gate, "FAIL")
    confirm_waiver(request_waiver(gate.run.gates.get(), "It is urgent.", by=engineer), by=outsider)
    assert client.get("/api/v1/gates/").status_code == 403
    client.force_login(outsider)
    assert client.get("/api/v1/gates/").status_code == 403
    client.force_login(engineer)
    found = client.get(f"/api/v1/gates/{gate.pk}/").json()
    assert (found["verdict"], len(found["results"]), found["waiver"]["reason"]) == ("FAIL", 3, "It is urgent.")
    listed = client.get("/api/v1/benchmarks/").json()["results"]
    assert {benchmark["name"] for benchmark in listed} == {"regression", "business", "safety"}
    assert "question" not in str(listed)
    assert client.post("/api/v1/gates/", {}).status_code == 405
