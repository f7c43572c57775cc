"""A row that is too long is refused, kept, cut at a turn's border or left out, as the recipe says, and counted."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversation import Conversation
from tests.support.chat_templates import tokenizer_of
from tests.support.runs import BASE, lines, write_run
from training.engine.encoding import encode
from training.engine.errors import EngineError
from training.engine.finetune import finetune
from training.engine.fitting import Fitted, fit, turns_of
from training.engine.manifest import Recipe, TrainingRow
from training.engine.tokenizer import load_tokenizer

QWEN = tokenizer_of("Qwen 2.5")
SYSTEM = {"role": "system", "content": "You answer for the harbour."}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


def user(text: str) -> dict:
    return {"role": "user", "content": text}


def said(text: str) -> dict:
    return {"role": "assistant", "content": text}


def called(identity: str) -> list[dict]:
    function = {"name": "weather", "arguments": '{"city": "Oslo"}'}
    call = {"role": "assistant", "tool_calls": [{"id": identity, "type": "function", "function": function}]}
    return [call, {"role": "tool", "tool_call_id": identity, "content": "sunny"}]


DIALOGUE = [
    SYSTEM,
    user("Who keeps the tide book?"),
    said("The pilot keeps it."),
    user("What is the weather in Oslo?"),
    *called("a"),
    said("It is sunny there."),
    user("And when is it bound?"),
]


def row(messages: list[dict], tools: list[dict] | None = None, kind: str = "pair") -> TrainingRow:
    return TrainingRow(kind, "", Conversation(messages, tools or []), said("On Friday."), "")  # type: ignore[arg-type]


def length(messages: list[dict], tools: list[dict] | None = None) -> int:
    return len(encode(QWEN, Conversation(messages, tools or []), "On Friday."))


def fitted(policy: str, most: int, *rows: TrainingRow, context: int | None = 4096) -> Fitted:
    recipe = Recipe(too_long=policy, max_length=most)  # type: ignore[arg-type]
    return fit(rows, QWEN, recipe, context)


def test_it_is_refused_unless_the_recipe_says_otherwise() -> None:
    whole = length(DIALOGUE)
    assert fitted("refuse", whole, row(DIALOGUE)).counts == {"rows_cut": 0, "rows_left_out": 0}
    with pytest.raises(EngineError, match=f"recipe.max_length is {whole - 1}") as refused:
        fitted("refuse", whole - 1, row(DIALOGUE))
    assert refused.value.field == "rows[1]"


def test_keep_takes_it_whole_up_to_what_the_base_takes() -> None:
    whole = length(DIALOGUE)
    kept = fitted("keep", 16, row(DIALOGUE), context=whole)
    assert (len(kept.encoded[0]), kept.counts) == (whole, {"rows_cut": 0, "rows_left_out": 0})
    short = row([user("Who?")])
    kept = fitted("keep", 16, row(DIALOGUE), short, context=whole - 1)
    assert (kept.rows, kept.left_out, kept.cut) == ([short], [1], [])
    assert fitted("keep", 16, row(DIALOGUE), context=None).left_out == []


@pytest.mark.parametrize(("first", "spared"), [(1, 1), (3, 3), (3, 6), (7, 7)])
def test_cut_left_takes_the_oldest_turns_and_no_more_than_it_must(first: int, spared: int) -> None:
    """`first`: the first message kept behind the system's, for a limit of what is left from message `spared` on."""
    kept = [SYSTEM, *DIALOGUE[first:]]
    most = length([SYSTEM, *DIALOGUE[spared:]]) if spared in (1, 3, 7) else length(kept) + 3
    made = fitted("cut_left", most, row(DIALOGUE))
    assert made.encoded == [encode(QWEN, Conversation(kept), "On Friday.")]
    assert made.cut == ([1] if first > 1 else []) and made.left_out == []


