"""Parsers of request bodies: JSON (RFC 8259), or JSON lines for a batch. A body that cannot be read is a 400."""

import json
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser


def refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def read_json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=refuse_constant)
    except (ValueError, RecursionError) as problem:
        raise ParseError(f"This is not JSON: {str(problem)[:120] or 'nested too deeply'}.") from problem


def read_text(stream: IO[bytes]) -> str:
    try:
        return stream.read().decode("utf-8")
    except UnicodeDecodeError as problem:
        raise ParseError(f"The body is not UTF-8: byte {problem.start}.") from problem


class JsonParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        return read_json(read_text(stream))


class JsonLinesParser(BaseParser):
    """One JSON value a line; empty lines are skipped."""

    media_type = "application/x-ndjson"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        return [read_json(line) for line in read_text(stream).split("\n") if line.strip()]
