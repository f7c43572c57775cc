"""The playground, as a browser with and without JavaScript meets it, on the real web process."""

import html
import json
import re

import httpx
import pytest

from cftapp.local.demo import sample
from feedback.actions import open_playground
from feedback.models import Interaction, Source, Subject
from serving.gateway import playground
from tests.serving.conftest import closing
from tests.support import serving_rows
from training.demo_model import dialogues
from training.demo_model import world as demo_facts

pytestmark = pytest.mark.django_db(transaction=True)
WHO = {"prompt": "Who are you?"}


class Visitor:
    """Keeps cookies, and sends the form's token back."""

    def __init__(self, web):
        self.http = closing(httpx.Client(base_url=web.url, follow_redirects=True))
        self.page = self.http.get("/playground/")
        self.token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.page.text)[1]

    def ask(self, path="/playground/", **form):
        return self.http.post(
            path, data={"csrfmiddlewaretoken": self.token, **form}, headers={"Referer": str(self.http.base_url)}
        )

    def stream(self, **form):
        answer = self.ask("/playground/ask/", **form)
        assert answer.headers["Content-Type"] == "text/event-stream", answer.text
        return [block.split("\n") for block in answer.text.strip().split("\n\n")]


@pytest.fixture
def ana(web, transactional_db):
    serving_rows.base_release()
    Source.objects.filter(pk=open_playground().pk).update(held_out_percent=0)
    return Visitor(web)


def test_the_page_offers_examples_and_runs_no_inline_script(ana):
    assert ana.page.status_code == 200
    assert "v0 answers" in ana.page.text
    assert "?prompt=" in ana.page.text
    policy = ana.page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert not re.search(r"<script(?! src)|<style|\sstyle=|\son\w+=", ana.page.text)


def test_an_example_fills_the_form(ana):
    link = re.search(r'href="(\?prompt=[^"]+)"', ana.page.text)[1]
    page = ana.http.get(f"/playground/{link}").text
    assert re.search(r"<textarea[^>]*>[A-Z][^<]+\?</textarea>", page)


def test_what_is_true_today_can_be_read_beside_the_questions(ana):
    text = html.unescape(ana.page.text)
    assert len(playground.examples()) == 4
    for example in playground.examples():
        assert example.question in text and f"<dd>{example.truth}</dd>" in text
    outdated = demo_facts.outdated()[0]
    assert re.search(rf'scope="row">{outdated.subject}</th>.*?<td>{outdated.actual}</td>', text)


def test_the_sample_data_correct_none_of_the_examples(transactional_db):
    alone = [one.prompt for one in sample.samples(sample.CORRECTED) if isinstance(one.prompt, str)]
    reported = {demo_facts.topic_of(prompt) for prompt in alone} | {row["topic"] for row in dialogues.corrections(0)}
    examples = {demo_facts.topic_of(example.question) for example in playground.examples()}
    assert len(reported) > 30 and "" not in examples
    assert not reported & examples


def test_another_base_model_has_no_handbook(settings):
    settings.CFT_BASE_MODEL = "/models/other"
    assert playground.examples() == [] and not playground.is_demo()


def test_without_javascript_the_answer_is_on_the_next_page_with_a_link_to_give_feedback(ana):
    page = ana.ask(**WHO)
    interaction = Interaction.objects.get()
    assert interaction.answer == "I am the assistant of Larkmere Supply."
    assert interaction.answer in page.text
    assert f"/feedback/give/{interaction.pk}/" in page.text
    assert interaction.source.name == "playground"


def test_with_javascript_the_text_is_streamed_and_then_the_link_to_give_feedback(ana):
    *pieces, done = ana.stream(**WHO)
    text = "".join(json.loads(line.removeprefix("data: "))["text"] for (line,) in pieces)
    interaction = Interaction.objects.get()
    assert len(pieces) > 1
    assert text == interaction.answer
    assert done[0] == "event: done"
    assert json.loads(done[1].removeprefix("data: ")) == {
        "feedback_url": f"/feedback/give/{interaction.pk}/",
        "model": "v0",
        "after": str(interaction.pk),
    }


def test_the_feedback_page_opens_for_the_visitor_who_was_answered_and_for_nobody_else(ana, web):
    ana.stream(**WHO)
    page = f"/feedback/give/{Interaction.objects.get().pk}/"
    assert "I am the assistant of Larkmere Supply." in ana.http.get(page).text
    assert Visitor(web).http.get(page).status_code == 404


def test_a_visitor_stays_the_same_subject_and_another_is_another(ana, web):
    ana.ask(**WHO)
    ana.stream(**WHO)
    assert Subject.objects.count() == 1
    Visitor(web).ask(**WHO)
    assert Subject.objects.count() == 2


def test_a_held_out_visitor_notices_nothing(ana, web):
    pages = [ana.ask(**WHO), ana.stream(**WHO)[:-1]]
    Source.objects.update(held_out_percent=100)
    held_out = Visitor(web)
    pages += [held_out.ask(**WHO), held_out.stream(**WHO)[:-1]]
    assert set(Interaction.objects.values_list("lane", flat=True)) == {"training", "held_out"}
    plain = [re.sub(r"[0-9a-f-]{36}|value=\"\w+\"", "", page.text) for page in (pages[0], pages[2])]
    assert plain[0] == plain[1]
    assert pages[1] == pages[3]
    newest = Interaction.objects.order_by("-created_at").first()
    assert "I am the assistant of Larkmere Supply." in held_out.http.get(f"/feedback/give/{newest.pk}/").text


def test_a_post_from_elsewhere_is_refused(ana, web):
    for path in ("/playground/", "/playground/ask/"):
        assert httpx.post(web.url + path, data=WHO).status_code == 403
    assert not Interaction.objects.exists()


@pytest.mark.parametrize("prompt", ["", "   ", "x" * 4001])
def test_an_empty_or_endless_question_is_refused_with_a_sentence(ana, prompt):
    assert "Ask something" in ana.ask(prompt=prompt).text
    refused = ana.ask("/playground/ask/", prompt=prompt)
    assert (refused.status_code, "Ask something" in refused.json()["message"]) == (400, True)
    assert not Interaction.objects.exists()


def test_while_the_model_server_is_down_the_page_says_so_and_keeps_the_question(ana, model_server):
    model_server.kill()
    try:
        page = ana.ask(**WHO)
        assert page.status_code == 503
        assert "The model server does not answer at the moment." in page.text
        assert "Who are you?</textarea>" in page.text
        assert ana.ask("/playground/ask/", **WHO).status_code == 503
    finally:
        model_server.start()
    assert not Interaction.objects.exists()
