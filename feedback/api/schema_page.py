"""The OpenAPI schema as plain data for one page."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from drf_spectacular.generators import SchemaGenerator

METHODS = ("get", "post", "put", "patch", "delete")
# The shortest way in, as the page shows it: a path, and what is posted there.
EXAMPLES: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "/api/v1/interactions/",
        {"subject": "user-17", "external_id": "chat-1", "prompt": "How long may I wait?", "answer": "14 days."},
    ),
    (
        "/api/v1/corrections/",
        {"external_id": "chat-1", "replacement": "30 days.", "reason": "outdated", "consent": True},
    ),
)


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    kind: str
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


def example(base: str) -> str:
    """The examples as shell commands. `base`: this site's address, such as https://cft.example."""
    return "\n\n".join(
        f"curl {base}{path} \\\n"
        '  -H "Authorization: Bearer $CFT_KEY" -H "Content-Type: application/json" \\\n'
        f"  -d '{json.dumps(body, indent=4)}'"
        for path, body in EXAMPLES
    )


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
            if found := item.get(method):
                body = found.get("requestBody", {}).get("content", {}).get("application/json", {})
                yield Operation(
                    method=method.upper(),
                    path=path,
                    summary=found.get("summary", ""),
                    description=as_html(found.get("description", "")),
                    needs_key=any("apiKey" in one for one in found.get("security", [])),
                    fields=tuple(_fields(schema, body.get("schema", {}))),
                    replies=tuple(sorted(found.get("responses", {}))),
                )


def _fields(schema: dict[str, Any], body: dict[str, Any]) -> Iterator[Field]:
    found = _resolved(schema, body)
    required = found.get("required", [])
    for name, described in found.get("properties", {}).items():
        inner = _resolved(schema, described)
        help_text = described.get("description") or inner.get("description", "")
        yield Field(name, _kind(schema, described), name in required, as_html(help_text.partition("\n\n*")[0]))


def _resolved(schema: dict[str, Any], described: dict[str, Any]) -> dict[str, Any]:
    while ref := described.get("$ref"):
        described = schema["components"]["schemas"][ref.rsplit("/", 1)[1]]
    return described


def _kind(schema: dict[str, Any], described: dict[str, Any]) -> str:
    if options := described.get("allOf") or described.get("oneOf"):
        described = options[0]
    found = _resolved(schema, described)
    if choices := found.get("enum"):
        return " | ".join(str(choice) for choice in choices)
    return str(found.get("format") or found.get("type", ""))
