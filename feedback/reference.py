"""The OpenAPI schema as plain data for one page."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    kind: str
    is_required: bool
    help: str


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    summary: str
    description: str
    fields: tuple[Field, ...]
    replies: tuple[str, ...]


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
                    description=found.get("description", ""),
                    fields=tuple(_fields(schema, body.get("schema", {}))),
                    replies=tuple(sorted(found.get("responses", {}))),
                )


def _fields(schema: dict[str, Any], body: dict[str, Any]) -> Iterator[Field]:
    found = _resolved(schema, body)
    required = found.get("required", [])
    for name, described in found.get("properties", {}).items():
        inner = _resolved(schema, described)
        help_text = described.get("description") or inner.get("description", "")
        yield Field(name, _kind(schema, described), name in required, help_text.partition("\n\n*")[0])


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
