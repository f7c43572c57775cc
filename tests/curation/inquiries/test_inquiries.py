"""Does this text overlap the exam? What is asked, answered, counted and forgotten."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.models import Event
from cftapp.base.actors import SCREENER
from cftapp.base.refusal import Conflict, Refused
from curation.inquiries import actions as inquiry_actions
from curation.inquiries import rules as inquiry_rules
from curation.inquiries import tasks as inquiry_tasks
from curation.inquiries.actions import TooOften, ask_overlap
from curation.models import Inquiry, InquiryAlert, InquirySketch
from tests.curation.conftest import EXAM, TEST, publish
from tests.curation.screening.test_roles import signed_in_as
from tests.support.people import person, signed_in

LEAKED = EXAM[0][2]
PAGE, API = "/curation/check/", "/api/v1/inquiries/"


@pytest.fixture
def screener(vault):
    """Epoch 1 in the vault, adopted; the tasks of this process are the screener's."""
    publish(1)


def answered(by, prompt, answer=""):
    inquiry = ask_overlap(prompt, answer, by=by)
    inquiry_tasks.answer(str(inquiry.pk))
    return Inquiry.objects.get(pk=inquiry.pk)


def test_an_item_is_recognised_and_only_what_is_useful_is_answered(screener, rosa):
    inquiry = answered(rosa, f"By the way: {LEAKED} Thanks")
    assert (inquiry.verdict, inquiry.item_id, inquiry.benchmark, inquiry.epoch) == (
        "blocked",
        "item-train",
        "exam v1",
        1,
    )
    assert inquiry.score == round(inquiry.score, 2) and inquiry.score >= inquiry.limit
    (span,) = inquiry.spans
    assert span["field"] == "prompt" and 0 < span["start"] < span["end"] <= inquiry.length


def test_a_clean_text_gets_no_other_answer_than_that(screener, rosa):
    far = answered(rosa, "What does the canteen serve on Fridays?")
    near = answered(rosa, "A freight train leaves Arden at nine, they say in town.")
    for inquiry in (far, near):
        assert inquiry.verdict == "clean"
        assert (inquiry.score, inquiry.limit, inquiry.method, inquiry.item_id, inquiry.spans) == (
            None,
            None,
            "",
            "",
            [],
        )


def test_the_text_is_forgotten_once_it_is_answered(screener, rosa):
    inquiry = ask_overlap(LEAKED, "a secret answer", by=rosa)
    assert inquiry.prompt == LEAKED
    inquiry_tasks.answer(str(inquiry.pk))
    inquiry.refresh_from_db()
    assert (inquiry.prompt, inquiry.answer, inquiry.length) == ("", "", len(LEAKED) + len("a secret answer"))


def test_postgres_itself_lets_no_answered_inquiry_keep_its_text(screener, rosa):
    inquiry = answered(rosa, LEAKED)
    with pytest.raises(IntegrityError, match="keeps_its_text"), transaction.atomic():
        Inquiry.objects.filter(pk=inquiry.pk).update(prompt=LEAKED)


def test_the_log_holds_no_word_of_it(screener, rosa, events):
    events()
    inquiry = answered(rosa, LEAKED)
    assert events() == ["inquiry.asked", "inquiry.answered"]
    for body in Event.objects.filter(name__startswith="inquiry").values_list("body", flat=True):
        assert b"gravel" not in bytes(body) and inquiry.item_id.encode() not in bytes(body)


def test_a_second_delivery_changes_nothing(screener, rosa, events):
    inquiry = answered(rosa, LEAKED)
    events()
    inquiry_tasks.answer(str(inquiry.pk))
    assert events() == []
    assert Inquiry.objects.get().answered_at == inquiry.answered_at


def test_a_lost_doorbell_is_made_up_for(screener, rosa):
    ask_overlap(LEAKED, by=rosa)
    inquiry_tasks.answer_waiting()
    assert Inquiry.objects.get().verdict == "blocked"


