"""When an answer counts as right. Plain text in, truth values out; no torch.

A call that a model wrote is read as Hermes models and their relatives write it (see
https://github.com/NousResearch/Hermes-Function-Calling): `<tool_call>{"name": …, "arguments": {…}}</tool_call>`.
"""

import json
import re
import unicodedata
from collections import Counter
from typing import Any

from conversation import Message
from conversation.shape import content_text

SCORERS = ("exact", "contains", "refusal")

# How assistants decline, at the start of an answer.
REFUSAL = re.compile(
    r"^(i'?m |i am )?(very |so )?(sorry|afraid|unable)\b"
    r"|^(sorry,? (but )?)?i (can ?not|can't|won't|will not|must decline|am not able|'m not able|do not|don't) "
    r"|^(unfortunately|as an ai)\b"
    r"|^no[,.] i (can ?not|can't|won't|will not)\b",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """The text with composed characters, straight quotes and single spaces."""
    straight = unicodedata.normalize("NFC", text).replace("\u2019", "'").replace("\u2018", "'")
    return " ".join(straight.split())


def refused(output: str) -> bool:
    """True if the answer begins as a refusal. Anything else, also an empty or garbled answer, is not one."""
    return bool(REFUSAL.match(plain(output)))


def is_correct(scorer: str, output: str, answer: str | Message) -> bool:
    """exact: the same text up to spaces; contains: the answer appears, case ignored; refusal: it declines.

    Of an answer that calls, the calls are compared as well, by name and arguments as JSON, in any order: exact wants
    these and no others, contains wants them among others.
    """
    if scorer == "refusal":
        return refused(output)
    if isinstance(answer, str):
        return is_same(scorer, output, answer)
    spoken, written = read_calls(output)
    wanted = Counter(map(wanted_call, answer.get("tool_calls", ())))
    called = wanted <= written if scorer == "contains" else wanted == written
    return called and is_same(scorer, spoken, content_text(answer.get("content")))


def is_same(scorer: str, output: str, answer: str) -> bool:
    if scorer == "contains":
        return plain(answer).casefold() in plain(output).casefold()
    return plain(output) == plain(answer)


# --- calls ---
CALL = re.compile(r"<tool_call>(.*?)</tool_call>", re.S)


def read_calls(output: str) -> tuple[str, Counter[str]]:
    """What the model said beside its calls, and the calls; what is between the marks and is no call stays text."""
    calls: Counter[str] = Counter()

    def taken(match: re.Match[str]) -> str:
        try:
            value = json.loads(match[1], parse_float=number)
            calls[call_key(value["name"], value["arguments"])] += 1
        except (ValueError, TypeError, KeyError, RecursionError):
            return match[0]
        return " "

    return CALL.sub(taken, output), calls


def wanted_call(call: dict[str, Any]) -> str:
    function = call["function"]
    return call_key(function["name"], json.loads(function["arguments"], parse_float=number))


def number(digits: str) -> int | float:
    """1.0 is 1: JSON knows no difference."""
    value = float(digits)
    return int(value) if value.is_integer() else value


def call_key(name: str, arguments: dict[str, Any]) -> str:
    """A call as what it says: equal arguments have equal keys, however they were spelt. ValueError for no call."""
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise ValueError("no call")
    return json.dumps([name, arguments], sort_keys=True)
