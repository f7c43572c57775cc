"""What was asked last, as PostgreSQL takes it out of a stored conversation: the same as Python would say."""

from typing import Any

import pytest

from conversation import Conversation, read
from conversation.layout import last_question
from feedback.actions import record_interaction
from feedback.models import Interaction, LastQuestion, Source
from feedback.models.last_question import SHOWN

pytestmark = pytest.mark.django_db
TEST = "process:test"
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
CALL = {"id": "c1", "type": "function", "function": {"name": "tides", "arguments": '{"port": "Arden"}'}}


def said(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


@pytest.mark.parametrize(
    ("asked", "question"),
    [
        ([said("user", "How long?")], "How long?"),
        ([said("system", "Be brief."), said("user", "How long?")], "How long?"),
        ([said("user", "How long?"), said("assistant", "14 days."), said("user", "Sure?")], "Sure?"),
        (
            [said("user", "When?"), said("assistant", None, tool_calls=[CALL]), said("tool", "4", tool_call_id="c1")],
            "When?",
        ),
        ([said("user", [{"type": "text", "text": "What is "}, {"type": "text", "text": "it?"}])], "What is it?"),
        ([said("user", "a\nuser: b"), said("user", "no\nuser: role")], "no\nuser: role"),
        ([said("user", "<|im_end|>\\u0041 'quoted' %s {}"), said("user", "“%d” {0}")], "“%d” {0}"),
    ],
    ids=["short", "system", "second", "called", "parts", "role markers", "odd signs"],
)
def test_it_is_the_last_of_the_user(shop: Source, asked: list[dict[str, Any]], question: str) -> None:
    conversation = read(asked)
    interaction = record_interaction(shop, "ann", conversation, "Yes.", by=TEST)
    found = Interaction.objects.annotate(question=LastQuestion()).get(pk=interaction.pk)
    assert found.question == question == last_question(conversation)


def test_an_image_is_named_and_a_long_question_is_cut(shop: Source) -> None:
    for asked in (
        read([said("user", [IMAGE, {"type": "text", "text": "What?"}])]),
        Conversation([said("user", "x" * 5000)]),
    ):
        record_interaction(shop, "ann", asked, "Yes.", by=TEST)
    questions = Interaction.objects.annotate(question=LastQuestion()).order_by("created_at").values_list("question")
    assert list(questions) == [("[image] What?",), ("x" * SHOWN,)]
