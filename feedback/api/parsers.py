"""Parsers of request bodies: JSON, or JSON lines for a batch. Half a surrogate pair in a text is for its field."""

from codecs import BOM_UTF8
from typing import IO, Any

from rest_framework.parsers import BaseParser

from cftapp.base import parsers
from cftapp.base.parsers import read_body, read_json


class JsonParser(parsers.JsonParser):
    checks_texts = False


class JsonLinesParser(BaseParser):
    """One JSON value a line; empty lines and the byte order mark of a file are skipped."""

    media_type = "application/x-ndjson"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        lines = enumerate(read_body(stream).removeprefix(BOM_UTF8).split(b"\n"), 1)
        return [read_json(line, checks_texts=False, where=f"Line {number}") for number, line in lines if line.strip()]
