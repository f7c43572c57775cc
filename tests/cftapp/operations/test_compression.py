"""Pages are compressed for whoever accepts it; streams and files pass untouched."""

import gzip

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.test import RequestFactory

from cftapp.operations.compression import GZipPages

PAGE = "<p>the same words again</p>" * 100


def send(response: HttpResponseBase) -> HttpResponseBase:
    request = RequestFactory().get("/", headers={"accept-encoding": "gzip"})

    def view(_: HttpRequest) -> HttpResponseBase:
        return response

    return GZipPages(view)(request)


def test_a_page_is_compressed() -> None:
    answer = send(HttpResponse(PAGE))
    assert answer["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.content).decode() == PAGE


def test_a_stream_is_not() -> None:
    answer = send(StreamingHttpResponse([PAGE], content_type="text/html"))
    assert "Content-Encoding" not in answer


def test_events_and_json_are_not() -> None:
    for kind in ("text/event-stream", "application/json"):
        assert "Content-Encoding" not in send(HttpResponse(PAGE, content_type=kind))
