"""Pages and REST of pairs and datasets: who may, what is shown, with how many queries."""

import pytest

from cftapp.base.refusal import Refused
from curation.datasets import actions as dataset_actions
from curation.models import Dataset
from tests.curation.conftest import EXAM
from tests.support.people import signed_in

QUERIES = 13  # the header counts what has no case yet with a statement of its own


@pytest.fixture
def pair(world, rosa):
    world.replay(*({"skill": "chat", "prompt": f"Hello {n}", "answer": "Hi there, you."} for n in range(30)))
    return world.accepted(rosa, "How long is the refund window?", "14 days.", "30 days.")


@pytest.fixture
def dataset(pair, erin):
    return dataset_actions.freeze_dataset("Week 47", {"replay_floor": 0}, by=erin)


def test_visitors_are_sent_to_the_login_and_others_refused(client, otto, dataset):
    for path in ("pairs/", "datasets/", f"datasets/{dataset.pk}/", "datasets/freeze/"):
        assert client.get(f"/curation/{path}").status_code == 302
        assert signed_in(otto).get(f"/curation/{path}").status_code == 403


def test_only_an_engineer_freezes(rosa, pair):
    assert signed_in(rosa).get("/curation/datasets/freeze/").status_code == 403
    assert signed_in(rosa).post("/curation/datasets/freeze/", {"name": "x", "preset": "standard"}).status_code == 403
    assert b"Freeze a dataset" not in signed_in(rosa).get("/curation/pairs/").content


def test_every_page_is_small(erin, pair, dataset, django_assert_max_num_queries):
    client = signed_in(erin)
    for path in ("pairs/", f"pairs/{pair.pk}/", "datasets/", f"datasets/{dataset.pk}/", "datasets/freeze/"):
        with django_assert_max_num_queries(QUERIES):
            response = client.get(f"/curation/{path}")
        assert response.status_code == 200 and len(response.content) < 60_000


def test_the_pair_says_what_it_changes_on_what_ground_and_where_it_went(erin, pair, dataset):
    page = signed_in(erin).get(f"/curation/pairs/{pair.pk}/").content.decode()
    for shown in ("<del>14</del>", "<ins>30</ins>", "in force", "Week 47", f"/audit/lineage/pair/{pair.pk}"):
        assert shown in page


def test_the_dataset_shows_root_report_and_rows(erin, dataset):
    page = signed_in(erin).get(f"/curation/datasets/{dataset.pk}/").content.decode()
    for shown in (dataset.merkle_root, "How long is the refund window?", "Start a run", "replay: chat"):
        assert shown in page
    report = signed_in(erin).get(f"/curation/datasets/{dataset.pk}/report.json").json()
    assert report["merkle_root"] == dataset.merkle_root and report["kept"]["pairs"] == 1


def test_a_marked_dataset_says_so(erin, dataset):
    from django.utils import timezone

    Dataset.objects.update(learnt_from_withdrawn_at=timezone.now())
    for path in ("", f"{dataset.pk}/"):
        page = signed_in(erin).get(f"/curation/datasets/{path}").content
        assert b"marked" in page or b"was withdrawn" in page


def test_the_form_freezes(erin, pair):
    response = signed_in(erin).post("/curation/datasets/freeze/", {"name": "Week 47", "preset": "light", "seed": "5"})
    made = Dataset.objects.get()
    assert response.status_code == 302 and response["Location"].endswith(f"/datasets/{made.pk}/")
    assert (made.recipe["seed"], made.recipe["replay_share"]) == (5, 0.5)


def test_the_preview_counts_and_freezes_nothing(erin, pair):
    sent = {"name": "", "preset": "standard", "replay_count": "3", "preview": "1"}
    whole = signed_in(erin).post("/curation/datasets/freeze/", sent)
    part = signed_in(erin).post("/curation/datasets/freeze/", sent, headers={"HX-Request": "true"})
    assert whole.status_code == part.status_code == 200
    assert b"<h1>" in whole.content and b"<h1>" not in part.content
    for page in (whole, part):
        assert "of 3 wanted" in page.content.decode()
    assert not Dataset.objects.exists()


