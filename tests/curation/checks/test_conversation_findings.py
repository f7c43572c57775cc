"""The checks of a conversation: each finding names its message, calls count as JSON, what is no text does not train."""

import json
from typing import Any

import pytest

from conversation import answer_text, read, read_answer, stored_answer
from curation.checks import personal_data, secrets
from curation.checks.duplicates import ELSEWHERE, band_keys, near
from curation.checks.findings import Facts, Finding, screen
from curation.checks.lesson import Lesson, compared_row, lesson_hash
from curation.checks.pattern_places import in_conversation
from curation.decontamination.overlap import Overlap
from tests.conversation.tools import TOOLS_OF_OTHERS

Messages = list[dict[str, Any]]
CARD = "4111 1111 1111 1111"


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def assistant(content: Any, **fields: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **fields}


def call(arguments: str, name: str = "pay") -> dict[str, Any]:
    return {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}


def calls(arguments: str, name: str = "pay") -> dict[str, Any]:
    return assistant(None, tool_calls=[call(arguments, name)])


def lesson(messages: Messages, answer: Any, tools: Any = None) -> Lesson:
    asked, answered = read(messages, tools, lenient=True), read_answer(answer)
    return Lesson(asked.text, answer_text(answered), asked.stored, stored_answer(answered))


def findings(
    messages: Messages, answer: Any, rejected: Any = "I do not know.", tools: Any = None
) -> dict[str, Finding]:
    model = read_answer(rejected)
    facts = Facts(
        "correction",
        **lesson(messages, answer, tools)._asdict(),
        rejected=answer_text(model),
        rejected_message=stored_answer(model),
        consented=True,
        overlap=Overlap(0.1, 0.25, "containment"),
    )
    return {finding.check: finding for finding in screen(facts)}


def blockers(*row: Any) -> set[str]:
    return {check for check, finding in findings(*row).items() if finding.blocking}


TALK = [user("Is it open?"), assistant("Yes, until six."), user("And on Sundays?")]


def test_a_harmless_conversation_passes() -> None:
    assert blockers(TALK, "On Sundays it opens at ten.") == set()


# --- personal data and secrets ----------------------------------------------------------------------------------------
def places(messages: Messages, answer: Any = "Done.", rules: Any = personal_data) -> list[tuple[str, int, int, str]]:
    row = lesson(messages, answer)
    return in_conversation(rules, row.asked, row.answered)


def test_personal_data_of_an_earlier_turn_is_found_where_it_stands() -> None:
    messages = [user(f"Take {CARD}, please."), assistant("Thank you."), user("Is it paid?")]
    assert places(messages) == [("messages[0].content", 5, 24, "payment_card")]
    assert blockers(messages, "Yes, it is.") == {"personal_data"}


@pytest.mark.parametrize("arguments", [f'{{"card": "{CARD}"}}', '{"card": 4111111111111111}'])
def test_in_an_argument(arguments: str) -> None:
    messages = [user("Pay."), calls(arguments), {"role": "tool", "tool_call_id": "c1", "content": "ok"}, user("Done?")]
    ((path, start, end, rule),) = places(messages)
    assert (path, rule) == ("messages[1].tool_calls[0].function.arguments", "payment_card")
    assert arguments[start:end].replace(" ", "") == "4111111111111111"


def test_escapes_hide_nothing() -> None:
    arguments = '{"to": "jo\\u0040example.org"}'
    (found,) = places(TALK, calls(arguments))
    assert found == ("answer.tool_calls[0].function.arguments", 0, len(arguments), "email")


@pytest.mark.parametrize(
    ("first", "second"), [("My card: 4111 1111", "1111 1111, thanks."), ("My card: 41111111", "11111111")]
)
@pytest.mark.parametrize("between", [None, "Go on."])
def test_what_is_split_over_two_turns(first: str, second: str, between: str | None) -> None:
    messages = [user(first), *([assistant(between)] if between else []), user(second)]
    last = f"messages[{len(messages) - 1}].content"
    assert [(path, rule) for path, _, _, rule in places(messages)] == [
        ("messages[0].content", "payment_card"), (last, "payment_card"),
    ]  # fmt: skip


