"""A conversation as a page shows it: who speaks, what is folded, what belongs together, and where the marks are."""

import pytest

from conversation import Conversation, read
from conversation.layout import (
    A_LINE,
    MOST_CALLS,
    MOST_PARTS,
    MOST_TOOLS_SHOWN,
    MOST_TURNS,
    Gap,
    Turn,
    last_question,
    lay_out,
    lay_out_answer,
)
from conversation.marking import Mark
from tests.conversation.tools import TOOLS_OF_OTHERS

HARBOUR = "You answer for the harbour office. " * 5


def call(name: str, arguments: str, identity: str) -> dict:
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


def weather() -> Conversation:
    """A system prompt, two questions, two calls at once, of which the second is answered first."""
    return read(
        [
            {"role": "system", "content": HARBOUR},
            {"role": "user", "content": "How is the weather in Oslo and in Bergen?", "name": "ann"},
            {
                "role": "assistant",
                "content": None,
                "reasoning": "Two towns, two calls.",
                "tool_calls": [call("weather", '{"city":"Oslo"}', "c1"), call("weather", '{"city":"Bergen"}', "c2")],
            },
            {"role": "tool", "tool_call_id": "c2", "content": "rain"},
            {"role": "tool", "tool_call_id": "c1", "content": "sun"},
            {"role": "assistant", "content": "Sun in Oslo, rain in Bergen."},
            {"role": "user", "content": "And tomorrow?"},
        ],
        [{"type": "function", "function": {"name": "weather", "description": "The weather of a town"}}],
    )


def texts(pieces: list) -> str:
    return "".join(piece.text for piece in pieces)


def test_results_stand_under_their_calls_and_calls_show_their_arguments():
    system, first, called, said, last = lay_out(weather()).turns
    assert [turn.word for turn in (system, first, called, said, last)] == [
        "System",
        "User",
        "Assistant",
        "Assistant",
        "User",
    ]
    assert [(texts(one.name), texts(one.arguments)) for one in called.calls] == [
        ("weather", '{\n  "city": "Oslo"\n}'),
        ("weather", '{\n  "city": "Bergen"\n}'),
    ]
    assert [texts(result.pieces) for one in called.calls for result in one.results] == ["sun", "rain"]
    assert [(one.kind, texts(one.pieces)) for one in called.passages] == [("reasoning", "Two towns, two calls.")]
    assert texts(first.name) == "ann"


def test_the_system_prompt_is_folded_and_says_how_it_begins():
    system = lay_out(weather()).turns[0]
    assert system.fold == "closed"
    assert system.preview.startswith("You answer for the harbour office.") and len(system.preview) <= A_LINE + 2
    assert texts(system.passages[0].pieces) == HARBOUR


