"""The log's page: newest first, filtered by name, page by page without counting."""

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.actions import record
from audit.log_pages import PAGE, event_names
from audit.vocabulary import noun
from tests.support.people import person, signed_in

pytestmark = pytest.mark.django_db


def tell(name, **edges):
    with transaction.atomic():
        return record(name, by="process:test", **edges)


@pytest.fixture
def omar():
    return signed_in(person("omar", "compliance"))


def test_it_takes_a_role(omar):
    assert Client().get("/audit/").status_code == 302
    assert signed_in(person("nobody")).get("/audit/").status_code == 403
    assert omar.get("/audit/").status_code == 200
    assert omar.post("/audit/").status_code == 405


def test_an_empty_log_says_so(omar):
    assert "The log is empty" in omar.get("/audit/").content.decode()


def test_the_newest_comes_first_with_what_it_used_and_generated(omar):
    tell("run.queued", used=[("dataset", 3)], generated=[("run", 4)])
    tell("run.started", used=[("run", 4)])
    page = omar.get("/audit/").content.decode()
    assert page.index("run.started</a>") < page.index("run.queued</a>")
    assert "/audit/lineage/dataset/3/" in page and "/audit/lineage/run/4/" in page


@pytest.mark.parametrize(("kind", "linked"), [("run", True), ("batch", False), ("policy", False)])
def test_only_what_has_a_lineage_is_a_link_to_it(omar, kind, linked):
    event = tell("run.queued", generated=[(kind, 4)])
    for address in ("/audit/", f"/audit/events/{event}/"):
        page = omar.get(address).content.decode()
        assert kind in page and (f"/audit/lineage/{kind}/4/" in page) == linked


def test_it_is_filtered_by_name_and_by_what_it_is_about(omar):
    for name in ("run.queued", "run.started", "gate.queued", "cases.screened", "case.decided"):
        tell(name)
    rows = lambda query: [row.event.name for row in omar.get(f"/audit/?{query}").context["rows"]]  # noqa: E731
    assert rows("name=run.started") == ["run.started"]
    assert rows("about=run") == ["run.started", "run.queued"]
    assert rows("about=case") == ["case.decided", "cases.screened"]
    assert rows("name=never.heard") == []
    assert "Nothing of that kind yet" in omar.get("/audit/?about=waiver").content.decode()


@pytest.mark.parametrize("query", ["", "name=run.started", "about=run"])
def test_pages_follow_each_other_without_gap_or_repetition(omar, query):
    ids = [tell("run.started") for _ in range(2 * PAGE + 10)]
    seen, before = [], ""
    while before is not None:
        context = omar.get(f"/audit/?{query}&before={before}").context
        seen += [row.event.pk for row in context["rows"]]
        before = context["older"]
    assert seen == ids[::-1]


def test_no_page_counts_the_log_and_a_full_one_is_small(omar):
    for _ in range(PAGE + 1):
        tell("dataset.frozen", used=[("pair", number) for number in range(30)], generated=[("dataset", 1)])
    with CaptureQueriesContext(connection) as queries:
        page = omar.get("/audit/")
    assert len(queries) <= 12
    assert not [query for query in queries if "COUNT(" in query["sql"] and "audit_event" in query["sql"]]
    assert len(page.content) < 60_000


def test_a_nonsensical_place_to_begin_is_the_beginning(omar):
    tell("run.started")
    for before in ("x", "-1", "9" * 30):
        assert omar.get(f"/audit/?before={before}").status_code == 200


def test_names_are_found_and_grouped_by_what_they_are_about(omar):
    for name in ("run.queued", "case.decided", "case.decided"):
        tell(name)
    assert event_names() == ["case.decided", "run.queued"]
    assert [noun(name) for name in ("cases.screened", "pair.accepted")] == ["case", "pair"]


@pytest.mark.parametrize("before", ["²", "٣", "-1", "9" * 5000, "x"])
def test_a_page_that_begins_nowhere_is_no_error(omar, before):
    assert omar.get("/audit/", {"before": before}).status_code == 200
