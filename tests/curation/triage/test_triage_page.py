"""The bench over HTTP: what a verdict answers, and that it stays small."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from curation.models import Case, Pair
from curation.screening import tasks as screening_tasks
from curation.triage import actions as triage_actions
from tests.curation.conftest import publish
from tests.support.people import signed_in

pytestmark = pytest.mark.django_db

HTMX = {"HTTP_HX_REQUEST": "true"}
MOST_QUERIES = 13
MOST_JOINS = 7  # PostgreSQL weighs the order of up to eight tables; the plan of fifteen takes it longer than their rows


@pytest.fixture
def rosa_at_the_bench(rosa: User) -> Client:
    return signed_in(rosa)


@pytest.fixture
def two_cases(vault: Any, corrected: Callable[..., Any]) -> list[Case]:
    publish(1)
    for prompt in ("How long is the refund window?", "Who owns the blue door?"):
        screening_tasks.screen("correction", str(corrected(prompt).pk))
    return list(Case.objects.order_by("id"))


def queries(call: Callable[[], Any]) -> int:
    """Statements that read or write; opening and closing a transaction is not one."""
    with CaptureQueriesContext(connection) as captured:
        call()
    return sum(not re.match(r"(SAVEPOINT|RELEASE|ROLLBACK|BEGIN|COMMIT)", query["sql"]) for query in captured)


def test_the_page_shows_the_oldest_case_within_its_budget(rosa_at_the_bench: Client, two_cases: list[Case]) -> None:
    page = rosa_at_the_bench.get("/curation/bench/")
    assert "How long is the refund window?" in page.content.decode()
    assert queries(lambda: rosa_at_the_bench.get("/curation/bench/")) <= MOST_QUERIES
    assert len(page.content) < 60_000


def test_no_statement_that_reads_cases_joins_many_tables(rosa_at_the_bench: Client, two_cases: list[Case]) -> None:
    with CaptureQueriesContext(connection) as captured:
        rosa_at_the_bench.get("/curation/bench/")
    about_cases = [query["sql"] for query in captured if '"curation_case"."id"' in query["sql"]]
    assert about_cases and max(sql.count(" JOIN ") for sql in about_cases) <= MOST_JOINS


def test_a_verdict_answers_with_the_next_case_in_a_few_kilobytes(
    rosa_at_the_bench: Client, two_cases: list[Case]
) -> None:
    rosa_at_the_bench.get("/curation/bench/")
    first, second = two_cases
    answer = rosa_at_the_bench.post(
        f"/curation/bench/{first.pk}/decide/", {"verdict": "accepted", "shown_to": second.pk}, **HTMX
    )
    text = answer.content.decode()
    assert f'data-current="{second.pk}"' in text
    assert f'hx-swap-oob="delete:#row-{first.pk}"' in text
    assert f"Accepted #{first.pk}" in text
    assert len(answer.content) < 6_000
    assert Pair.objects.count() == 1


def test_without_scripts_a_verdict_leads_to_the_next_case(rosa_at_the_bench: Client, two_cases: list[Case]) -> None:
    rosa_at_the_bench.get("/curation/bench/")
    first, second = two_cases
    answer = rosa_at_the_bench.post(f"/curation/bench/{first.pk}/decide/", {"verdict": "rejected"})
    assert answer.status_code == 302
    assert f"case={second.pk}" in answer["Location"]
    assert "Who owns the blue door?" in rosa_at_the_bench.get(answer["Location"]).content.decode()


def test_a_second_verdict_on_the_same_case_changes_nothing(rosa_at_the_bench: Client, two_cases: list[Case]) -> None:
    rosa_at_the_bench.get("/curation/bench/")
    first, _ = two_cases
    for verdict in ("rejected", "accepted"):
        answer = rosa_at_the_bench.post(f"/curation/bench/{first.pk}/decide/", {"verdict": verdict})
    assert answer.status_code == 409
    assert "already has a verdict" in answer.content.decode()
    assert Case.objects.get(pk=first.pk).verdict == "rejected"
    assert not Pair.objects.exists()


def test_undo_brings_the_case_back(rosa_at_the_bench: Client, two_cases: list[Case]) -> None:
    rosa_at_the_bench.get("/curation/bench/")
    first, _ = two_cases
    rosa_at_the_bench.post(f"/curation/bench/{first.pk}/decide/", {"verdict": "accepted"}, **HTMX)
    answer = rosa_at_the_bench.post(f"/curation/bench/{first.pk}/undo/", {}, **HTMX)
    assert f'data-current="{first.pk}"' in answer.content.decode()
    assert f'id="row-{first.pk}"' in answer.content.decode()
    assert Pair.objects.get().state == "undone"


def held_by(user: User) -> list[int]:
    return list(Case.objects.filter(leased_by=user).order_by("id").values_list("pk", flat=True))


def test_a_case_that_another_reviewer_holds_is_refused_with_the_reason_and_without_another(
    rosa_at_the_bench: Client, rosa: User, two_cases: list[Case], django_user_model: type[User]
) -> None:
    otto = django_user_model.objects.create_user("otto")
    triage_actions.claim_case(otto, two_cases[0].pk)
    page = rosa_at_the_bench.get(f"/curation/bench/?case={two_cases[0].pk}").content.decode()
    assert "Somebody else is reviewing" in page
    assert "data-current" not in page and "Accept as training pair" not in page
    assert held_by(rosa) == []


def test_a_case_that_was_passed_comes_again(rosa_at_the_bench: Client, two_cases: list[Case]) -> None:
    first, second = two_cases
    rosa_at_the_bench.get("/curation/bench/")
    rosa_at_the_bench.get(f"/curation/bench/{second.pk}/", **HTMX)
    answer = rosa_at_the_bench.post(f"/curation/bench/{second.pk}/decide/", {"verdict": "rejected"}, **HTMX)
    assert f'data-current="{first.pk}"' in answer.content.decode()
    answer = rosa_at_the_bench.post(f"/curation/bench/{first.pk}/skip/", {}, **HTMX)
    assert f'data-current="{first.pk}"' in answer.content.decode()


def test_words_of_the_question_find_it(rosa_at_the_bench: Client, two_cases: list[Case]) -> None:
    page = rosa_at_the_bench.get("/curation/bench/", {"q": "BLUE door"}).content.decode()
    assert f'data-current="{two_cases[1].pk}"' in page
    assert f'id="row-{two_cases[0].pk}"' not in page
    assert queries(lambda: rosa_at_the_bench.get("/curation/bench/", {"q": "blue"})) <= MOST_QUERIES


def test_a_search_without_a_match_claims_and_offers_nothing(
    rosa_at_the_bench: Client, rosa: User, two_cases: list[Case]
) -> None:
    page = rosa_at_the_bench.get("/curation/bench/", {"q": "zebra"}).content.decode()
    assert "No waiting question holds “zebra”" in page
    assert "data-current" not in page and 'data-key="a"' not in page
    assert held_by(rosa) == []


@pytest.fixture
def doors(vault: Any, corrected: Callable[..., Any]) -> list[Case]:
    """Four cases; the first and the last ask about a door."""
    publish(1)
    for prompt in ("Who owns the blue door?", "How long is it?", "Where is Otto?", "Who owns the red door?"):
        screening_tasks.screen("correction", str(corrected(prompt).pk))
    return list(Case.objects.order_by("id"))


@pytest.mark.parametrize("act", [("decide", {"verdict": "rejected"}), ("skip", {})], ids=["decide", "skip"])
def test_a_search_is_a_filter_that_the_next_case_respects(
    rosa_at_the_bench: Client, rosa: User, doors: list[Case], act: tuple[str, dict[str, str]]
) -> None:
    name, sent = act
    blue, _, _, red = doors
    rosa_at_the_bench.get("/curation/bench/", {"q": "door"})
    answer = rosa_at_the_bench.post(f"/curation/bench/{blue.pk}/{name}/", {**sent, "q": "door"}, **HTMX)
    page = answer.content.decode()
    assert f'data-current="{red.pk}"' in page
    assert 'name="q" value="door"' in page, "the next verdict knows the search too"
    assert held_by(rosa) == [red.pk]


def test_the_last_match_is_followed_by_nothing(rosa_at_the_bench: Client, rosa: User, doors: list[Case]) -> None:
    rosa_at_the_bench.get("/curation/bench/", {"q": "red"})
    sent = {"verdict": "rejected", "q": "red"}
    page = rosa_at_the_bench.post(f"/curation/bench/{doors[3].pk}/decide/", sent, **HTMX).content.decode()
    assert "No waiting question holds “red”" in page and "data-current" not in page
    assert held_by(rosa) == []


def test_without_scripts_the_search_stays_in_the_address(rosa_at_the_bench: Client, doors: list[Case]) -> None:
    rosa_at_the_bench.get("/curation/bench/", {"q": "door", "kind": "correction"})
    sent = {"verdict": "rejected", "q": "door", "kind": "correction"}
    answer = rosa_at_the_bench.post(f"/curation/bench/{doors[0].pk}/decide/", sent)
    assert answer["Location"] == f"/curation/bench/?case={doors[3].pk}&kind=correction&q=door"
    page = rosa_at_the_bench.get(answer["Location"]).content.decode()
    assert f"?case={doors[3].pk}&amp;kind=correction&amp;q=door" in page, "so does a link of the queue"
    assert "Correction 1" in page, "and the counts are those of the search"


def test_reloading_after_a_verdict_shows_the_next_case(rosa_at_the_bench: Client, two_cases: list[Case]) -> None:
    first, second = two_cases
    rosa_at_the_bench.get("/curation/bench/")
    rosa_at_the_bench.post(f"/curation/bench/{first.pk}/decide/", {"verdict": "rejected"}, **HTMX)
    page = rosa_at_the_bench.get("/curation/bench/", {"case": first.pk}).content.decode()
    assert f'data-current="{second.pk}"' in page
    assert '<div class="banner bad" role="alert">' not in page


def test_an_empty_bench_says_what_to_do(rosa_at_the_bench: Client) -> None:
    assert "Nothing waits for you" in rosa_at_the_bench.get("/curation/bench/").content.decode()


@pytest.mark.parametrize("method", ["get", "post"])
def test_others_are_not_let_in(method: str, client: Client, django_user_model: type[User]) -> None:
    client.force_login(django_user_model.objects.create_user("visitor"))
    path = {"get": "/curation/bench/", "post": "/curation/bench/1/decide/"}[method]
    assert getattr(client, method)(path).status_code == 403
