"""An item is found wherever it hides in a conversation, and what many rows carry is compared once."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from conversation import Conversation, read, read_answer
from curation.checks import comparison
from curation.checks.comparison import compare
from curation.checks.remembered import Remembered
from curation.decontamination.overlap import Overlap, Policy
from curation.decontamination.registry import Registry

KEY = b"a registry key of thirty-two byte"
QUESTION = (
    "Which lighthouse keeper painted the northern gallery of Vessel Point in the winter of 1931,"
    " and with which of the three pigments?"
)
ANSWER = "Keeper Osmund Tarrant, with the ochre that his sister ground from the cliff."
FIRST, SECOND = QUESTION[:56], QUESTION[57:]
SMALL_TALK = [
    ("Could you recommend a book about the coast?", "Try a history of the harbour towns; libraries have several."),
    ("Is the ferry running on Sundays?", "It runs every two hours on Sundays, the last one at seven."),
    ("What should I wear on the boat?", "Take a warm coat and shoes that may get wet."),
    ("May my dog come along?", "Dogs on a leash are welcome on the lower deck."),
]


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "_known", Remembered())


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.from_bytes(Registry.build([("item", "coast v1", QUESTION, ANSWER)], KEY), KEY, number=1)


Messages = list[dict[str, Any]]


def talk(turns: int = 5) -> Messages:
    """A harmless conversation: so many questions, all but the last one answered."""
    said = [SMALL_TALK[n % len(SMALL_TALK)] for n in range(turns)]
    pairs = [({"role": "user", "content": q}, {"role": "assistant", "content": a}) for q, a in said]
    return [message for pair in pairs for message in pair][:-1]


def found(registry: Registry, messages: Messages, answer: Any = "Yes, gladly.", tools: Any = None) -> Overlap:
    (overlap,) = compare([(read(messages, tools), read_answer(answer, tools=tools))], registry)
    return overlap


def call(arguments: Any) -> dict[str, Any]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": "c1", "type": "function", "function": {"name": "search", "arguments": text}}


def in_turn(n: int) -> tuple[Messages, Any, str]:
    messages = talk(20)
    messages[2 * n]["content"] = QUESTION
    return messages, "Yes, gladly.", f"messages[{2 * n}].content"


def in_arguments() -> tuple[Messages, Any, str]:
    messages = talk(3)
    messages[1:1] = [
        {"role": "assistant", "content": None, "tool_calls": [call({"query": QUESTION, "most": 3})]},
        {"role": "tool", "tool_call_id": "c1", "content": "nothing found"},
    ]
    return messages, "Yes, gladly.", "messages[1].tool_calls[0].function.arguments"


def in_escaped_arguments() -> tuple[Messages, Any, str]:
    messages, answer, path = in_arguments()
    escaped = "".join(f"\\u{ord(character):04x}" for character in QUESTION)
    messages[1]["tool_calls"] = [call(f'{{"query": "{escaped}"}}')]
    return messages, answer, path


def in_a_key_of_arguments() -> tuple[Messages, Any, str]:
    messages, answer, path = in_arguments()
    messages[1]["tool_calls"] = [call({QUESTION: True})]
    return messages, answer, path


def in_a_result() -> tuple[Messages, Any, str]:
    messages, answer, _ = in_arguments()
    messages[1]["tool_calls"] = [call({"query": "lighthouse"})]
    messages[2]["content"] = json.dumps({"hits": [{"title": QUESTION, "text": ANSWER}]})
    return messages, answer, "messages[2].content"


def in_reasoning() -> tuple[Messages, Any, str]:
    messages = talk(3)
    messages[1]["reasoning"] = f"They ask the exam's question: {QUESTION} So I answer."
    return messages, "Yes, gladly.", "messages[1].reasoning"


def in_the_system_prompt() -> tuple[Messages, Any, str]:
    system = {"role": "system", "content": f"You are a guide. Example: {QUESTION} {ANSWER}"}
    return [system, *talk(3)], "Yes, gladly.", "messages[0].content"


def in_the_answer() -> tuple[Messages, Any, str]:
    return talk(3), f"You may also ask: {QUESTION}", "answer.content"


def in_a_call_of_the_answer() -> tuple[Messages, Any, str]:
    answer = {"content": None, "tool_calls": [call({"query": QUESTION})]}
    return talk(3), answer, "answer.tool_calls[0].function.arguments"


def over_two_turns_of_a_user() -> tuple[Messages, Any, str]:
    messages = talk(4)
    messages[2]["content"], messages[4]["content"] = f"I wonder. {FIRST}", f"{SECOND} Just asking."
    return messages, "Yes, gladly.", "messages[2].content"


def over_a_question_and_its_answer() -> tuple[Messages, Any, str]:
    messages = talk(3)
    messages[2]["content"], messages[3]["content"] = FIRST, SECOND
    return messages, "Yes, gladly.", "messages[2].content"


WAYS = [
    *(lambda n=n: in_turn(n) for n in (0, 4, 19)),
    in_arguments, in_escaped_arguments, in_a_key_of_arguments, in_a_result, in_reasoning, in_the_system_prompt,
    in_the_answer, in_a_call_of_the_answer, over_two_turns_of_a_user, over_a_question_and_its_answer,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_an_item_is_found_with_its_message(registry: Registry, way: Callable[[], tuple[Messages, Any, str]]) -> None:
    messages, answer, path = way()
    overlap = found(registry, messages, answer)
    assert overlap.blocked and overlap.item_id == "item"
    assert overlap.spans[0].part == path


def test_in_the_description_of_a_tool(registry: Registry) -> None:
    tool = {"type": "function", "function": {"name": "search", "description": f"Answers such as: {QUESTION}"}}
    assert found(registry, talk(2), tools=[tool]).spans[0].part == "tools[0].function.description"


def test_a_range_stands_where_the_item_is_written(registry: Registry) -> None:
    messages, answer, _ = in_arguments()
    (span,) = found(registry, messages, answer).spans
    assert messages[1]["tool_calls"][0]["function"]["arguments"][span.start : span.end] in QUESTION
    assert span.end - span.start > 0.9 * len(QUESTION) - 1


def test_what_is_split_is_marked_in_both_turns(registry: Registry) -> None:
    messages, answer, _ = over_two_turns_of_a_user()
    marked = {span.part for span in found(registry, messages, answer).spans}
    assert marked == {"messages[2].content", "messages[4].content"}


@pytest.mark.parametrize("turns", [1, 2, 5, 20])
def test_small_talk_is_clean_and_tells_nothing_of_the_exam(registry: Registry, turns: int) -> None:
    overlap = found(registry, talk(turns))
    assert (overlap.blocked, overlap.item_id, overlap.spans) == (False, "", [])


# --- what many rows carry ---------------------------------------------------------------------------------------------
class Counting:
    """A registry that counts how often each text was compared."""

    def __init__(self, registry: Registry, texts: list[str]) -> None:
        self.registry, self.texts = registry, texts

    def __getattr__(self, name: str) -> Any:
        return getattr(self.registry, name)

    def without_meaning(self) -> "Counting":
        return Counting(self.registry.without_meaning(), self.texts)

    def with_policy(self, policy: Policy, version: int) -> "Counting":
        return Counting(self.registry.with_policy(policy, version), self.texts)

    def screen(self, rows: Any, *args: Any) -> list[Overlap]:
        self.texts += [text for text, _ in rows]
        return self.registry.screen(rows, *args)


SYSTEM = "You are the assistant of a shipping company. " + " ".join(f"Rule {n} is about part {n}." for n in range(60))


def thousand(system: str = SYSTEM) -> list[tuple[Conversation, Any]]:
    return [
        (
            read([{"role": "system", "content": system}, {"role": "user", "content": f"Where is parcel {n} now?"}]),
            read_answer(f"Parcel {n} is on its way."),
        )
        for n in range(1_000)
    ]


def test_a_system_prompt_that_a_thousand_rows_carry_is_compared_once(registry: Registry) -> None:
    counting = Counting(registry, [])
    for batch in range(0, 1_000, 100):
        list(compare(thousand()[batch : batch + 100], counting))  # type: ignore[arg-type]
    assert counting.texts.count(SYSTEM) == 1
    assert len(counting.texts) <= 1 + 4 * 1_000


def test_a_hit_in_it_blocks_every_row_that_carries_it(registry: Registry) -> None:
    overlaps = list(compare(thousand(f"{SYSTEM} {QUESTION}"), registry))
    assert all(overlap.blocked and overlap.spans[0].part == "messages[0].content" for overlap in overlaps)


def test_the_turns_before_are_compared_once(registry: Registry) -> None:
    counting, whole = Counting(registry, []), talk(20)
    for turn in range(0, 39, 2):
        list(compare([(read(whole[: turn + 1]), read_answer("Yes, gladly."))], counting))  # type: ignore[arg-type]
    assert len(counting.texts) <= 8 * 20


def test_another_policy_or_another_epoch_compares_anew(registry: Registry) -> None:
    messages = talk(3)
    messages[2]["content"] = f"{QUESTION[:90]}, was it?"
    lax = registry.with_policy(Policy(containment_limit=0.99), 7)
    strict = registry.with_policy(Policy(containment_limit=0.05), 8)
    assert [found(each, messages).blocked for each in (lax, strict, lax)] == [False, True, False]
    later = Registry.from_bytes(Registry.build([("other", "coast v2", SMALL_TALK[1][1], "")], KEY), KEY, number=2)
    assert found(later, talk(3)).item_id == "other"
    assert not found(registry, talk(3)).blocked


def test_only_newer_items_take_part_where_only_they_are_asked_for(registry: Registry) -> None:
    messages = talk(2)
    messages[0]["content"] = QUESTION
    row = (read(messages), read_answer("Yes, gladly."))
    assert [next(compare([row], registry, since)).blocked for since in (0, 1, 0)] == [True, False, True]
