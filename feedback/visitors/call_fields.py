"""The calls of an answer as fields of a form: which function, and its arguments as JSON to edit."""

import re
from collections.abc import Sequence
from typing import Any

from django import forms

from conversation import LONGEST_TEXT
from conversation.arguments import changes, pretty
from conversation.shape import functions_of

Call = dict[str, Any]
AT_A_CALL = re.compile(r"answer\.tool_calls\[(\d+)\]\.function\.(name|arguments)")


def offered(calls: Sequence[Call], tools: Sequence[dict[str, Any]]) -> dict[str, forms.Field]:
    """The fields of all calls, in order; a function is chosen where there is another to choose."""
    fields: dict[str, forms.Field] = {}
    for number, call in enumerate(calls):
        name = call["function"]["name"]
        names = list(dict.fromkeys([name, *functions_of(tools)]))
        if len(names) > 1:
            fields[f"call_{number}_name"] = forms.ChoiceField(
                label="Which function?", choices=[(one, one) for one in names], initial=name
            )
        fields[f"call_{number}_arguments"] = forms.CharField(
            label=f"Arguments of {name}" if len(names) == 1 else "Its arguments",
            max_length=LONGEST_TEXT,
            required=False,
            initial=pretty(call["function"]["arguments"]),
            widget=forms.Textarea(attrs={"rows": 6, "class": "code", "spellcheck": "false"}),
            help_text="JSON. Leave it empty if it should not have been called.",
        )
    return fields


def taken(cleaned: dict[str, Any], calls: Sequence[Call]) -> list[Call | None]:
    """The calls as they were filled in, taken out of a form's values; None for one that should not have been made."""
    return [filled(cleaned, number, call) for number, call in enumerate(calls)]


def filled(cleaned: dict[str, Any], number: int, call: Call) -> Call | None:
    name = cleaned.pop(f"call_{number}_name", call["function"]["name"])
    arguments = cleaned.pop(f"call_{number}_arguments", "").replace("\r\n", "\n").strip()
    return {**call, "function": {"name": name, "arguments": arguments}} if arguments else None


def same(before: Sequence[Call], after: Sequence[Call | None]) -> bool:
    """Whether all calls say what they said; the order and spacing of their arguments say nothing."""
    return all(
        new is not None and same_call(old["function"], new["function"]) for old, new in zip(before, after, strict=True)
    )


def same_call(old: dict[str, str], new: dict[str, str]) -> bool:
    if old["name"] != new["name"]:
        return False
    return old["arguments"].strip() == new["arguments"] or changes(old["arguments"], new["arguments"]) == []


def field_at(path: str, kept: Sequence[int]) -> str:
    """The field of what a path of the answer names; empty where that is no call. `kept`: which calls were left."""
    found = AT_A_CALL.match(path)
    return f"call_{kept[int(found[1])]}_arguments" if found else ""