def test_an_inquiry_that_cannot_be_answered_does_not_stop_the_others(screener, rosa, monkeypatch):
    first, second = ask_overlap("One?", by=rosa), ask_overlap("Two?", by=rosa)
    real = inquiry_actions.answer_inquiry

    def breaks(inquiry_id, *args, **options):
        if inquiry_id == str(first.pk):
            raise ValueError("as if")
        return real(inquiry_id, *args, **options)

    monkeypatch.setattr(inquiry_actions, "answer_inquiry", breaks)
    inquiry_tasks.answer_waiting()
    assert Inquiry.objects.get(pk=second.pk).state == "answered"
    assert Inquiry.objects.get(pk=first.pk).state == "waiting"


def test_without_a_screener_the_text_is_forgotten_within_an_hour(screener, rosa, events):
    inquiry = ask_overlap(LEAKED, by=rosa)
    inquiry_tasks.expire_inquiries()
    assert Inquiry.objects.get().state == "waiting"
    Inquiry.objects.update(asked_at=timezone.now() - timedelta(minutes=61))
    events()
    inquiry_tasks.expire_inquiries()
    inquiry.refresh_from_db()
    assert (inquiry.state, inquiry.prompt) == ("expired", "")
    assert events() == ["inquiries.expired"]
    inquiry_tasks.answer(str(inquiry.pk))
    assert Inquiry.objects.get().state == "expired"


def test_the_words_of_a_day_ago_are_forgotten_too(screener, rosa):
    answered(rosa, LEAKED), answered(rosa, "Something else.")
    old = Inquiry.objects.filter(verdict="blocked")
    old.update(asked_at=timezone.now() - timedelta(hours=25))
    inquiry_tasks.answer_waiting()
    assert list(InquirySketch.objects.values_list("inquiry__verdict", flat=True)) == ["clean"]


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "😀" * 2000,
        "\u202e" + "שלום עולם " * 100,
        "word " * 2000,
        "​\u200b\ufeff x",
        "def f():\n\treturn {'a': [1, 2]}\n" * 50,
        "QUJD" * 2400,
        "<script>alert(1)</script>",
    ],
    ids=["one letter", "emoji", "right to left", "repeated", "invisible", "code", "base64", "markup"],
)
def test_any_text_gets_an_answer(screener, rosa, text):
    assert answered(rosa, text).verdict == "clean"


def test_markup_in_a_benchmark_is_shown_as_text(screener, rosa):
    inquiry = answered(rosa, LEAKED)
    Inquiry.objects.filter(pk=inquiry.pk).update(benchmark="<b>bold</b>")
    assert b"&lt;b&gt;bold" in signed_in(rosa).get(f"{PAGE}{inquiry.pk}/").content


@pytest.mark.parametrize(("prompt", "words"), [("", "no text"), (" \n", "no text"), ("x" * 10_001, "10,001")])
def test_nothing_and_too_much_are_refused(screener, rosa, prompt, words):
    with pytest.raises(Refused, match=words):
        ask_overlap(prompt, by=rosa)
    assert not Inquiry.objects.exists()


def test_before_the_first_epoch_nothing_is_asked(db, rosa):
    with pytest.raises(Conflict, match="Nothing is protected yet"):
        ask_overlap("Hello?", by=rosa)


# --- limits -----------------------------------------------------------------------------------------------------------
def test_a_minute_holds_so_many_on_the_page_and_by_the_api_together(screener, rosa):
    client = signed_in(rosa)
    for number in range(inquiry_rules.A_MINUTE):
        if number % 2:
            assert client.post(PAGE, {"prompt": f"Text {number}"}).status_code == 302
        else:
            assert client.post(API, {"prompt": f"Text {number}"}, "application/json").status_code == 202
    page = client.post(PAGE, {"prompt": "One more"})
    assert page.status_code == 429 and 0 < int(page["Retry-After"]) <= 60
    assert b"20 checks in a minute" in page.content and b"One more" in page.content
    api = client.post(API, {"prompt": "One more"}, "application/json")
    assert api.status_code == 429 and 0 < int(api["Retry-After"]) <= 61
    assert "20 checks in a minute" in api.json()["detail"]
    assert Inquiry.objects.count() == inquiry_rules.A_MINUTE