def test_a_secret_beside_its_word_in_the_turn_before() -> None:
    messages = [assistant("What is your password?"), user("my password"), user("f8Gh2kL0pQ9zXv3b")]
    assert places(messages, rules=secrets) == [("messages[2].content", 0, 16, "random_beside_keyword")]


def test_what_stands_in_one_turn_is_found_once() -> None:
    messages = [user("Write to jo@example.org"), assistant("jo@example.org it is."), user("Thanks.")]
    assert [path for path, *_ in places(messages)] == ["messages[0].content", "messages[1].content"]


# --- what it teaches --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("right", "model", "same"),
    [
        (calls('{"a": 1, "b": "x"}'), calls('{ "b":"x", "a":1.0 }'), True),
        (calls('{"a": 1}'), calls('{"a": -1}'), False),
        (calls('{"a": 1}'), calls('{"a": true}'), False),
        (calls('{"a": 1}', "pay"), calls('{"a": 1}', "refund"), False),
        (calls("{}"), "I do not know.", False),
        ("It opens at ten.", "It opens  at ten.", True),
    ],
)
def test_a_call_of_the_same_name_with_the_same_arguments_teaches_nothing(right: Any, model: Any, same: bool) -> None:
    found = findings(TALK, right, model)
    assert found["teaches_nothing"].blocking is same
    assert not found["commentary"].blocking


TOOLS = [{"type": "function", "function": {"name": name}} for name in ("pay", "refund")]


def test_a_call_of_what_the_conversation_does_not_offer_blocks_and_names_its_place() -> None:
    answer = assistant(None, tool_calls=[call("{}", "pay"), call("{}", "cancel") | {"id": "c2"}])
    finding = findings(TALK, answer, tools=TOOLS)["unknown_tool"]
    assert finding.blocking and finding.evidence == {
        "spans": [{"field": "answer.tool_calls[1].function.name", "start": 0, "end": len("cancel")}]
    }
    assert finding.message == (
        "It calls cancel (answer.tool_calls[1].function.name), which the conversation does not offer."
        " It has pay, refund."
    )


@pytest.mark.parametrize(("answer", "tools"), [(calls("{}"), TOOLS), (calls("{}", "cancel"), None), ("At ten.", TOOLS)])
def test_a_call_of_what_is_offered_passes_and_so_does_any_where_nothing_is_said_of_tools(
    answer: Any, tools: Any
) -> None:
    assert not findings(TALK, answer, tools=tools)["unknown_tool"].blocking


@pytest.mark.parametrize(("tool", "name"), TOOLS_OF_OTHERS)
def test_tools_in_other_forms_are_offered_by_their_names(tool: dict[str, Any], name: str) -> None:
    assert findings(TALK, calls("{}", "cancel"), tools=[tool, *TOOLS])["unknown_tool"].blocking
    assert findings(TALK, calls("{}", "cancel"), tools=[tool])["unknown_tool"].blocking == bool(name)
    assert not findings(TALK, calls("{}", name or "pay"), tools=[tool, *TOOLS])["unknown_tool"].blocking


def test_an_answer_without_words_or_calls_teaches_nothing() -> None:
    assert blockers(TALK, " \u200b") == {"teaches_nothing"}


def test_commentary_is_that_of_the_answer() -> None:
    messages = [user("This is wrong, should be 30 days."), assistant("Sorry."), user("So how long?")]
    assert blockers(messages, "Thirty days.") == set()
    finding = findings(messages, "This is wrong, should be 30 days.")["commentary"]
    assert finding.blocking and finding.evidence["spans"][0]["field"] == "answer.content"


