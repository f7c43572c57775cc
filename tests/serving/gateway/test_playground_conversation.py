"""The playground holds a conversation: earlier turns stay, are sent along, and each answer takes its own feedback."""

import html
import json
import re
import uuid

import pytest
from django.core.cache import cache

from feedback.actions import open_playground
from feedback.models import Interaction, Source
from tests.serving.gateway.test_playground import Visitor
from tests.support import serving_rows

pytestmark = pytest.mark.django_db(transaction=True)
FIRST, SECOND = {"prompt": "Who are you?"}, {"prompt": "What do you sell?"}


@pytest.fixture
def ana(web, transactional_db):
    serving_rows.base_release()
    Source.objects.filter(pk=open_playground().pk).update(held_out_percent=0)
    return Visitor(web)


def after(page) -> str:
    return re.search(r'name="after" value="([^"]*)"', page.text)[1]


def recorded() -> list[Interaction]:
    return list(Interaction.objects.order_by("created_at"))


def links(page) -> list[str]:
    return re.findall(r'href="/feedback/give/([^/"]+)/"', page.text)


def test_a_second_question_is_asked_with_all_that_was_said_before(ana):
    page = ana.ask(**FIRST)
    page = ana.ask(**SECOND, after=after(page))
    first, second = recorded()
    assert second.asked.messages == [
        {"role": "user", "content": FIRST["prompt"]},
        {"role": "assistant", "content": first.answer},
        {"role": "user", "content": SECOND["prompt"]},
    ]
    assert (first.turn, second.turn) == (1, 2)
    assert first.conversation_key == second.conversation_key != ""
    assert second.prompt == f"user: {FIRST['prompt']}\nassistant: {first.answer}\nuser: {SECOND['prompt']}"


def test_earlier_turns_stay_on_the_page_and_each_answer_has_its_own_link(ana):
    page = ana.ask(**FIRST)
    page = ana.ask(**SECOND, after=after(page))
    assert links(page) == [str(interaction.pk) for interaction in recorded()]
    text = html.unescape(page.text)
    assert text.index(FIRST["prompt"]) < text.index(recorded()[0].answer) < text.index(SECOND["prompt"])
    assert "New conversation" in text


def test_without_javascript_the_answer_has_an_address_so_reload_and_back_ask_nothing_again(ana):
    page = ana.ask(**FIRST)
    assert [(answer.status_code, answer.request.method) for answer in page.history] == [(302, "POST")]
    assert page.request.method == "GET" and page.url.query == f"after={recorded()[0].pk}".encode()
    again = ana.http.get(page.url)
    assert links(again) == links(page) and Interaction.objects.count() == 1
    ana.ask(**SECOND, after=after(page))
    back = ana.http.get(page.url)
    assert links(back) == links(page) and after(back) == after(page), "one may go back and ask something else"


def test_with_javascript_the_end_of_the_stream_names_the_answer_that_the_next_question_follows_on(ana):
    *_, done = ana.stream(**FIRST)
    follows = json.loads(done[1].removeprefix("data: "))["after"]
    *_, done = ana.stream(**SECOND, after=follows)
    assert [interaction.turn for interaction in recorded()] == [1, 2]
    page = ana.http.get(f"/playground/?after={recorded()[1].pk}")
    assert links(page) == [str(interaction.pk) for interaction in recorded()]


def test_a_new_conversation_begins_with_nothing(ana):
    page = ana.ask(**FIRST)
    link = re.search(r'<a class="button small" href="([^"]+)"[^>]*>New conversation', page.text)[1]
    fresh = ana.http.get(link)
    assert after(fresh) == "" and links(fresh) == []
    ana.ask(**FIRST, after=after(fresh))
    assert [interaction.turn for interaction in recorded()] == [1, 1]
    assert len({interaction.conversation_key for interaction in recorded()}) == 2, "the same question begins another"


def test_the_feedback_page_of_the_second_answer_shows_the_first_and_leads_back(ana):
    page = ana.ask(**FIRST)
    page = ana.ask(**SECOND, after=after(page))
    second = recorded()[1]
    give = html.unescape(ana.http.get(f"/feedback/give/{second.pk}/").text)
    assert re.findall(r'<li class="turn (\w+)">', give) == ["user", "assistant", "user"]
    assert f'href="/playground/?after={second.pk}"' in give


def test_both_lanes_look_alike(ana, web):
    pages = []
    for visitor, percent in ((ana, 0), (None, 100)):
        Source.objects.update(held_out_percent=percent)
        visitor = visitor or Visitor(web)
        page = visitor.ask(**FIRST)
        page = visitor.ask(**SECOND, after=after(page))
        pages.append([page, visitor.http.get(page.url)])
    assert set(Interaction.objects.values_list("lane", flat=True)) == {"training", "held_out"}
    assert not Interaction.objects.filter(lane="held_out").exclude(prompt="", conversation="").exists()
    plain = [[re.sub(r"[0-9a-f-]{36}|value=\"\w+\"", "", page.text) for page in both] for both in pages]
    assert plain[0] == plain[1]


def test_nobody_goes_on_with_the_conversation_of_another(ana, web):
    page = ana.ask(**FIRST)
    stranger = Visitor(web)
    for follows in (after(page), str(uuid.uuid4()), "no-id"):
        answer = stranger.ask(**SECOND, after=follows)
        assert answer.status_code == 410 and "is not kept any more" in answer.text
        assert f"{SECOND['prompt']}</textarea>" in answer.text, "the question is kept"
        assert stranger.ask("/playground/ask/", **SECOND, after=follows).status_code == 410
        assert stranger.http.get("/playground/", params={"after": follows}).status_code == 410
        assert after(answer) == "", "and the next one begins a conversation"
    assert Interaction.objects.count() == 1


def test_after_two_hours_a_conversation_is_over_and_the_next_question_begins_one(ana):
    page = ana.ask(**FIRST)
    cache.clear()
    answer = ana.ask(**SECOND, after=after(page))
    assert answer.status_code == 410
    assert ana.ask(**SECOND, after=after(answer)).status_code == 200
    assert [interaction.turn for interaction in recorded()] == [1, 1]


def test_the_cache_holds_no_plain_words_of_a_conversation(ana):
    page = ana.ask(**FIRST)
    ana.ask(**SECOND, after=after(page))
    for interaction in recorded():
        kept = cache.get(f"feedback:exchange:{interaction.pk}")
        assert kept and "Larkmere" not in kept and "user" not in kept


def test_a_question_that_is_refused_leaves_the_conversation_on_the_page(ana):
    page = ana.ask(**FIRST)
    refused = ana.ask(prompt="  ", after=after(page))
    assert refused.status_code == 400
    assert links(refused) == links(page) and after(refused) == after(page)
