"""The list of duplicates: who may read it, what it says, with how many queries; and what the bench says of one."""

import pytest

from curation.screening import actions as screening_actions
from tests.curation.conftest import TEST
from tests.curation.screening.test_duplicates import ANSWER, QUESTION, REWORDED, meanings  # noqa: F401
from tests.support.people import person, signed_in

PAGE = "/curation/duplicates/"


def listed(user, query=""):
    return signed_in(user).get(PAGE + query).content.decode()


def test_visitors_are_sent_to_the_login_and_others_refused(client, otto, world):
    assert client.get(PAGE).status_code == 302
    assert signed_in(otto).get(PAGE).status_code == 403
    assert signed_in(person("cleo", "compliance")).get(PAGE).status_code == 403


def test_an_empty_list_says_so(rosa, world):
    assert "No duplicates" in listed(rosa) and "None of these" in listed(rosa, "?method=near")


def test_the_kept_one_and_the_dropped_ones_are_listed(rosa, erin, world):
    pair = world.accepted(rosa, QUESTION, right=ANSWER)
    second = world.screened("Hello, " + QUESTION, right=ANSWER, subject="bea")
    page = listed(rosa)
    assert f'/curation/pairs/{pair.pk}/">Case {pair.correction.case.pk}</a>' in page
    assert f'?case={second.pk}">Case {second.pk}</a>' in page and "Nearly the same words" in page and "of 80" in page
    assert f"?case={second.pk}" not in listed(erin), "an engineer does not review"
    assert QUESTION in listed(rosa, "?method=near") and QUESTION not in listed(rosa, "?method=exact")
    assert QUESTION not in listed(rosa, f"?kept={second.pk}") and QUESTION in listed(
        rosa, f"?kept={pair.correction.case.pk}"
    )


@pytest.mark.parametrize("query", ["?page=99", "?page=x", "?kept=x", "?kept=99999999999999999999"])
def test_a_strange_address_is_answered(rosa, world, query):
    assert signed_in(rosa).get(PAGE + query).status_code == 200


def test_an_address_with_nul_cannot_be_read(rosa, world):
    assert signed_in(rosa).get(f"{PAGE}?method=%00").status_code == 400


def test_a_long_list_takes_few_queries(rosa, world, django_assert_max_num_queries):
    for n in range(30):
        world.case(f"Question {n % 15}?", subject=f"user-{n}")
    screening_actions.screen_waiting(100, world.registry, by=TEST)
    client = signed_in(rosa)
    with django_assert_max_num_queries(12):
        response = client.get(PAGE)
    assert response.content.decode().count("is kept</h2>") == 10


def test_the_bench_names_the_kept_case_and_a_warning_blocks_nothing(rosa, world, meanings):  # noqa: F811
    first = world.screened(QUESTION, right=ANSWER)
    second = world.screened(REWORDED, right=ANSWER, subject="bea")
    page = signed_in(rosa).get(f"/curation/bench/?case={second.pk}").content.decode()
    assert f"Case {first.pk} says the same in other words" in page and f"{PAGE}?kept={first.pk}" in page
    assert 'value="accepted" data-key="a"\n  disabled' not in page
