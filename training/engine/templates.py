"""What a base's chat template writes, and what it has a place for.

A template says nowhere whether it writes tools, calls and results, nor whether it wants a call's arguments as an object
or as text, and many leave out without a word what they do not know. So each is tried out once, with words that occur
nowhere else. No torch.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from transformers import PreTrainedTokenizerBase
from transformers.utils.chat_template_utils import render_jinja_template

from conversation import Message

Tools = Sequence[dict[str, Any]]
Span = tuple[int, int]

MARKS = re.compile(r"\{%-?\s*generation\s*-?%\}")
DAY = "26 Jul 2024"
"""The day that Llama's templates write where they have no clock: with one, a row's tokens would change overnight."""

TOOL = {
    "type": "function",
    "function": {
        "name": "probetool",
        "description": "probe",
        "parameters": {"type": "object", "properties": {"probekey": {"type": "string", "description": "probe"}}},
    },
}
ARGUMENTS: dict[str, Any] = {"object": {"probekey": "probevalue"}, "text": '{"probekey": "probevalue"}'}
ASKED: Message = {"role": "user", "content": "probeask"}
SHORT_ID, LONG_ID = "probe0001", "call_probe0001"


@dataclass(frozen=True)
class Places:
    """What a template writes. `arguments`: how it wants those of a call; empty where it writes no calls.

    `short_ids`: calls must have ids of nine letters and digits, as Mistral's do.
    """

    system: bool
    tools: bool
    arguments: Literal["object", "text", ""]
    short_ids: bool
    words_beside_calls: bool
    results: bool
    reasoning: bool


def template_of(tokenizer: PreTrainedTokenizerBase, tools: Tools = ()) -> str:
    return str(tokenizer.get_chat_template(tools=list(tools) or None))


def render(
    tokenizer: PreTrainedTokenizerBase,
    messages: Sequence[Message],
    tools: Tools,
    *,
    open_ended: bool,
    marks: bool = False,
) -> tuple[str, list[Span]]:
    """The text and, if asked for, where in it the template marks what the model said; raises what the template raises.

    Only one thread at a time may ask for the marks of a template.
    """
    template = template_of(tokenizer, tools)
    marked = marks and MARKS.search(template) is not None
    variables: dict[str, Any] = {**tokenizer.special_tokens_map}
    if "strftime_now" in template:
        variables["date_string"] = DAY
    made: Any = render_jinja_template(
        conversations=[list(messages)],
        tools=list(tools) or None,
        chat_template=template,
        return_assistant_tokens_mask=marked,
        add_generation_prompt=open_ended,
        **variables,
    )
    [text], spans = made
    return text, spans[0] if marked else []


def places_of(tokenizer: PreTrainedTokenizerBase, tools: Tools = ()) -> Places:
    return tried_out(tokenizer, template_of(tokenizer, tools))


@lru_cache(maxsize=16)
def tried_out(tokenizer: PreTrainedTokenizerBase, template: str) -> Places:
    """What the template writes; it is named beside its tokenizer so that another one is tried again."""

    def text(*messages: Message, tools: Tools = ()) -> str:
        try:
            return render(tokenizer, messages, tools, open_ended=False)[0]
        except Exception:  # a template is a program: one that fails on a message has no place for it
            return ""

    arguments, short_ids = spelling(text)
    told = [ASKED, call(arguments, SHORT_ID), {"role": "tool", "tool_call_id": SHORT_ID, "content": "proberesult"}]
    thought = {"role": "assistant", "content": "probeanswer", "reasoning_content": "probethought"}
    return Places(
        system="probesystem" in text({"role": "system", "content": "probesystem"}, ASKED),
        tools="probetool" in text(ASKED, tools=[TOOL]),
        arguments=arguments,
        short_ids=short_ids,
        words_beside_calls="probewords" in text(ASKED, call(arguments, SHORT_ID) | {"content": "probewords"}),
        results=bool(arguments) and "proberesult" in text(*told),
        reasoning="probethought" in text(ASKED, thought),
    )


def spelling(text: Any) -> tuple[Literal["object", "text", ""], bool]:
    """How the template wants a call: the arguments' spelling ("" where it writes none), and whether ids are short.

    An object where it writes one as anything but Python's own spelling, as servers and Transformers pass it; else a
    text, where that comes out as it went in.
    """
    for identity in (LONG_ID, SHORT_ID):
        written = text(ASKED, call("object", identity))
        if "probekey" in written and "probevalue" in written and str(ARGUMENTS["object"]) not in written:
            return "object", identity == SHORT_ID
        if ARGUMENTS["text"] in text(ASKED, call("text", identity)):
            return "text", identity == SHORT_ID
    return "", False


def call(arguments: str, identity: str) -> Message:
    function = {"name": "probetool", "arguments": ARGUMENTS.get(arguments, "")}
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": identity, "type": "function", "function": function}],
    }
