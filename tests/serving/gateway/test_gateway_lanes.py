"""The gateway fixes the lane before anything else sees the words; a held-out client cannot tell."""

import json

import pytest
from django.db import connections

from feedback.lanes import lane_of
from feedback.models import Interaction, Subject, pseudonym_key
from serving.gateway.asking import anonymous_subject
from serving.gateway.openai_format import parse_chat
from tests.serving.conftest import connect
from tests.serving.gateway.test_gateway_answers import ASK, ask
from tests.support import serving_rows

pytestmark = pytest.mark.django_db(transaction=True)


def mailbox():
    with connections["vault"].cursor() as cursor:
        cursor.execute("SELECT kind, interaction_id, content FROM vault_mailboxentry")
        return cursor.fetchall()


def test_held_out_words_go_to_the_vault_and_nowhere_else(web):
    serving_rows.base_release()
    held_out_client = connect(web, name="exam", held_out_percent=100)
    completion = ask(held_out_client, user="ana")
    interaction = Interaction.objects.get()
    assert (interaction.lane, interaction.prompt, interaction.answer) == ("held_out", "", "")
    ((kind, interaction_id, content),) = mailbox()
    content = content if isinstance(content, dict) else json.loads(content)
    assert (kind, interaction_id) == ("interaction", interaction.pk)
    assert content["prompt"] == ASK[0]["content"]
    assert content["answer"] == completion.choices[0].message.content


def test_both_lanes_look_the_same_to_the_client(web):
    serving_rows.base_release()
    answers = []
    for name, percent in (("lessons", 0), ("exam", 100)):
        raw = connect(web, name=name, held_out_percent=percent).chat.completions.with_raw_response.create(
            model="champion", messages=ASK, user="ana", temperature=0
        )
        body = raw.parse().model_dump(exclude={"id", "created"})
        answers.append((sorted(raw.headers.keys()), body))
    assert answers[0] == answers[1]


def test_a_request_without_a_user_is_a_new_subject_each_time(web):
    serving_rows.base_release()
    client = connect(web)
    ask(client)
    ask(client)
    assert Subject.objects.count() == 2


@pytest.mark.parametrize(
    ("messages", "opening"),
    [
        ([{"role": "user", "content": "Hi"}], "user: Hi"),
        ([{"role": "user", "content": [{"type": "text", "text": "H"}, {"type": "text", "text": "i"}]}], "user: Hi"),
        (
            [
                {"role": "system", "content": "Be short."},
                {"role": "assistant", "content": ""},
                {"role": "user", "content": "Hi", "name": "ana"},
                {"role": "assistant", "content": "Hello.", "reasoning": "A greeting."},
                {"role": "user", "content": "Bye"},
            ],
            "system: Be short.\nassistant: \nuser: Hi",
        ),
    ],
)
def test_an_opening_is_the_text_that_it_has_always_been_whatever_the_tools(messages, opening):
    for more in ({}, {"tools": [{"type": "function", "function": {"name": "tide"}}]}):
        body = json.dumps({"model": "champion", "messages": messages, **more}).encode()
        assert parse_chat(body).conversation.opening == opening


def test_anonymous_subjects_with_the_same_opening_are_in_the_same_lane_and_both_lanes_occur(transactional_db):
    source = serving_rows.source("half", held_out_percent=50)
    lanes = {}
    for number in range(40):
        opening = f"user: question {number}"
        subjects = {anonymous_subject(source, opening) for _ in range(5)}
        assert len(subjects) == 5
        lanes_of_subjects = {lane_of(pseudonym_key(), "half", subject, 50) for subject in subjects}
        assert len(lanes_of_subjects) == 1
        lanes[opening] = lanes_of_subjects.pop()
    assert set(lanes.values()) == {"training", "held_out"}