def test_a_wrong_value_is_shown_at_its_field(erin, pair):
    response = signed_in(erin).post("/curation/datasets/freeze/", {"name": "x", "preset": "standard", "seed": "-1"})
    assert response.status_code == 422 and not Dataset.objects.exists()


def test_an_id_of_no_pair_is_named_and_nothing_is_frozen(erin, pair):
    client, stranger = signed_in(erin), "0" * 32
    sent = {"name": "x", "preset": "light", "exclude": f"{pair.pk} not-an-id {stranger}"}
    page = client.post("/curation/datasets/freeze/", sent)
    text = page.content.decode()
    assert page.status_code == 422 and "“not-an-id”" in text and "“00000000-" in text and f"“{pair.pk}”" not in text
    for exclude in (["not-an-id"], [stranger]):
        with pytest.raises(Refused) as refused:
            dataset_actions.freeze_dataset("x", {"exclude": exclude}, by=erin)
        assert refused.value.blockers[0].field == "exclude" and exclude[0] in str(refused.value)
    assert not Dataset.objects.exists()


def test_the_pair_and_the_bench_say_a_check_in_the_same_words(erin, rosa, pair):
    page = signed_in(erin).get(f"/curation/pairs/{pair.pk}/").content.decode()
    assert "none found" in page and "to training" in page and "passed" not in page


def test_nothing_to_freeze_is_said(erin, world):
    response = signed_in(erin).post("/curation/datasets/freeze/", {"name": "x", "preset": "standard"})
    assert response.status_code == 409 and b"No row is left" in response.content


def test_empty_lists_say_what_to_do_next_to_whoever_may_do_it(rosa, erin, world):
    assert b"Open the bench" in signed_in(rosa).get("/curation/pairs/").content
    assert b"Open the bench" not in signed_in(erin).get("/curation/pairs/").content
    assert b"Freeze the accepted pairs" in signed_in(erin).get("/curation/datasets/").content


def test_rest_reads_and_freezes(erin, rosa, pair):
    client = signed_in(erin)
    asked = {"name": "rest", "recipe": {"seed": 2, "replay_floor": 0}}
    made = client.post("/api/v1/datasets/", asked, content_type="application/json")
    assert made.status_code == 201 and made.json()["recipe"]["seed"] == 2
    number = made.json()["id"]
    assert client.get("/api/v1/datasets/").json()["results"][0]["id"] == number
    rows = client.get(f"/api/v1/datasets/{number}/rows/").json()["results"]
    assert [row["position"] for row in rows] == list(range(len(rows))) and len(rows) == 7
    refused = client.post("/api/v1/datasets/", {"name": "x", "recipe": {"seed": -1}}, content_type="application/json")
    assert refused.status_code == 422 and refused.json()["errors"][0]["field"] == "seed"
    reader = signed_in(rosa)
    assert reader.get("/api/v1/datasets/").status_code == 200
    assert reader.post("/api/v1/datasets/", {"name": "x"}, content_type="application/json").status_code == 403


def test_no_page_shows_an_items_text(erin, world):
    world.screened(EXAM[0][2], "Ten.", EXAM[0][3])
    assert b"freight" not in signed_in(erin).get("/curation/pairs/").content


def test_two_datasets_of_one_name_are_told_apart_by_their_numbers(pair, erin):
    frozen = [dataset_actions.freeze_dataset("Week 47", {"replay_floor": 0}, by=erin) for _ in range(2)]
    page = signed_in(erin).get("/curation/datasets/").content.decode()
    for one in frozen:
        assert f"#{one.pk} Week 47" in page
        assert f"#{one.pk} Week 47" in signed_in(erin).get(f"/curation/datasets/{one.pk}/").content.decode()
