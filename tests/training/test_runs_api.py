"""Runs over REST: the same actions, the same roles."""

import pytest

from cftapp.base.jobs import Job
from training import actions
from training.models import Run

pytestmark = pytest.mark.django_db(transaction=True)
RUNS = "/api/v1/runs/"


def test_it_needs_a_session(client, queue):
    assert client.get(RUNS).status_code == 403


def test_a_reviewer_reads_and_starts_nothing(client, rolf, queue, dataset):
    run = queue()
    client.force_login(rolf)
    assert [row["id"] for row in client.get(RUNS).json()["results"]] == [run.pk]
    assert client.get(f"{RUNS}{run.pk}/").json()["state"] == "queued"
    assert client.post(RUNS, {"dataset": dataset.pk}, content_type="application/json").status_code == 403
    assert client.post(f"{RUNS}{run.pk}/stop/").status_code == 403
    assert Run.objects.count() == 1


def test_an_engineer_starts_stops_and_resumes(client, edda, dataset):
    client.force_login(edda)
    payload = {"dataset": dataset.pk, "preset": "quick", "recipe": {"rank": 4}, "seed": 3}
    created = client.post(RUNS, payload, content_type="application/json")
    assert created.status_code == 201, created.content
    run = Run.objects.get()
    assert (created.json()["id"], run.recipe["rank"], run.seed) == (run.pk, 4, 3)

    assert client.post(f"{RUNS}{run.pk}/stop/").json()["state"] == "stopped"
    assert client.post(f"{RUNS}{run.pk}/stop/").status_code == 409
    assert client.post(f"{RUNS}{run.pk}/resume/").json()["state"] == "queued"
    assert client.post(f"{RUNS}{run.pk}/resume/").status_code == 409


@pytest.mark.parametrize(
    ("asked", "field", "words"),
    [
        ({"recipe": {"rank": 5000}}, "rank", "256"),
        ({"recipe": {"colour": 1}}, "colour", "unknown"),
        ({"seed": -1}, "seed", "0"),
        ({"dataset": 999_999}, "dataset", "999999"),
    ],
)
def test_an_error_names_its_field(client, edda, dataset, asked, field, words):
    client.force_login(edda)
    response = client.post(RUNS, {"dataset": dataset.pk, **asked}, content_type="application/json")
    assert response.status_code == 422
    assert response.headers["Content-Type"] == "application/problem+json"
    (error,) = response.json()["errors"]
    assert error["field"] == field
    assert words in error["message"] + error["remedy"]
    assert not Run.objects.exists()


def test_a_working_run_is_asked_to_stop_once(client, edda, queue):
    run = actions.start_run(queue().pk)
    client.force_login(edda)
    assert client.post(f"{RUNS}{run.pk}/stop/").status_code == 200
    run.refresh_from_db()
    assert run.state == Job.State.RUNNING
    assert run.cancel_requested_at
    assert client.post(f"{RUNS}{run.pk}/stop/").status_code == 409
