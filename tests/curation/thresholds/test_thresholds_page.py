"""The page on which thresholds are tuned, and its REST counterpart: who may, what is measured, what is refused."""

import re
from dataclasses import asdict

import pytest

from curation.decontamination.overlap import Policy
from curation.models import RegistryEpoch, ScreeningPolicy
from curation.thresholds.actions import save_policy
from tests.curation.screening.test_roles import signed_in_as
from tests.support.people import person, signed_in
from tests.support.policy_world import label

PAGE, SAVE, STATUS = "/curation/thresholds/", "/curation/thresholds/save/", "/curation/thresholds/status/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def lea(db):
    return person("lea", "lead")


@pytest.fixture
def labelled_set(epoch):
    label()


def form(**changes):
    return asdict(Policy()) | {"note": "Fewer alarms", "replaces": "0", "confirmed": "1"} | changes


def text_of(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_visitors_are_sent_to_the_login_and_others_refused(client, otto, epoch):
    for path in (PAGE, STATUS):
        assert client.get(path).status_code == 302
        assert signed_in(otto).get(path).status_code == 403


def test_a_reviewer_reads_and_does_not_save(rosa, labelled_set):
    page = signed_in(rosa).get(PAGE, {"containment_limit": "0.4"})
    assert page.status_code == 200 and "Saving takes the role engineer or lead" in text_of(page)
    assert signed_in(rosa).post(SAVE, form(containment_limit="0.4")).status_code == 403
    assert not ScreeningPolicy.objects.exists()


def test_before_anything_is_measured_the_page_says_what_comes(erin, db):
    page = text_of(signed_in(erin).get(PAGE))
    assert "Nothing is measured yet" in page and "No benchmark is protected yet" in page


def test_it_shows_recall_by_form_on_both_halves_beside_the_textbook_rule(erin, labelled_set):
    page = text_of(signed_in(erin).get(PAGE))
    assert "Mean recall 98.3 % in force 98.3 %" in page  # (1 + 1 + 19/20) / 3
    assert "Textbook rule 33.3 %" in page and "False positives 1 of 51, in force 1" in page
    assert "1 of 51 0.3 % to 10.3 %" in page  # Wilson
    assert "These are the thresholds of the newest version" in page


def test_moving_a_threshold_shows_what_changes(erin, labelled_set):
    page = text_of(signed_in(erin).get(PAGE, {"containment_limit": "0.4"}))
    assert "Mean recall 90.0 % in force 98.3 %" in page and "−25.0" in page
    assert "10 leaks of the labelled set that are blocked now would pass: word edits 20 % 10 of 40" in page
    assert "Save as version 1" in page


def test_with_htmx_only_the_figures_come(erin, labelled_set):
    query = {"containment_limit": "0.4", "curve": "jaccard_limit"}
    page = signed_in(erin).get(PAGE, query, headers=HTMX).content.decode()
    assert page.lstrip().startswith('<div class="stack" id="measured"') and "<html" not in page
    assert 'data-announce="Mean recall 90.0 percent, 1 of 51 false positives"' in page
    assert "False positives by jaccard, %" in page and "<nav" in page and 'type="range"' not in page


def test_without_a_script_the_form_and_the_links_carry_the_state(erin, labelled_set):
    page = signed_in(erin).get(PAGE, {"containment_limit": "0.4"}).content.decode()
    assert 'name="containment_limit"' in page and 'value="0.4"' in page and ">Update</button>" in page
    assert 'method="get"' in page and "containment_limit=0.4&amp;" in page
    assert all("name=" not in slider for slider in re.findall(r'<input[^>]*type="range"[^>]*>', page))


@pytest.mark.parametrize("value", ["2", "x", "-1", "nan"])
def test_what_is_no_threshold_is_named(erin, labelled_set, value):
    page = signed_in(erin).get(PAGE, {"containment_limit": value})
    assert page.status_code == 422 and "from 0.1 to 1.01" in text_of(page)
    swapped = signed_in(erin).get(PAGE, {"containment_limit": value}, headers=HTMX)
    assert swapped.status_code == 200 and "from 0.1 to 1.01" in text_of(swapped)


def test_an_engineer_saves_and_sees_it_being_adopted(erin, labelled_set):
    client = signed_in(erin)
    saved = client.post(SAVE, form(containment_limit="0.4"))
    assert saved.status_code == 302 and saved["Location"] == PAGE
    page = text_of(client.get(PAGE))
    assert "Version 1 is being adopted" in page and "Containment 0.25 → 0.4" in page and "Fewer alarms" in page
    assert 'value="0.4"' in client.get(PAGE).content.decode()
    assert client.get(STATUS).status_code == 200


def test_the_status_is_polled_until_the_policy_is_in_force(erin, epoch):
    assert signed_in(erin).get(STATUS).status_code == 286
    saved = save_policy({"jaccard_limit": 0.7}, "Stricter", replaces=0, by=erin)
    polled = signed_in(erin).get(STATUS)
    assert polled.status_code == 200 and b"every 3s" in polled.content
    RegistryEpoch.objects.create(number=2, policy=saved, sha256="0" * 64, items=2, normaliser="strong-1")
    done = signed_in(erin).get(STATUS)
    assert done.status_code == 286 and "In force: version 1, as epoch 2" in text_of(done)


def test_a_page_that_is_stale_saves_nothing(erin, lea, labelled_set):
    signed_in(lea).post(SAVE, form(jaccard_limit="0.7"))
    late = signed_in(erin).post(SAVE, form(containment_limit="0.4", note="My reason"))
    assert late.status_code == 409 and "Version 0 is not the newest any more" in text_of(late)
    assert b'value="My reason"' in late.content and b'name="replaces" value="1"' in late.content
    assert ScreeningPolicy.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "message", "status"),
    [
        ({"confirmed": ""}, "is not confirmed", 422),
        ({"note": " "}, "needs a reason", 422),
        ({"containment_limit": "9"}, "out of range", 422),
        ({"containment_limit": ""}, "no number", 422),
        ({"replaces": "x"}, "not the newest", 409),
        ({"containment_limit": "0.25"}, "those of the newest version", 422),
    ],
)
def test_refused_with_the_reason(erin, labelled_set, changes, message, status):
    refused = signed_in(erin).post(SAVE, form(containment_limit="0.4") | changes)
    assert refused.status_code == status and message in text_of(refused)
    assert not ScreeningPolicy.objects.exists()


