"""Pages leave compressed; streams do not, because their words must leave one by one."""

from django.http import HttpRequest, HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class GZipPages(GZipMiddleware):
    """Compress whole HTML pages. Django adds random bytes to each, which blunts the BREACH attack."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.streaming or not response.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)