def test_a_line_of_instructions_needs_no_fold():
    turns = lay_out(read([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hm?"}])).turns
    assert [turn.fold for turn in turns] == ["", ""]


def test_a_long_turn_is_folded_unless_it_is_what_was_asked_last():
    long = "A sentence of some length. " * 40
    messages = [{"role": role, "content": long} for role in ("user", "assistant", "user")]
    assert [turn.fold for turn in lay_out(read(messages)).turns] == ["closed", "closed", ""]


def test_a_fold_that_holds_a_mark_is_open():
    marks = {"messages[0].content": [Mark(19, 33, "Held-out overlap")]}
    system = lay_out(weather(), marks).turns[0]
    assert system.fold == "open" and system.is_marked
    assert [piece.text for piece in system.passages[0].pieces if piece.marks] == ["harbour office"]


def test_marks_stand_in_the_message_the_call_the_result_and_the_tool_that_they_point_to():
    sent = '{"city":"Oslo"}'
    marks = {
        "messages[2].tool_calls[0].function.arguments": [Mark(sent.index("Oslo"), sent.index("Oslo") + 4, "Secrets")],
        "messages[3].content": [Mark(0, 4, "Personal data")],
        "messages[2].reasoning": [Mark(0, 3, "Held-out overlap")],
        "tools[0].function.description": [Mark(4, 11, "Held-out overlap")],
    }
    layout = lay_out(weather(), marks)
    called = layout.turns[2]
    assert [p.text for p in called.calls[0].arguments if p.marks] == ["Oslo"]
    assert [p.text for p in called.calls[1].results[0].pieces if p.marks] == ["rain"]
    assert called.passages[0].is_marked and layout.tools_are_marked
    assert [p.text for p in layout.tools[0].description if p.marks] == ["weather"]


def test_a_mark_at_a_name_or_an_id_is_at_the_name_that_is_shown():
    marks = {
        "messages[1].name": [Mark(0, 3, "Personal data")],
        "messages[2].tool_calls[0].id": [Mark(0, 2, "Held-out overlap")],
        "messages[3].tool_call_id": [Mark(0, 2, "Secrets")],
        "tools[0]": [Mark(0, 0, "Held-out overlap")],
    }
    layout = lay_out(weather(), marks)
    _, first, called, *_ = layout.turns
    assert first.name[0].marks == "Personal data" and first.is_marked
    assert [call.name[0].marks for call in called.calls] == ["Held-out overlap", "Secrets"]
    assert layout.tools[0].name[0].marks == "Held-out overlap" and layout.tools_are_marked


@pytest.mark.parametrize(("tool", "name"), TOOLS_OF_OTHERS)
def test_every_tool_that_the_gateway_takes_is_shown(tool, name):
    marks = {path: [Mark(0, 1, "Secret")] for path in ("tools[0].function", "tools[0].name", "tools[0].type")}
    layout = lay_out(read([{"role": "user", "content": "Hm?"}], [tool], lenient=True), marks)
    [shown] = layout.tools
    assert layout.tool_names == texts(shown.name) and layout.tool_names
    assert not name or layout.tool_names == name
    assert texts(shown.description) == tool.get("custom", {}).get("description", "")


def test_an_image_that_a_check_points_at_is_marked():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    asked = read([{"role": "user", "content": [{"type": "text", "text": "What is it?"}, image]}])
    [turn] = lay_out(asked, {"messages[0].content[1]": [Mark(0, 0, "Not text")]}).turns
    assert [[piece.marks for piece in passage.pieces] for passage in turn.passages] == [[""], ["Not text"]]


def test_marks_of_arguments_whose_words_are_spelt_otherwise_mark_all_of_them():
    answer = {"role": "assistant", "tool_calls": [call("weather", '{"city":"\\u004fslo"}', "c1")]}
    shown = lay_out_answer(answer, {"answer.tool_calls[0].function.arguments": [Mark(9, 18, "Secrets")]})
    assert [piece.text for piece in shown.calls[0].arguments if piece.marks] == ['{\n  "city": "Oslo"\n}']


def long_talk(turns: int) -> Conversation:
    spoken = [{"role": role, "content": f"{role} {n}"} for n in range(turns) for role in ("user", "assistant")]
    return read([{"role": "system", "content": "Be brief."}, *spoken, {"role": "user", "content": "And now?"}])


def test_of_a_long_conversation_the_middle_is_left_out_until_it_is_wanted_whole():
    shown = lay_out(long_talk(200)).turns
    assert len(shown) < MOST_TURNS
    [gap] = [turn for turn in shown if isinstance(turn, Gap)]
    assert gap.skipped == 402 - 1 - 8
    assert texts(shown[-1].passages[0].pieces) == "And now?"
    assert len(lay_out(long_talk(200), whole=True).turns) == 402


def test_a_message_that_a_check_points_at_is_never_left_out():
    shown = lay_out(long_talk(200), {"messages[101].content": [Mark(0, 4, "Held-out overlap")]}).turns
    assert [turn for turn in shown if isinstance(turn, Turn) and turn.is_marked]
    assert [turn.skipped for turn in shown if isinstance(turn, Gap)] == [100, 292]


def test_of_very_many_marked_messages_the_gap_says_how_many_it_holds():
    marks = {f"messages[{n}].content": [Mark(0, 2, "Secrets")] for n in range(1, 401)}
    shown = lay_out(long_talk(200), marks).turns
    marked = sum(isinstance(turn, Turn) and turn.is_marked for turn in shown)
    assert marked + sum(turn.marked for turn in shown if isinstance(turn, Gap)) == 400


def test_an_endless_text_and_very_many_calls_are_cut_until_they_are_wanted_whole():
    endless = read([{"role": "user", "content": "x" * 150_000}])
    shown = lay_out(endless).turns[0].passages[0].pieces
    assert sum(len(piece.text) for piece in shown) < 10_000
    assert texts(lay_out(endless, whole=True).turns[0].passages[0].pieces) == "x" * 150_000
    many = {"role": "assistant", "tool_calls": [call("f", "{}", f"c{n}") for n in range(20)]}
    assert (len(lay_out_answer(many).calls), lay_out_answer(many).more_calls) == (MOST_CALLS, 20 - MOST_CALLS)


def test_an_image_is_a_placeholder_between_the_words():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    asked = read([{"role": "user", "content": [{"type": "text", "text": "What is it?"}, image]}])
    passages = lay_out(asked).turns[0].passages
    assert [(one.kind, texts(one.pieces)) for one in passages] == [
        ("text", "What is it?"),
        ("reference", "image image/png, 8 bytes"),
    ]


def test_text_that_looks_like_roles_stays_the_text_of_its_message():
    asked = read([{"role": "user", "content": "a\nassistant: b\n<|im_end|>"}, {"role": "user", "content": "c"}])
    assert [turn.word for turn in lay_out(asked).turns] == ["User", "User"]
    assert texts(lay_out(asked).turns[0].passages[0].pieces) == "a\nassistant: b\n<|im_end|>"


def test_the_question_is_what_the_user_said_last():
    assert last_question(weather()) == "And tomorrow?"


def test_very_many_tools_and_parts_are_counted_until_they_are_wanted_whole_but_never_over_a_mark():
    tools = [{"type": "function", "function": {"name": f"f{n}", "description": "It does. " * 50}} for n in range(128)]
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    parts = [part for n in range(250) for part in ({"type": "text", "text": f"part {n} "}, image)]
    asked = read([{"role": "user", "content": parts}], tools)
    shown = lay_out(asked, {"tools[99].function.description": [Mark(0, 2, "Secrets")]})
    assert (len(shown.tools), shown.more_tools) == (MOST_TOOLS_SHOWN + 1, 128 - MOST_TOOLS_SHOWN - 1)
    passages = shown.turns[0].passages
    assert len(passages) == MOST_PARTS + 1 and passages[-1].pieces[0].change == "skipped"
    pointed = lay_out(asked, {"messages[0].content[400].text": [Mark(0, 4, "Secrets")]}).turns[0]
    assert pointed.is_marked and len(pointed.passages) == MOST_PARTS + 2
    whole = lay_out(asked, whole=True)
    assert (len(whole.tools), len(whole.turns[0].passages)) == (128, 500)
