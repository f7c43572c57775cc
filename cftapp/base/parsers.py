"""The REST API's parser of bodies; `settings.REST_FRAMEWORK` names it. A body that cannot be read is a 400."""

from typing import IO, Any, ClassVar

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from cftapp.base import strict_json
from cftapp.base.problems import TooLarge


class JsonParser(BaseParser):
    """Strict JSON. `checks_texts` as `strict_json.read` has it."""

    media_type = "application/json"
    checks_texts: ClassVar[bool] = True

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        return read_json(read_body(stream), checks_texts=self.checks_texts)


def read_body(stream: IO[bytes]) -> bytes:
    """The whole body. TooLarge (413) beyond what a request may hold in memory, whatever its header says."""
    raw = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    if len(raw) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise TooLarge
    return raw


def read_json(raw: bytes, *, checks_texts: bool, where: str = "") -> Any:
    """The value in `raw`. ParseError says where it cannot be read, and why."""
    try:
        return strict_json.read(raw, checks_texts=checks_texts)
    except strict_json.NotJson as problem:
        place = ", ".join(part for part in (where, problem.path and f"at {problem.path}") if part)
        raise ParseError(f"{place}: {problem}" if place else str(problem)) from problem
