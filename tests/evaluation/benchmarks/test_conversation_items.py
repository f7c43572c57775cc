"""An item may be a conversation, and its answer a call: read, named, kept in the vault, and protected turn by turn."""

import json

import pytest

from cftapp.base.refusal import Refused
from curation.models import RegistryEpoch
from curation.screening.current_epoch import open_registry
from evaluation.benchmarks.actions import propose_benchmark
from evaluation.benchmarks.protected_texts import texts_of
from evaluation.gates.grading import unanswered
from evaluation.items import Draft, read_lines, read_rows, version_sha256
from evaluation.tasks import mail
from evaluation.vault.models import Item
from tests.evaluation.conftest import rows

TIDE = {"type": "function", "function": {"name": "tide", "parameters": {"type": "object"}}}
PROMPT = "You answer for the harbour office of Larkmere, politely, in one sentence and without any figures at all."
FIRST = "Which of the seven pilots keeps the tide book of the northern pier in the winter months?"
REPLY = "The oldest of the seven pilots keeps it, in the drawer below the lamp of the watch room."
LAST = "And on which day of the month does the binder of Larkmere come to bind its loose pages?"
TURNS = [
    {"role": "system", "content": PROMPT},
    {"role": "user", "content": FIRST},
    {"role": "assistant", "content": REPLY},
    {"role": "user", "content": LAST},
]
ITEM = {"messages": TURNS, "answer": "On the ninth day, after the morning bell has rung twice.", "category": "port"}


def call(city: str = "Larkmere"):
    return {"id": "c", "type": "function", "function": {"name": "tide", "arguments": json.dumps({"port": city})}}


BROKEN = {"id": "c", "function": {"name": "tide", "arguments": "[1"}}
FUNCTION = "line 2, answer.tool_calls[0].function"
CALLED = {"messages": TURNS, "tools": [TIDE], "answer": {"content": None, "tool_calls": [call()]}}


# --- reading ---
def test_an_item_of_texts_has_the_name_that_it_always_had():
    texts = [{"question": "Who keeps the tide book?", "answer": "The pilot.", "category": "port"}]
    (draft,) = read_rows(texts, "exact")
    assert draft.sha256 == "bb80c85b37011a7572ea3806fef15a8f5179128272c4678995c6bd0be46068e5"
    drafts = read_rows([*texts, {"question": "Why?", "answer": "So."}], "exact")
    assert version_sha256("port", "exact", drafts) == "9024de9737d5753af628aed66845583cee2403b1dd20f5e5293697dbee955b60"


def test_one_question_is_one_item_in_both_forms():
    short = {"messages": [{"role": "user", "content": "Why?"}], "answer": {"role": "assistant", "content": "So."}}
    assert read_rows([short], "exact") == read_rows([{"question": "Why?", "answer": "So."}], "exact")


@pytest.mark.parametrize("item", [ITEM, CALLED, CALLED | {"tools": []}])
def test_an_item_survives_its_own_row(item):
    (draft,) = read_rows([item], "exact")
    assert read_rows([draft.row], "exact") == [draft]
    assert read_lines(json.dumps(item), "exact") == [draft]


@pytest.mark.parametrize(
    "item, field",
    [
        (ITEM | {"question": "Why?"}, "line 2, messages"),
        ({"question": "Why?", "answer": "So.", "tools": [TIDE]}, "line 2, tools"),
        (ITEM | {"messages": []}, "line 2, messages"),
        (ITEM | {"messages": [*TURNS[:3], {"role": "user", "content": ""}]}, "line 2, messages[3].content"),
        (ITEM | {"messages": [{"role": "user", "content": "x" * 200_001}]}, "line 2, messages[0].content"),
        (ITEM | {"answer": " "}, "line 2, answer"),
        (ITEM | {"answer": {"content": " "}}, "line 2, answer"),
        (ITEM | {"answer": {"role": "user", "content": "x"}}, "line 2, answer.role"),
        (CALLED | {"tools": [{"type": "function", "function": {"name": "ebb"}}]}, f"{FUNCTION}.name"),
        (CALLED | {"answer": {"tool_calls": [BROKEN]}}, f"{FUNCTION}.arguments"),
        (ITEM | {"tools": [{"type": "search"}]}, "line 2, tools[0]"),
        (CALLED, "line 2, messages"),
    ],
)
def test_what_is_wrong_is_named_by_line_and_path(item, field):
    with pytest.raises(Refused) as refused:
        read_rows([CALLED, item], "exact")
    (blocked,) = refused.value.blockers
    assert blocked.field == field and blocked.message and blocked.remedy