def test_the_limit_is_each_person_s_own(screener, rosa, rob):
    for number in range(inquiry_rules.A_MINUTE):
        ask_overlap(f"Text {number}", by=rosa)
    with pytest.raises(TooOften):
        ask_overlap("Another", by=rosa)
    assert ask_overlap("Another", by=rob)


def test_a_minute_later_it_goes_on_until_the_day_is_full(screener, rosa, monkeypatch):
    monkeypatch.setattr(inquiry_rules, "A_DAY", 25)
    for number in range(20):
        ask_overlap(f"Text {number}", by=rosa)
    Inquiry.objects.update(asked_at=timezone.now() - timedelta(minutes=2))
    for number in range(5):
        ask_overlap(f"Text {number}", by=rosa)
    with pytest.raises(TooOften, match="25 checks in a day") as refused:
        ask_overlap("Another", by=rosa)
    assert 23 * 3600 < refused.value.seconds <= 24 * 3600


# --- who --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("role", ["reviewer", "engineer", "lead"])
def test_they_may_ask(screener, role):
    client = signed_in(person("ada", role))
    assert client.get(PAGE).status_code == 200
    assert client.post(API, {"prompt": "Hello?"}, "application/json").status_code == 202


@pytest.mark.parametrize("role", ["compliance", "examiner", "admin", None])
def test_they_may_not(screener, role):
    client = signed_in(person("ada", *([role] if role else [])))
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, {"prompt": "Hello?"}).status_code == 403
    assert client.post(API, {"prompt": "Hello?"}, "application/json").status_code == 403
    assert not Inquiry.objects.exists()


def test_visitors_sign_in_first(screener, client):
    assert client.get(PAGE).status_code == 302
    assert client.post(API, {"prompt": "Hello?"}, "application/json").status_code == 403


def test_an_answer_is_for_its_asker_alone(screener, rosa, rob):
    inquiry = answered(rosa, LEAKED)
    assert signed_in(rosa).get(f"{API}{inquiry.pk}/").json()["verdict"] == "blocked"
    assert signed_in(rob).get(f"{API}{inquiry.pk}/").status_code == 404
    assert signed_in(rob).get(f"{PAGE}{inquiry.pk}/").status_code == 404
    assert signed_in(rosa).get(f"{API}{uuid4()}/").status_code == 404
    assert signed_in(rosa).get(f"{API}nonsense/").status_code == 404


# --- the page and the API ---------------------------------------------------------------------------------------------
def test_without_scripts_the_page_asks_waits_and_answers(screener, rosa):
    client = signed_in(rosa)
    redirect = client.post(PAGE, {"prompt": LEAKED})
    assert redirect.status_code == 302
    assert b"The screener is looking" in client.get(redirect.url).content
    inquiry_tasks.answer_waiting()
    page = client.get(redirect.url).content.decode()
    assert "Overlaps" in page and "exam v1" in page and "gravel" not in page


def test_with_htmx_the_answer_is_polled_and_the_text_stays_in_the_browser(screener, rosa):
    client = signed_in(rosa)
    fragment = client.post(PAGE, {"prompt": LEAKED}, headers={"HX-Request": "true"}).content.decode()
    assert 'hx-trigger="every 2s"' in fragment and "<form" not in fragment
    address = fragment.partition('hx-get="')[2].partition('"')[0]
    assert client.get(address, headers={"HX-Request": "true"}).status_code == 200
    inquiry_tasks.answer_waiting()
    last = client.get(address, headers={"HX-Request": "true"})
    assert last.status_code == 286 and b"hx-get" not in last.content and b"Overlaps" in last.content


