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
MOST_QUERIES = 12


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


def test_a_case_that_another_reviewer_holds_is_refused_with_the_reason(
    rosa_at_the_bench: Client, two_cases: list[Case], django_user_model: type[User]
) -> None:
    otto = django_user_model.objects.create_user("otto")
    triage_actions.claim_case(otto, two_cases[0].pk)
    page = rosa_at_the_bench.get(f"/curation/bench/?case={two_cases[0].pk}")
    assert "Somebody else is reviewing" in page.content.decode()
    assert f'data-current="{two_cases[1].pk}"' in page.content.decode()


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
    nothing = rosa_at_the_bench.get("/curation/bench/", {"q": "zebra"}).content.decode()
    assert "No waiting question holds “zebra”" in nothing


def test_reloading_after_a_verdict_shows_the_next_case(rosa_at_the_bench: Client, two_cases: list[Case]) -> None:
    first, second = two_cases
    rosa_at_the_bench.get("/curation/bench/")
    rosa_at_the_bench.post(f"/curation/bench/{first.pk}/decide/", {"verdict": "rejected"}, **HTMX)
    page = rosa_at_the_bench.get("/curation/bench/", {"case": first.pk}).content.decode()
    assert f'data-current="{second.pk}"' in page
    assert 'role="alert"' not in page


def test_an_empty_bench_says_what_to_do(rosa_at_the_bench: Client) -> None:
    assert "Nothing waits for you" in rosa_at_the_bench.get("/curation/bench/").content.decode()


@pytest.mark.parametrize("method", ["get", "post"])
def test_others_are_not_let_in(method: str, client: Client, django_user_model: type[User]) -> None:
    client.force_login(django_user_model.objects.create_user("visitor"))
    path = {"get": "/curation/bench/", "post": "/curation/bench/1/decide/"}[method]
    assert getattr(client, method)(path).status_code == 403