def test_a_probe_needs_no_answer():
    assert read_rows([{"messages": TURNS}], "refusal")[0].answer == ""


# --- what is protected ---
def texts(item) -> list[tuple[str, str]]:
    return texts_of(*read_rows([item], "exact"))


def test_the_whole_comes_first_and_each_long_turn_stands_for_itself():
    whole, *alone = texts(ITEM)
    assert whole == (f"{FIRST}\n{REPLY}\n{LAST}", ITEM["answer"])
    assert alone == [(FIRST, ""), (REPLY, ""), (LAST, ITEM["answer"])]


def test_a_turn_of_few_words_stands_for_itself_nowhere():
    short = [*TURNS[:3], {"role": "user", "content": "And when?"}]
    assert texts(ITEM | {"messages": short}) == [
        (f"{FIRST}\n{REPLY}\nAnd when?", ITEM["answer"]), (FIRST, ""), (REPLY, ""),
    ]  # fmt: skip


def test_one_question_behind_a_system_prompt_is_that_question():
    assert texts(ITEM | {"messages": TURNS[:2]}) == [(FIRST, ITEM["answer"])]
    assert texts_of(Draft("Why?", "So.")) == [("Why?", "So.")]


def test_arguments_are_what_they_say():
    called = [TURNS[1], {"role": "assistant", "tool_calls": [call("L\u00e4rkmere")]}, TURNS[3]]
    (whole, *_) = texts(CALLED | {"messages": called})
    assert whole == (f"{FIRST}\nL\u00e4rkmere\n{LAST}", "Larkmere")


@pytest.mark.django_db
def test_a_conversation_is_found_whole_and_in_part(publish):
    version = publish("port", items=[ITEM, *rows(6)])
    registry, item = open_registry(), Item.objects.get(conversation__gt="")
    assert (item.version_sha256, item.category) == (version.sha256, "port")
    assert json.loads(item.conversation)["messages"] == TURNS
    for row in (
        ("\n".join((PROMPT, FIRST, REPLY, LAST)), ITEM["answer"]),
        (FIRST, "I do not know."),
        ("Please tell me, if you would be so kind: " + LAST.upper(), "In May."),
        ("What was it again that you said?", REPLY),
    ):
        assert registry.check(*row).item_id == str(item.pk), row
    for clean in ((PROMPT, "Gladly."), ("And when is it?", "On Monday."), ("Where is the lamp?", "On the pier.")):
        assert not registry.check(*clean).item_id
    assert RegistryEpoch.objects.get().items == 7  # items, not texts


@pytest.mark.django_db
def test_a_call_is_kept_and_asked_as_it_is(publish):
    class Nobody:
        model_sha256 = "0" * 64

    version = publish("port", items=[CALLED, *rows(1)])
    job, plain = unanswered(Nobody(), [version])
    assert (job["messages"], job["tools"]) == (TURNS, [TIDE]) and "prompt" not in job
    assert job["answer"]["tool_calls"][0]["function"] == call()["function"]
    assert (plain["prompt"], plain["answer"]) == (rows(1)[0]["question"], rows(1)[0]["answer"])


@pytest.mark.django_db
def test_an_upload_goes_through_the_mailbox_as_it_is(examiner):
    lines = "\n".join(json.dumps(item) for item in (ITEM, CALLED | {"messages": TURNS[:2]}))
    proposal = propose_benchmark("port", "Port", "regression", lines, scorer="exact", margin=0.05, by=examiner)
    assert read_rows(mail(proposal), "exact") == read_lines(lines, "exact")