def test_ranges_are_those_of_the_text_as_typed(screener, rosa):
    client = signed_in(rosa)
    client.post(PAGE, {"prompt": f"a\r\nb\r\n{LEAKED}"})
    assert Inquiry.objects.get().prompt == f"a\nb\n{LEAKED}"


def test_the_api_names_what_is_wrong(screener, rosa):
    client = signed_in(rosa)
    for body in ({}, {"prompt": " "}, {"prompt": "x" * 10_001}, {"prompt": "a\0b"}, {"prompt": ["x"]}):
        refused = client.post(API, body, "application/json")
        assert refused.status_code == 422 and refused.json()["errors"][0]["field"] == "prompt"
    raw = client.post(API, '{"prompt": "\\ud800"}', "application/json")
    assert raw.status_code == 400


def test_the_api_answers_with_all_there_is(screener, rosa):
    client = signed_in(rosa)
    created = client.post(API, {"prompt": "Well,", "answer": LEAKED}, "application/json").json()
    assert created["state"] == "waiting" and "prompt" not in created
    inquiry_tasks.answer_waiting()
    answer = client.get(f"{API}{created['id']}/").json()
    assert (answer["verdict"], answer["item_id"], answer["epoch"]) == ("blocked", "item-train", 1)
    assert {span["field"] for span in answer["spans"]} == {"answer"}


# --- alerts -----------------------------------------------------------------------------------------------------------
def climbing(by, count):
    """Asks about an item with more and more of its own words: what a search for it looks like."""
    words = LEAKED.split()
    for number in range(count):
        answered(by, " ".join(words[: len(words) - number % 4]) + f" {'x' * number}")


def test_climbing_towards_an_item_raises_one_alert_and_pauses_its_asker(screener, rosa, rob, events):
    climbing(rosa, 8)
    assert not InquiryAlert.objects.exists()
    events()
    answered(rosa, LEAKED + " once more")
    assert events() == ["inquiry.asked", "inquiry.answered", "inquiry.suspected"]
    alert = InquiryAlert.objects.get()
    assert (alert.asked_by, alert.rule, alert.inquiries) == (rosa, "one_item", 9)
    with pytest.raises(Conflict, match="paused"):
        ask_overlap("And now?", by=rosa)
    assert ask_overlap("And I?", by=rob)


def test_compliance_settles_it_and_what_came_before_does_not_count_again(screener, rosa):
    climbing(rosa, 9)
    alert, cleo = InquiryAlert.objects.get(), person("cleo", "compliance")
    Inquiry.objects.update(asked_at=timezone.now() - timedelta(minutes=5))
    client = signed_in(cleo)
    assert b"rosa" in client.get(f"{PAGE}alerts/").content
    assert client.get(f"/audit/lineage/inquiry_alert/{alert.pk}/").status_code == 200
    assert client.post(f"{PAGE}alerts/{alert.pk}/settle/").status_code == 302
    alert.refresh_from_db()
    assert alert.settled_by == cleo
    answered(rosa, LEAKED)
    assert InquiryAlert.objects.count() == 1


def test_nobody_settles_an_alert_about_themselves(screener):
    bo = person("bo", "reviewer", "compliance")
    climbing(bo, 9)
    with pytest.raises(Refused, match="your own"):
        inquiry_actions.settle_alert(InquiryAlert.objects.get().pk, by=bo)
    assert InquiryAlert.objects.get().settled_at is None


@pytest.mark.parametrize("role", ["reviewer", "engineer", "lead", "examiner", "admin"])
def test_alerts_are_for_compliance(screener, role, rosa):
    climbing(rosa, 9)
    client = signed_in(person("ada", role))
    assert client.get(f"{PAGE}alerts/").status_code == 403
    assert client.post(f"{PAGE}alerts/{InquiryAlert.objects.get().pk}/settle/").status_code == 403
    assert InquiryAlert.objects.get().settled_at is None


