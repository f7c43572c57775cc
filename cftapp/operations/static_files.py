"""Static files: under names that carry their hash, so that browsers keep them for good, and how they are answered."""

import re
from asyncio import iscoroutine
from collections.abc import Callable
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.contrib.staticfiles import finders
from django.http import HttpRequest
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.storage import CompressedManifestStaticFilesStorage

STYLE = "cft/style.css"
WHOLE = "the file itself"
SHEETS = (r"""(?P<matched>@import "(?P<url>[\w/]+\.css)";)""", WHOLE)
MODULES = (r"""(?P<matched>\bfrom "(?P<url>\.[\w./]+\.js)";)""", 'from "%(url)s";')


class HashedFilesStorage(CompressedManifestStaticFilesStorage):
    """WhiteNoise's storage, which also puts the sheets of style.css into it and hashes the imports of our modules.

    A browser would ask for imported sheets one after the other, and each compresses worse than all together. Django's
    `support_js_module_import_aggregation` reads the modules of every package, and stumbles over an import that
    django-htmx shows in a comment.
    """

    patterns = (
        (STYLE, (SHEETS,)),
        *CompressedManifestStaticFilesStorage.patterns,
        ("cft/script/*.js", (MODULES,)),
        ("cft/pages/*.js", (MODULES,)),
    )

    def url_converter(
        self, name: str, hashed_files: dict[str, str], template: str | None = None
    ) -> Callable[[re.Match[str]], str]:
        """What replaces a matched address in the file `name`."""
        if template != WHOLE:
            return super().url_converter(name, hashed_files, template)

        def read(matched: re.Match[str]) -> str:
            with self.open(str(PurePosixPath(name).parent / matched["url"])) as sheet:
                return sheet.read().decode()

        return read


@cache
def sheets_of(name: str = STYLE) -> tuple[str, ...]:
    """The sheets that a stylesheet imports, as its source has them."""
    source = Path(str(finders.find(name))).read_text()
    return tuple(str(PurePosixPath(name).parent / match["url"]) for match in re.finditer(SHEETS[0], source))


class StaticFiles(WhiteNoiseMiddleware):
    """WhiteNoise's middleware, which also runs on the event loop: else a thread waits while a request is answered."""

    async_capable = True

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        return self.later(request) if iscoroutinefunction(self.get_response) else super().__call__(request)

    async def later(self, request: HttpRequest) -> Any:
        answered = super().__call__(request)
        return await answered if iscoroutine(answered) else answered