def test_only_a_lead_switches_a_method_off_and_the_page_says_what_that_lets_through(erin, lea, labelled_set):
    off = {"meaning_floor": "1.01"}
    page = signed_in(erin).get(PAGE, off)
    assert "Meaning above 0.8 lets leaks through. It takes a lead" in text_of(page)
    assert "38 leaks" in text_of(page) and b"disabled" in page.content
    assert signed_in(erin).post(SAVE, form(**off)).status_code == 403
    allowed = signed_in(lea).get(PAGE, off)
    assert "It takes a lead" not in text_of(allowed)
    assert signed_in(lea).post(SAVE, form(**off)).status_code == 302
    assert f"Meaning {Policy().meaning_floor:g} → off" in text_of(signed_in(lea).get(PAGE))


def test_an_older_version_can_be_used_again(erin, epoch):
    save_policy({"jaccard_limit": 0.7}, "Stricter", replaces=0, by=erin)
    page = signed_in(erin).get(PAGE).content.decode()
    (back,) = re.findall(r'href="([^"]*Back\+to\+the\+built-in[^"]*)"', page)
    again = signed_in(erin).get(back.replace("&amp;", "&")).content.decode()
    assert "Save as version 2" in again and 'value="Back to the built-in policy"' in again


def test_the_page_is_small_and_needs_few_queries(erin, labelled_set, django_assert_max_num_queries):
    client = signed_in(erin)
    client.get(PAGE)
    with django_assert_max_num_queries(14):
        page = client.get(PAGE, {"containment_limit": "0.4"})
    assert len(page.content) < 60_000


@pytest.mark.django_db(transaction=True, databases=["default", "vault"])
def test_page_and_rest_are_served_by_the_web_role(erin, labelled_set):
    client = signed_in(erin)
    with signed_in_as("web"):
        assert client.get(PAGE, {"containment_limit": "0.4"}).status_code == 200
        assert client.post(SAVE, form(containment_limit="0.4")).status_code == 302
        assert client.get("/api/v1/policies/").status_code == 200


# --- REST -------------------------------------------------------------------------------------------------------------


def test_rest_measures_saves_and_lists(erin, rosa, labelled_set):
    client = signed_in(erin)
    measured = client.get("/api/v1/policies/measure/", {"containment_limit": "0.4"}).json()
    assert measured["measured"]["tuning"]["macro_recall"] == 0.9 and measured["values"]["containment_limit"] == 0.4
    body = {"values": {"containment_limit": 0.4}, "note": "Fewer alarms", "replaces": 0}
    assert signed_in(rosa).post("/api/v1/policies/", body, "application/json").status_code == 403
    created = client.post("/api/v1/policies/", body, "application/json")
    assert created.status_code == 201 and created.json()["version"] == 1 and created.json()["in_force"] is False
    assert client.post("/api/v1/policies/", body, "application/json").status_code == 409
    listed = signed_in(rosa).get("/api/v1/policies/").json()["results"]
    assert [version["version"] for version in listed] == [1] and listed[0]["saved_by"] == "erin"
    assert client.get("/api/v1/policies/measure/", {"containment_limit": "9"}).status_code == 422
    assert client.get("/api/v1/policies/1/").json()["values"]["containment_limit"] == 0.4