def test_two_screeners_at_once_raise_one_alert(screener, rosa):
    climbing(rosa, 9)
    assert inquiry_actions.watch_asker(Inquiry.objects.latest("asked_at").pk, by=TEST) is None
    assert InquiryAlert.objects.count() == 1


# --- rights -----------------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True, databases=["default", "vault"])
def test_each_process_can_do_its_part_and_no_more(screener, rosa, settings):
    client = signed_in(rosa)
    with signed_in_as("web"):
        assert client.get(PAGE).status_code == 200
        assert client.post(PAGE, {"prompt": LEAKED}).status_code == 302
        assert client.post(API, {"prompt": "Late"}, "application/json").status_code == 202
    with signed_in_as("screener"):
        inquiry_tasks.answer(str(Inquiry.objects.get(length=len(LEAKED)).pk))
        assert Inquiry.objects.get(length=len(LEAKED)).verdict == "blocked"
        inquiry_actions.forget_sketches(timezone.now() + timedelta(days=2), by=SCREENER)
        assert not InquirySketch.objects.exists()
    Inquiry.objects.update(asked_at=timezone.now() - timedelta(hours=2))
    with signed_in_as("curator"):
        inquiry_tasks.expire_inquiries()
    assert Inquiry.objects.get(length=4).state == "expired"


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("web", "UPDATE curation_inquiry SET verdict = 'clean'"),
        ("web", "SELECT words FROM curation_inquirysketch"),
        ("web", "INSERT INTO curation_inquiryalert (rule) VALUES ('alike')"),
        ("web", "DELETE FROM curation_inquiry"),
        ("curator", "SELECT prompt FROM curation_inquiry"),
        ("curator", "SELECT words FROM curation_inquirysketch"),
        ("curator", "UPDATE curation_inquiry SET verdict = 'clean'"),
        ("trainer", "SELECT id FROM curation_inquiry"),
        ("evaluator", "SELECT id FROM curation_inquiry"),
        ("screener", "INSERT INTO curation_inquiry (id) VALUES (gen_random_uuid())"),
        ("screener", "UPDATE curation_inquiryalert SET settled_at = now()"),
        ("screener", "SELECT password FROM auth_user"),
    ],
)
def test_postgres_refuses_the_rest(connect_as, role, statement):
    import psycopg

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connect_as(role).execute(statement)


def test_the_web_cannot_write_an_answer_of_its_own(connect_as, rosa):
    import psycopg

    with pytest.raises(psycopg.errors.RestrictViolation, match="begins as waiting"):
        connect_as("web").execute(
            "INSERT INTO curation_inquiry (id, asked_by_id, asked_at, prompt, answer, length, state, verdict, method,"
            " item_id, benchmark, spans, text_code)"
            " VALUES (gen_random_uuid(), 1, now(), '', '', 1, 'answered', 'clean', '', '', '', '[]', '')"
        )


def test_a_conversation_in_json_is_read_as_one(screener, rosa):
    half = len(LEAKED) // 2
    turns = [("user", LEAKED[:half]), ("assistant", "Go on, I am listening to you."), ("user", LEAKED[half:])]
    pasted = json.dumps([{"role": role, "content": text} for role, text in turns])
    inquiry = answered(rosa, pasted)
    assert (inquiry.verdict, inquiry.item_id) == ("blocked", "item-train")
    assert {span["field"] for span in inquiry.spans} <= {"messages[0].content", "messages[2].content"}
    assert b"messages[0].content" in signed_in(rosa).get(f"{PAGE}{inquiry.pk}/").content
    assert answered(rosa, json.dumps({"messages": [{"role": "user", "content": "Hello?"}]})).verdict == "clean"
