"""Prometheus metrics: what they count, and that only who may look sees them."""

import urllib.error
import urllib.request

import pytest
from django.test import Client, RequestFactory
from prometheus_client import REGISTRY
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from cftapp.base.metrics import TASK_SECONDS
from cftapp.celery import note_end, note_start
from cftapp.operations import metrics
from curation.models import Case
from feedback.actions import record_interaction, register_source, submit_correction

pytestmark = pytest.mark.django_db


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def scrape(client: Client, **extra: str) -> str:
    response = client.get("/metrics", **extra)
    assert response.status_code == 200, response.content
    return response.content.decode()


def test_a_request_is_counted_under_its_route_and_not_its_address(client: Client) -> None:
    labels = {"method": "GET", "route": "playground/", "status": "200"}
    before = value("cft_requests_total", **labels)
    client.get("/playground/", {"q": "private words"})
    assert value("cft_requests_total", **labels) == before + 1
    assert value("cft_request_seconds_count", route="playground/") >= 1
    assert "private" not in scrape(client)


def test_what_waits_is_counted_with_its_age(client: Client) -> None:
    source = register_source("metrics", "Metrics", held_out_percent=0, by="process:test")
    interaction = record_interaction(source, "ana", "How long?", "14 days.", by="process:test")
    correction = submit_correction(interaction.pk, replacement="30 days.", by="process:test")
    Case.objects.create(correction=correction, subject=interaction.subject)
    lines = scrape(client).splitlines()
    assert 'cft_waiting_rows{queue="screening"} 1.0' in lines
    assert {line.partition("{")[2].partition("}")[0] for line in lines if line.startswith("cft_waiting_seconds{")} == {
        f'queue="{name}"' for name in ("screening", "inquiries", "batches", "training", "gates")
    }


def test_openmetrics_is_one_exposition(client: Client) -> None:
    answer = client.get("/metrics", HTTP_ACCEPT="application/openmetrics-text; version=1.0.0")
    names = {family.name for family in text_string_to_metric_families(answer.content.decode())}
    assert {"cft_waiting_rows", "python_info"} <= names


@pytest.mark.parametrize(
    ("token", "sent", "address", "forwarded", "status"),
    [
        ("", "", "127.0.0.1", "", 200),
        ("", "", "10.0.0.7", "", 403),
        ("", "", "127.0.0.1", "10.0.0.7", 403),  # a proxy on this machine asks for somebody else
        ("s3cret", "Bearer s3cret", "10.0.0.7", "10.0.0.8", 200),
        ("s3cret", "Bearer other", "127.0.0.1", "", 403),
        ("s3cret", "", "127.0.0.1", "", 403),
        ("s3cret", "Bearer s\u00e9cret", "127.0.0.1", "", 403),
    ],
)
def test_only_who_may_look_sees_them(client: Client, settings, token, sent, address, forwarded, status) -> None:
    settings.CFT_METRICS_TOKEN = token
    headers = {"REMOTE_ADDR": address}
    if sent:
        headers["HTTP_AUTHORIZATION"] = sent
    if forwarded:
        headers["HTTP_X_FORWARDED_FOR"] = forwarded
    assert client.get("/metrics", **headers).status_code == status


def test_a_worker_answers_on_its_port_and_not_without_the_token(settings) -> None:
    settings.CFT_METRICS_PORT, settings.CFT_METRICS_TOKEN = 0, ""
    port = metrics.serve()
    address = f"http://127.0.0.1:{port}/metrics"
    with urllib.request.urlopen(address) as answer:
        assert b"cft_leases_lost_total" in answer.read()
    settings.CFT_METRICS_TOKEN = "s3cret"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(address)
    settings.CFT_METRICS_PORT = None
    assert metrics.serve() is None


def test_a_task_is_measured_by_its_name_and_outcome() -> None:
    from evaluation.tasks import grade

    labels = {"task": "evaluation.tasks.grade", "outcome": "success"}
    before = value("cft_task_seconds_count", **labels)
    note_start(task=grade)
    note_end(task=grade, state="SUCCESS")
    assert value("cft_task_seconds_count", **labels) == before + 1
    assert TASK_SECONDS.labels(*labels.values())._sum.get() >= 0


def test_the_address_is_found_without_a_session() -> None:
    assert metrics.metrics(RequestFactory().get("/metrics")).status_code == 200