def test_an_image_is_shown_and_not_trainable_yet() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    finding = findings([user([{"type": "text", "text": "What is this?"}, image])], "A cat.")["reference"]
    assert finding.blocking and "messages[0].content[1]" in finding.message
    assert [span["field"] for span in finding.evidence["spans"]] == ["messages[0].content[1]"]
    answer = assistant([{"type": "text", "text": "Look:"}, image])
    assert "answer.content[1]" in findings(TALK, answer)["reference"].message


def test_what_no_encoder_reads_completely_is_said() -> None:
    row = lesson([user("word " * 5_000), assistant("Yes."), user("And?")], "No.")
    read_by_meaning = Overlap(0.1, 0.25, "containment", encoder="m")
    facts = Facts("correction", **row._asdict(), consented=True, overlap=read_by_meaning)
    (finding,) = [finding for finding in screen(facts) if finding.check == "overlap"]
    assert finding.evidence["not_checked"] == ["the_meaning_of_parts_of_long_texts"]


# --- duplicates -------------------------------------------------------------------------------------------------------
SYSTEM = {"role": "system", "content": "You answer for a small harbour museum. " * 20}
REPLY = "On Sundays it opens at ten and closes at six, as on every other day."


def is_duplicate(first: Lesson, second: Lesson) -> bool:
    return near(compared_row(first), compared_row(second), 0.8).same


def shared_bands(first: Lesson, second: Lesson) -> int:
    a, b = band_keys([compared_row(first), compared_row(second)])
    return sum(x == y for x, y in zip(a, b, strict=True))


def test_the_same_conversation_corrected_twice_is_a_duplicate() -> None:
    first, second = lesson([SYSTEM, *TALK], REPLY), lesson([SYSTEM, *TALK], REPLY.upper())
    assert lesson_hash(first) == lesson_hash(second)
    assert is_duplicate(first, lesson([SYSTEM, *TALK], REPLY + "!"))
    assert shared_bands(first, second) == 32


def test_two_turns_of_one_conversation_are_none() -> None:
    later = [*TALK, assistant(REPLY), user("And on Sundays?")]
    first, second = lesson([SYSTEM, *TALK], REPLY), lesson([SYSTEM, *later], REPLY)
    assert lesson_hash(first) != lesson_hash(second)
    assert near(compared_row(first), compared_row(second), 0.8).difference == ELSEWHERE
    assert shared_bands(first, second) == 0


def test_a_long_system_prompt_in_common_does_not_make_two_questions_alike() -> None:
    first = lesson([SYSTEM, user("When does the museum open?")], "At ten.")
    second = lesson([SYSTEM, user("Who owns the red boat there?")], "At ten.")
    assert not is_duplicate(first, second)


def test_other_calls_or_other_tools_are_other_lessons() -> None:
    first, second = lesson(TALK, calls('{"n": 1}')), lesson(TALK, calls('{"n": -1}'))
    assert lesson_hash(first) != lesson_hash(second) and not is_duplicate(first, second)
    assert lesson_hash(first) == lesson_hash(lesson(TALK, calls('{ "n":1 }')))
    tool = {"type": "function", "function": {"name": "pay"}}
    assert lesson_hash(first) != lesson_hash(lesson(TALK, calls('{"n": 1}'), [tool]))


def test_another_answer_to_the_same_question_has_the_same_question() -> None:
    rows = [lesson([SYSTEM, *TALK], REPLY), lesson([SYSTEM, *TALK], calls("{}")), lesson(TALK, REPLY)]
    first, second, elsewhere = (compared_row(row).question for row in rows)
    assert first == second != elsewhere


def test_the_short_form_is_what_it_was() -> None:
    row = compared_row(Lesson("How long?", "30 days."))
    assert (row.prompt, row.answer, row.place) == ("How long?", "30 days.", b"")
    spans = findings([user("Is +49 30 901820 yours?")], "No.")["personal_data"].evidence["spans"]
    assert [span["field"] for span in spans] == ["prompt"]
    assert json.dumps(spans)
