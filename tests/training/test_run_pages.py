"""The pages of runs: who may, what they say, and that polling is small and ends."""

import json
import re

import pytest
from django.db.models.functions import Now
from django.urls import reverse

from cftapp.base import jobs
from cftapp.base.jobs import Job
from evaluation.models import Gate
from tests.support.people import person
from training import actions
from training.models import Run

pytestmark = pytest.mark.django_db(transaction=True)


def metrics_of(run, steps):
    folder = actions.folder_of(run)
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        {
            "step": k,
            "total": steps,
            "ce": 2.5 / k + 0.123456,
            "kl": 0.031,
            "replay_loss": 1.37,
            "kept_aside_loss": 1.06 if k % 25 == 0 else None,
            "seconds": k * 0.5,
        }
        for k in range(1, steps + 1)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def body(response):
    return response.content.decode()


@pytest.mark.parametrize("name", ["training:runs", "training:new"])
def test_a_visitor_is_sent_to_the_login(client, db, name):
    response = client.get(reverse(name))
    assert response.status_code == 302
    assert "/accounts/login/" in response["Location"]


def test_an_empty_list_says_what_to_do_next(client, edda):
    client.force_login(edda)
    page = body(client.get(reverse("training:runs")))
    assert "No run yet" in page
    assert reverse("training:new") in page


def test_a_reviewer_reads_runs_and_starts_none(client, rolf, queue, dataset):
    run = queue()
    client.force_login(rolf)

    assert client.get(reverse("training:run", args=[run.pk])).status_code == 200
    assert reverse("training:new") not in body(client.get(reverse("training:runs")))
    assert "Stop run" not in body(client.get(reverse("training:run", args=[run.pk])))

    asked = {"dataset": dataset.pk, "preset": "quick", "seed": 1}
    assert client.post(reverse("training:new"), asked).status_code == 403
    for name in ("training:stop", "training:resume"):
        assert client.post(reverse(name, args=[run.pk])).status_code == 403
    run.refresh_from_db()
    assert (Run.objects.count(), run.state) == (1, Job.State.QUEUED)


def test_an_account_without_a_role_reads_nothing(client, queue):
    run = queue()
    client.force_login(person("nora", "no-role"))
    assert client.get(reverse("training:run", args=[run.pk])).status_code == 403


def test_an_engineer_starts_a_run_from_a_preset_with_values_over_it(client, edda, dataset, tiny_base):
    client.force_login(edda)
    asked = {"dataset": dataset.pk, "preset": "careful", "seed": 42, "base_model": tiny_base.name, "epochs": 3}
    response = client.post(reverse("training:new"), asked)

    run = Run.objects.get()
    assert response["Location"] == reverse("training:run", args=[run.pk])
    assert (run.seed, run.recipe["epochs"], run.recipe["replay_share"]) == (42, 3, 0.75)
    assert (run.created_by, run.base_model) == (edda, str(tiny_base))


def test_the_form_tells_no_path_of_this_machine(client, edda, dataset, tiny_base):
    client.force_login(edda)
    page = body(client.get(reverse("training:new")))
    assert str(tiny_base) not in page
    assert f'<option value="{tiny_base.name}"' in page
    assert "---------" not in page


def test_the_form_names_the_field_and_what_would_be_accepted(client, edda, dataset, tiny_base):
    client.force_login(edda)
    asked = {"dataset": dataset.pk, "preset": "quick", "seed": -1, "base_model": tiny_base.name, "rank": 5000}
    response = client.post(reverse("training:new"), asked)

    assert response.status_code == 422
    errors = response.context["form"].errors
    assert set(errors) == {"seed", "rank"}
    assert "256" in errors["rank"][0]
    assert "<details open" in body(response)
    assert not Run.objects.exists()


