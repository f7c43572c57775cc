"""A visitor gives feedback on an answer of the playground; the page is the same in both lanes."""

import html
import re
from dataclasses import dataclass

import pytest
from django.contrib.auth.models import User
from django.test import Client

from feedback.actions import open_playground, record_interaction, withdraw_consent
from feedback.models import BugReport, ConsentEntry, ConsentWording, Correction, Interaction, Receipt, Source, TasteNote
from feedback.visitors.sessions import SESSION_KEY, cache_exchange, cached_exchange, feedback_url
from tests.support.wordings import SHOWN


@dataclass(frozen=True)
class Turn:
    """A recorded exchange and where to give feedback on it."""

    interaction: Interaction
    feedback_url: str


def record_turn(visitor: str, prompt: str, answer: str, model_name: str = "") -> Turn:
    """What the playground leaves when it has answered a visitor."""
    interaction = record_interaction(open_playground(), visitor, prompt, answer, model_name=model_name, by="visitor")
    cache_exchange(interaction.pk, prompt, answer)
    return Turn(interaction, feedback_url(interaction.pk))


def visitor(name: str = "v-1") -> Client:
    client = Client()
    session = client.session
    session[SESSION_KEY] = name
    session.save()
    return client


@pytest.fixture(params=[0, 100], ids=["training", "held_out"])
def turn(request, db):
    Source.objects.filter(pk=open_playground().pk).update(held_out_percent=request.param)
    return record_turn("v-1", "How long?", "Within 14 days.", model_name="v3")


def without_tokens(page: bytes) -> str:
    text = re.sub(r'value="[A-Za-z0-9]{64}"', "", page.decode())
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d\d:\d\d(:\d\d)?(\.\d+)?", "", text)


def test_the_page_quotes_the_answer_and_has_three_forms(turn):
    page = visitor().get(turn.feedback_url)
    text = page.content.decode()
    assert page.status_code == 200
    assert "Within 14 days." in text and "How long?" in text
    assert text.count('<details class="door') == 3
    assert re.search(r'<input type="checkbox" id="id_correction-consent"[^>]*>', text)
    assert not re.search(r'id="id_correction-consent"[^>]* checked', text)
    wording = ConsentWording.objects.get(pk=SHOWN)
    assert wording.label in text and wording.explanation in text
    assert re.search(r"<textarea[^>]*correction-replacement[^>]*>\s*Within 14 days\.</textarea>", text)
    assert page.headers["Cache-Control"].startswith("max-age=0")


@pytest.mark.parametrize(
    "kind, fields, model",
    [
        ("bug_report", {"what_happened": "It hung."}, BugReport),
        ("taste_note", {"preference": "Shorter.", "aspect": "length"}, TasteNote),
        ("correction", {"replacement": "Within 30 days.", "reason": "outdated", "consent": SHOWN}, Correction),
    ],
)
def test_feedback_of_a_kind_is_sent(turn, kind, fields, model):
    client = visitor()
    form = {"door": kind} | {f"{kind}-{name}": value for name, value in fields.items()}
    response = client.post(turn.feedback_url, form, follow=True)
    assert response.redirect_chain == [("/feedback/mine/", 302)]
    assert "Thank you" in response.content.decode()
    assert Receipt.objects.get().kind == kind
    assert model.objects.count() == (0 if turn.interaction.is_held_out else 1)
    assert ConsentEntry.objects.count() == ("consent" in fields)


def test_a_box_ticked_on_the_page_allows_again_after_a_withdrawal(turn):
    subject = turn.interaction.subject
    withdraw_consent(subject, by="visitor")
    form = {"correction-replacement": "Within 30 days.", "correction-reason": "outdated", "correction-consent": SHOWN}
    visitor().post(turn.feedback_url, {"door": "correction"} | form)
    assert [entry.decision for entry in ConsentEntry.objects.order_by("id")] == ["withdrawn", "granted"]


def test_pages_are_the_same_in_both_lanes(db):
    pages = []
    for percent in (0, 100):
        Source.objects.filter(pk=open_playground().pk).update(held_out_percent=percent)
        name = f"v-{percent}"
        turn = record_turn(name, "How long?", "Within 14 days.", model_name="v3")
        client = visitor(name)
        form = {"door": "correction", "correction-replacement": "30", "correction-reason": "other"}
        pages.append(
            [
                without_tokens(page.content)
                for page in (
                    client.get(turn.feedback_url),
                    client.post(turn.feedback_url, form | {"correction-replacement": "Within 14 days."}),
                    client.post(turn.feedback_url, form | {"correction-consent": SHOWN}, follow=True),
                    client.get("/feedback/mine/"),
                )
            ]
        )
    assert set(Interaction.objects.values_list("lane", flat=True)) == {"training", "held_out"}
    assert pages[0] == pages[1]


