"""The published consent wordings, for whoever shows one."""

import json
from hashlib import sha256

from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import get_conditional_response, patch_vary_headers
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from feedback.api.authentication import Application
from feedback.api.serializers import WordingReply, WordingsReply
from feedback.api.views import READ_REFUSALS, ApiKeyView, as_problems
from feedback.models import ConsentWording


class Wordings(ApiKeyView):
    permission_classes = (AllowAny,)  # type: ignore[assignment]

    @extend_schema(
        summary="The consent wordings that may be shown, newest first",
        description="What `consent` and `wording_version` name. With the key of a source those of that source come "
        "first. Nothing here ever changes: `If-None-Match` with the ETag of last time asks whether there is a new one.",
        tags=["feedback"],
        responses={200: WordingsReply, **as_problems(READ_REFUSALS)},
    )
    def get(self, request: Request) -> HttpResponseBase | Response:
        source = request.user.source if isinstance(request.user, Application) else None
        wordings = ConsentWording.objects.shown_by(source).select_related("source")
        results = WordingReply(wordings, many=True).data
        response = Response({"results": results}, headers={"Cache-Control": "no-cache"})
        response["ETag"] = f'"{sha256(json.dumps(results).encode()).hexdigest()[:32]}"'
        patch_vary_headers(response, ["Authorization"])
        plain: HttpRequest = request._request
        return get_conditional_response(plain, etag=response["ETag"], response=response) or response