def test_a_refusal_is_shown_at_its_field(client, edda, dataset, tiny_base):
    type(dataset).objects.filter(pk=dataset.pk).update(learnt_from_withdrawn_at=Now())
    client.force_login(edda)
    asked = {"dataset": dataset.pk, "preset": "quick", "seed": 0, "base_model": tiny_base.name}
    response = client.post(reverse("training:new"), asked)

    assert response.status_code == 409
    assert "Freeze a dataset again" in response.context["form"].errors["dataset"][0]


def test_without_a_dataset_the_form_sends_to_freezing(client, edda):
    client.force_login(edda)
    page = body(client.get(reverse("training:new")))
    assert reverse("curation:freeze") in page
    assert "<select" not in page


def test_the_page_shows_figures_chart_and_audit(client, edda, queue):
    run = actions.start_run(queue().pk)
    metrics_of(run, 200)
    client.force_login(edda)
    page = body(client.get(reverse("training:run", args=[run.pk])))

    for words in ("Run ", "running", "0.031", "1 m 40 s", "replay 1.37", "kept aside 1.06", "Stop run", "run queued"):
        assert words in page, words
    assert page.count("<polyline") == 3
    assert "As a table" in page
    assert f'hx-get="{reverse("training:live", args=[run.pk])}?seen=running-200&amp;below=' in page
    assert 'hx-trigger="every 2s"' in page


def test_polling_is_small_quiet_when_nothing_happened_and_ends(client, edda, queue):
    run = actions.start_run(queue().pk)
    metrics_of(run, 5000)
    client.force_login(edda)
    live = reverse("training:live", args=[run.pk])

    first = client.get(live)
    assert first.status_code == 200
    assert len(first.content) < 4300
    assert len(re.findall(r"\d+,\d+", re.search(r'points="([^"]*)"', body(first))[1])) <= 300
    assert client.get(f"{live}?seen=running-5000").status_code == 204

    jobs.end(run, Job.State.FAILED, error="recipe.lr: The loss is not a number. Lower the learning rate.")
    last = client.get(f"{live}?seen=running-5000")
    assert last.status_code == 286
    assert "every 2s" not in body(last)
    assert "Lower the learning rate." in body(last)
    assert "Resume" in body(last)
    assert json.loads(last["HX-Trigger"])["announce"] == f"Run {run.pk} failed"
    assert "follow by themselves" not in body(last)
    assert 'id="run-below" hx-swap-oob="true"' in body(last)
    assert run.manifest_sha256 in body(last)


def test_a_live_run_shows_its_phase_a_bar_and_the_time_left(client, edda, queue):
    run = queue()
    client.force_login(edda)
    address = reverse("training:run", args=[run.pk])
    assert '<li aria-current="step">Waiting for a trainer</li>' in body(client.get(address))
    run = actions.start_run(run.pk)
    assert '<li aria-current="step">Preparing rows</li>' in body(client.get(address))
    actions.record_manifest(run, {"schema": 1}, "ab" * 32, "permission denied")
    assert '<li aria-current="step">Loading the base</li>' in body(client.get(address))
    metrics_of(run, 200)
    actions.record_progress(run, 200, 260)
    page = body(client.get(address))
    assert '<li aria-current="step">Training</li>' in page
    assert '<progress max="260" value="200"' in page
    assert "<small>about</small> 30 s" in page


def test_manifest_log_and_audit_come_while_it_works(client, edda, queue):
    run = actions.start_run(queue().pk)
    metrics_of(run, 5)
    client.force_login(edda)
    page = body(client.get(reverse("training:run", args=[run.pk])))
    assert "Written when a trainer takes the run" in page

    def poll(page):
        return client.get(re.search(r'hx-get="(/training/runs/\d+/live/[^"]*)"', page)[1].replace("&amp;", "&"))

    assert poll(page).status_code == 204
    actions.record_manifest(run, {"schema": 1}, "ab" * 32, "permission denied")
    news = body(poll(page))
    assert 'id="run-manifest" hx-swap-oob="true"' in news and "permission denied" in news
    assert 'id="run-log"' not in news and 'id="run-history"' not in news
    (actions.folder_of(run) / "log.txt").write_text("read 16 rows\n")
    page, news = news, body(poll(news))
    assert 'id="run-log" hx-swap-oob="true"' in news and "read 16 rows" in news
    assert 'id="run-manifest"' not in news
    actions.request_stop(run, by=edda)
    last = body(poll(news))
    assert 'id="run-history" hx-swap-oob="true"' in last and "stop requested" in last
    assert poll(last).status_code == 204