def test_an_unchanged_answer_corrects_nothing(turn):
    form = {"door": "correction", "correction-replacement": "Within 14 days.\r\n", "correction-reason": "other"}
    response = visitor().post(turn.feedback_url, form)
    assert response.status_code == 422
    assert "still the model" in response.content.decode()
    assert not Receipt.objects.exists()


def test_an_empty_form_says_what_is_missing_and_stays_open(turn):
    response = visitor().post(turn.feedback_url, {"door": "bug_report", "bug_report-expected": "more"})
    text = response.content.decode()
    assert response.status_code == 422
    assert "This field is required" in text and ">\nmore</textarea>" in text
    assert re.search(r'class="door k-bug"[^>]*open', text)


def test_without_a_kind(turn):
    response = visitor().post(turn.feedback_url, {"door": "window"}, follow=True)
    assert "Choose one of the three doors" in response.content.decode()
    assert not Receipt.objects.exists()


def test_other_visitors_find_nothing(turn, outsider: User):
    assert visitor("v-2").get(turn.feedback_url).status_code == 404
    assert Client().get(turn.feedback_url).status_code == 404
    stranger = Client()
    stranger.force_login(outsider)
    assert stranger.get(turn.feedback_url).status_code == 404
    form = {"door": "bug_report", "bug_report-what_happened": "x"}
    assert visitor("v-2").post(turn.feedback_url, form).status_code == 404
    assert not Receipt.objects.exists()


def test_whose_session_has_ended_gets_back_what_was_written_and_the_way_to_the_sign_in(turn):
    form = {"door": "correction", "correction-reason": "other", "correction-consent": SHOWN}
    form |= {"correction-replacement": "Within <30> days.", "correction-call_0_arguments": '{"day": 30}'}
    answer = Client().post(turn.feedback_url, form)
    text = html.unescape(answer.content.decode())
    assert answer.status_code == 404 and "It was not sent" in text and not Receipt.objects.exists()
    assert "readonly>\nWithin <30> days.</textarea>" in text and 'readonly>\n{"day": 30}</textarea>' in text
    assert text.count("<textarea") == 2
    assert f'href="/accounts/login/?next={turn.feedback_url}"' in text
    nowhere = Client().post(turn.feedback_url.replace(str(turn.interaction.pk), "0" * 32), form)
    assert nowhere.status_code == 404


def test_long_texts_of_a_question_alone_are_folded_until_they_are_wanted_whole(db):
    turn = record_turn("v-1", "Why? " * 20_000, "Because. " * 20_000)
    page = visitor().get(turn.feedback_url).content.decode()
    shown, forms = page.split('<div class="doors">')
    assert len(shown) < 20_000 and re.search(r'class="skipped" href="[^"]*whole=1"', shown)
    assert "Because. " * 20_000 in forms.replace("\n", ""), "the correction starts from all of it"
    whole = visitor().get(turn.feedback_url + "?whole=1").content.decode()
    assert "Why? " * 19_999 in whole


def test_a_reviewer_cannot_consent_for_somebody(turn, rosa: User):
    client = Client()
    client.force_login(rosa)
    text = client.get(turn.feedback_url).content.decode()
    assert ConsentWording.objects.get(pk=SHOWN).label not in text
    assert ("Within 14 days." in text) is not turn.interaction.is_held_out
    form = {
        "door": "correction",
        "correction-replacement": "Within 30 days.",
        "correction-reason": "other",
        "correction-consent": SHOWN,
    }
    assert client.post(turn.feedback_url, form).status_code == 302
    assert Receipt.objects.count() == 1 and not ConsentEntry.objects.exists()


def test_the_page_works_when_the_answer_is_no_longer_kept(turn):
    from django.core.cache import cache

    cache.clear()
    page = visitor().get(turn.feedback_url)
    assert page.status_code == 200
    assert "Within 14 days." not in page.content.decode()
    form = {"door": "correction", "correction-replacement": "30.", "correction-reason": "other"}
    assert visitor().post(turn.feedback_url, form).status_code == 302


def test_the_cache_holds_no_plain_text(turn):
    from django.core.cache import cache

    encrypted = cache.get(f"feedback:exchange:{turn.interaction.pk}")
    assert encrypted and "14 days" not in encrypted
    assert cached_exchange(turn.interaction.pk).answer == "Within 14 days."


def test_another_process_cannot_decrypt_it(turn, settings):
    settings.SECRET_KEY = "a worker has another one"
    assert cached_exchange(turn.interaction.pk) is None


def test_forms_are_protected_against_forgery(turn):
    client = Client(enforce_csrf_checks=True)
    client.cookies = visitor().cookies
    form = {"door": "bug_report", "bug_report-what_happened": "x"}
    assert client.post(turn.feedback_url, form).status_code == 403
    assert not Receipt.objects.exists()


def test_the_page_of_the_playground_source_needs_no_key(db):
    source = open_playground()
    assert open_playground() == source
    record_interaction(source, "v-1", "p", "a", by="visitor")
    assert Source.objects.count() == 1
