"""The API reference: the OpenAPI schema as plain data for its page."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from drf_spectacular.generators import SchemaGenerator

WIDTH = 78  # characters
METHODS = ("get", "post", "put", "patch", "delete")
# The quick start, as the page shows it: a path, and the body that is posted there.
EXAMPLES: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "/api/v1/interactions/",
        {"subject": "user-17", "external_id": "chat-1", "prompt": "How long may I wait?", "answer": "14 days."},
    ),
    (
        "/api/v1/corrections/",
        {"subject": "user-17", "external_id": "chat-1", "replacement": "30 days.", "consent": "2026-11-2"},
    ),
)
CALL = {"id": "call-1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
CONVERSATION: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "/api/v1/interactions/",
        {
            "subject": "user-17",
            "external_id": "chat-2",
            "messages": [
                {"role": "system", "content": "You plan trips."},
                {"role": "user", "content": "I am in Oslo on Friday."},
                {"role": "assistant", "content": "Shall I look at the weather?"},
                {"role": "user", "content": "Please do."},
            ],
            "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}],
            "answer": "It will be fine.",
        },
    ),
    (
        "/api/v1/corrections/",
        {
            "subject": "user-17",
            "external_id": "chat-2",
            "replacement": {"role": "assistant", "tool_calls": [CALL]},
            "consent": "2026-11-2",
        },
    ),
)


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    type: str
    is_required: bool
    help: SafeString


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    summary: str
    description: SafeString
    needs_key: bool
    fields: tuple[Field, ...]
    replies: tuple[str, ...]


def examples(base_url: str, posts: Iterable[tuple[str, dict[str, Any]]]) -> list[str]:
    """The posts as shell commands. `base_url`: this site's address, such as https://cft.example."""
    return [
        f"curl {base_url}{path} \\\n"
        '  -H "Authorization: Bearer $CFT_KEY" -H "Content-Type: application/json" \\\n'
        f"  -d '{written(body)}'"
        for path, body in posts
    ]


def written(value: Any, indent: str = "", before: int = 0) -> str:
    """JSON whose lines fit a page: what does not fit is broken into its fields. `before`: what its line holds already.

    The post itself is always broken.
    """
    line = json.dumps(value)
    if not isinstance(value, dict | list) or (indent and len(indent) + before + len(line) <= WIDTH):
        return line
    inner = indent + "    "
    names = [f"{json.dumps(name)}: " for name in value] if isinstance(value, dict) else [""] * len(value)
    values = value.values() if isinstance(value, dict) else value
    fields = [f"{inner}{name}{written(each, inner, len(name))}" for name, each in zip(names, values, strict=True)]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}\n" + ",\n".join(fields) + f"\n{indent}{closing}"


def as_html(text: str) -> SafeString:
    """Escaped, with `code` between backticks as code."""
    return mark_safe(re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text)))  # noqa: S308 - escaped before


@cache
def operations() -> list[Operation]:
    """Every operation of the API, in the order of the schema; read once a process."""
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return list(_operations(schema))


def _operations(schema: dict[str, Any]) -> Iterator[Operation]:
    for path, item in schema["paths"].items():
        for method in METHODS:
            if operation := item.get(method):
                body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
                yield Operation(
                    method=method.upper(),
                    path=path,
                    summary=operation.get("summary", ""),
                    description=as_html(operation.get("description", "")),
                    needs_key=any("apiKey" in scheme for scheme in operation.get("security", [])),
                    fields=tuple(_fields(schema, body.get("schema", {}))),
                    replies=tuple(sorted(operation.get("responses", {}))),
                )


def _fields(schema: dict[str, Any], body: dict[str, Any]) -> Iterator[Field]:
    component = _resolved(schema, body)
    required = component.get("required", [])
    for name, field in component.get("properties", {}).items():
        resolved = _resolved(schema, field)
        help_text = field.get("description") or resolved.get("description", "")
        yield Field(name, _type(schema, field), name in required, as_html(help_text.partition("\n\n*")[0]))


def _resolved(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """The node that a chain of `$ref` leads to."""
    while ref := node.get("$ref"):
        node = schema["components"]["schemas"][ref.rsplit("/", 1)[1]]
    return node


def _type(schema: dict[str, Any], field: dict[str, Any]) -> str:
    if alternatives := field.get("allOf") or field.get("oneOf"):
        return " | ".join(filter(None, (_type(schema, each) for each in alternatives)))
    if field.get("type") == "array":
        return f"list of {_type(schema, field['items'])}"
    if (ref := field.get("$ref", "")) and _resolved(schema, field).get("type") == "object":
        return str(ref.rsplit("/", 1)[1])
    resolved = _resolved(schema, field)
    if values := resolved.get("enum"):
        return " | ".join(str(value) for value in values)
    return str(resolved.get("format") or resolved.get("type", ""))