def test_the_gate_of_a_finished_run_is_polled_until_it_has_a_verdict(client, edda, queue):
    run = actions.start_run(queue().pk)
    Run.objects.filter(pk=run.pk).update(
        state="finished", adapter_sha256="0" * 64, vault_refusal="no", result={"seconds": 18, "peak_rss_mb": 300}
    )
    client.force_login(edda)
    poll = reverse("training:gates", args=[run.pk])

    assert f'hx-get="{poll}?seen=none"' in body(client.get(reverse("training:run", args=[run.pk])))
    assert client.get(f"{poll}?seen=none").status_code == 204
    gate = Gate.objects.create(run=run, requested_by="process:test")
    opened = client.get(f"{poll}?seen=none")
    assert reverse("evaluation:gate", args=[gate.pk]) in body(opened)
    assert "queued" in body(opened)
    assert "every 2s" in body(opened)

    Gate.objects.filter(pk=gate.pk).update(state="finished", verdict="FAIL")
    ended = client.get(f"{poll}?seen=none")
    assert ended.status_code == 286
    assert "every 2s" not in body(ended)
    assert "FAIL" in body(ended)
    assert 'id="run-history" hx-swap-oob="true"' in body(ended)


def test_stop_and_resume_by_button(client, edda, queue):
    run = queue()
    client.force_login(edda)

    page = client.post(reverse("training:stop", args=[run.pk]), follow=True)
    run.refresh_from_db()
    assert run.state == Job.State.STOPPED
    assert "Resume" in body(page)

    page = client.post(reverse("training:stop", args=[run.pk]), follow=True)
    assert "Only a run that works or waits can be stopped." in body(page)

    client.post(reverse("training:resume", args=[run.pk]))
    run.refresh_from_db()
    assert (run.state, run.cancel_requested_at) == (Job.State.QUEUED, None)


def test_buttons_need_a_post(client, edda, queue):
    run = queue()
    client.force_login(edda)
    for name in ("training:stop", "training:resume"):
        assert client.get(reverse(name, args=[run.pk])).status_code == 405


def test_the_downloaded_manifest_hashes_to_what_the_page_says(client, edda, queue):
    import hashlib

    from training.preparation.manifest import encode

    run = actions.start_run(queue().pk)
    client.force_login(edda)
    address = reverse("training:manifest", args=[run.pk])
    assert client.get(address).status_code == 404

    question = {"schema": 1, "recipe": {"lr": 4e-3}, "rows_sha256": "ab" * 32}
    actions.record_manifest(run, question, hashlib.sha256(encode(question)).hexdigest(), "permission denied")
    response = client.get(address)
    run.refresh_from_db()
    assert hashlib.sha256(response.content).hexdigest() == run.manifest_sha256
    assert "attachment" in response["Content-Disposition"]


def test_pages_are_light(client, edda, queue, django_assert_max_num_queries):
    runs = [queue() for _ in range(30)]
    metrics_of(runs[0], 5000)
    client.force_login(edda)
    for address in (
        reverse("training:runs"),
        reverse("training:new"),
        reverse("training:run", args=[runs[0].pk]),
    ):
        with django_assert_max_num_queries(12):
            page = client.get(address)
        assert page.status_code == 200
        assert len(page.content) < 60_000
        assert "style=" not in body(page)
