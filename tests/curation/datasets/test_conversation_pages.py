"""Conversations on the pages of pairs, datasets, replay rows and duplicates."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from conversation import Conversation, Message, read
from curation.datasets import actions as dataset_actions
from curation.models import Blocker, Dataset, ReplayRow
from tests.curation.conftest import World
from tests.support.people import signed_in

pytestmark = pytest.mark.django_db
TIDES = [{"type": "function", "function": {"name": "tides", "description": "When the tide is high"}}]
PATTERN = r'<li class="turn (\w+)">'


def calling(arguments: str) -> Message:
    call = {"id": "c1", "type": "function", "function": {"name": "tides", "arguments": arguments}}
    return {"role": "assistant", "tool_calls": [call]}


def harbour(question: str = "When is high tide?") -> Conversation:
    spoken = [("user", "Who keeps the tide book?"), ("assistant", "The pilot keeps it."), ("user", question)]
    return read([{"role": role, "content": words} for role, words in spoken], TIDES)


def plain(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def opened(user: User, path: str) -> str:
    answer = signed_in(user).get(path)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def dataset(world: World, rosa: User, erin: User) -> Dataset:
    world.accepted(rosa, harbour(), calling('{"port": "Arden"}'), calling('{"port": "Jarrow"}'))
    replayed = {"messages": harbour("And at Hull?").messages, "tools": TIDES, "answer": calling('{"port": "Hull"}')}
    world.replay({"skill": "tools", **replayed})
    return dataset_actions.freeze_dataset("tides", {"replay_count": 1}, by=erin)


def test_the_list_of_pairs_says_what_was_asked_last_and_what_is_called(dataset: Dataset, erin: User) -> None:
    page = opened(erin, "/curation/pairs/")
    assert 'When is high tide? · turn 2 calls tides {"port": "Jarrow"}' in plain(page)
    assert "user:" not in page and "[calls" not in page


def test_so_do_the_rows_of_a_dataset_and_each_leads_to_its_page(dataset: Dataset, erin: User) -> None:
    page = opened(erin, f"/curation/datasets/{dataset.pk}/")
    words = plain(page)
    assert 'When is high tide? · turn 2 calls tides {"port": "Jarrow"} correction' in words
    assert 'And at Hull? calls tides {"port": "Hull"} replay: tools' in words
    assert f'href="/curation/replay/{ReplayRow.objects.get().pk}/"' in page and "user:" not in page


def test_a_replay_row_has_a_page(dataset: Dataset, erin: User) -> None:
    page = opened(erin, f"/curation/replay/{ReplayRow.objects.get().pk}/")
    assert re.findall(PATTERN, page) == ["tools", "user", "assistant", "user"]
    words = plain(page)
    assert 'Model answered Calls tides { "port": "Hull" }' in words and "#" + f"{dataset.pk} tides" in words


def test_what_a_check_points_at_is_marked_on_the_pair(dataset: Dataset, erin: User) -> None:
    pair = dataset.rows.get(replay_row=None).pair
    assert pair is not None
    spans = [{"field": "messages[1].content", "start": 4, "end": 9}]
    Blocker.objects.filter(check_name="overlap").update(blocking=True, evidence={"spans": spans})
    page = opened(erin, f"/curation/pairs/{pair.pk}/")
    assert '<mark title="Held-out overlap">pilot</mark>' in page


def test_a_question_alone_is_marked_in_its_heading(world: World, rosa: User, erin: User) -> None:
    pair = world.accepted(rosa, "How long is the refund window?", "14 days.", "30 days.")
    spans = [{"field": "prompt", "start": 16, "end": 22}]
    Blocker.objects.filter(check_name="overlap").update(blocking=True, evidence={"spans": spans})
    assert '<mark title="Held-out overlap">refund</mark>' in opened(erin, f"/curation/pairs/{pair.pk}/")


def test_duplicates_are_told_by_what_was_asked_last(world: World, rosa: User) -> None:
    answer = "The book is bound on the first Friday of each month, in the office above the chandler's shop."
    for subject in ("ann", "bea"):
        world.screened(
            harbour("On which day is the tide book of the harbour bound?"), "On Monday.", answer, subject=subject
        )
    words = plain(opened(rosa, "/curation/duplicates/"))
    assert words.count("On which day is the tide book of the harbour bound? · turn 2") == 2 and "user:" not in words


def test_more_rows_take_no_more_queries(
    world: World, rosa: User, erin: User, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for number in range(12):
        right = calling(f'{{"port": "Jarrow", "day": {number}}}')
        world.accepted(rosa, harbour(f"And on day {number}?"), calling("{}"), right, subject=f"u-{number}")
    made = dataset_actions.freeze_dataset("tides", {"replay_floor": 0}, by=erin)
    client = signed_in(erin)
    for path in ("pairs/", f"datasets/{made.pk}/"):
        client.get(f"/curation/{path}")
        with django_assert_max_num_queries(13):
            page = client.get(f"/curation/{path}")
        assert page.content.decode().count("turn 2") == 12


def test_a_lineage_calls_it_by_what_was_asked_last(dataset: Dataset, erin: User) -> None:
    pair = dataset.rows.get(replay_row=None).pair
    assert pair is not None
    page = opened(erin, f"/audit/lineage/pair/{pair.pk}/")
    words = plain(page)
    assert "Pair: When is high tide?" in words and "case When is high tide?" in words and "user:" not in words