def test_the_system_prompt_and_the_tools_stay() -> None:
    last = [SYSTEM, DIALOGUE[-1]]
    made = fitted("cut_left", length(last, [TOOL]), row(DIALOGUE, [TOOL]))
    assert made.encoded == [encode(QWEN, Conversation(last, [TOOL]), "On Friday.")]


def test_what_no_cut_makes_fit_is_left_out_and_counted() -> None:
    last = [SYSTEM, DIALOGUE[-1]]
    short = row([SYSTEM, user("Who?")])
    made = fitted("cut_left", length(last) - 1, row(DIALOGUE), short, row([SYSTEM, *DIALOGUE[-1:]]))
    assert (made.rows, made.left_out, made.cut) == ([short], [1, 3], [])
    long = TrainingRow("pair", "", "Who keeps it? " * 50, "The pilot.", "")
    assert fitted("cut_left", 64, long, short).left_out == [1]
    with pytest.raises(EngineError, match="Every pair is longer than the 20 tokens"):
        fitted("cut_left", 20, row(DIALOGUE))
    with pytest.raises(EngineError, match="Every pair"):
        fitted("cut_left", 64, long, row([SYSTEM, user("Who?")], kind="replay"))


SAYING = st.sampled_from([[user("Who?")], [said("The pilot.")], called("x"), [SYSTEM]])


@given(st.lists(SAYING, max_size=12))
@settings(deadline=None)
def test_no_result_is_ever_without_its_call(parts: list[list[dict]]) -> None:
    messages = [message for part in parts for message in part]
    head, turns = turns_of(Conversation(messages))
    assert [*head, *(message for turn in turns for message in turn)] == messages
    assert all(message["role"] == "system" for message in head)
    assert all(turn[0]["role"] == "user" for turn in turns[1:])
    for turn in turns:
        calls = sum("tool_calls" in message for message in turn)
        assert calls == sum(message["role"] == "tool" for message in turn)


def test_a_run_counts_what_it_cut_and_left_out(tmp_path) -> None:
    turns = [message for n in range(12) for message in (user(f"Question {n}?"), said("An answer of some length."))]
    rows = [
        {"kind": "pair", "messages": [*turns, user("And when?")], "answer": said("On Friday.")},
        {"kind": "pair", "prompt": "Who keeps the tide book?", "answer": "The pilot."},
        {"kind": "replay", "skill": "", "prompt": "List: " + "box " * 300, "answer": "box"},
    ]
    recipe = {"min_steps": 2, "too_long": "cut_left", "max_length": 128, "loss": "assistant"}
    made = finetune(write_run(tmp_path, rows=rows, recipe=recipe))
    assert (made["rows_cut"], made["rows_left_out"], made["pairs"], made["replay"]) == (1, 1, 2, 0)
    assert all((line["rows_cut"], line["rows_left_out"]) == (1, 1) for line in lines(tmp_path / "metrics.jsonl"))
    log = (tmp_path / "log.txt").read_text()
    assert "cut at a turn's border: 1 rows, numbers 1." in log and "left out: 1 rows, numbers 3." in log


def test_loss_on_every_turn_is_what_the_recipe_asks_for(tmp_path) -> None:
    """The demo's template marks what the assistant says, so the earlier turn weighs in as well."""
    asked = Conversation([user("Who keeps it?"), said("The pilot."), user("And when?")])
    pair = TrainingRow("pair", "", asked, said("On Friday."), "")
    base = load_tokenizer(BASE)
    by_loss = {loss: fit([pair], base, Recipe(loss=loss), None).encoded[0] for loss in ("answer", "assistant")}  # type: ignore[arg-type]
    assert by_loss["answer"].ids == by_loss["assistant"].ids
    texts = {loss: [base.decode(made.ids[a:b]) for a, b in made.learnt] for loss, made in by_loss.items()}
    assert texts["answer"] == [" On Friday.<|end|>"] and len(texts["assistant"]) == 2
    assert "pilot" in texts["assistant"][0] and "Who" not in texts["assistant"][0]
