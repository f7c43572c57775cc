"""Authentication by API key (a bearer token, RFC 6750), and the rate limit of a key."""

import time
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db.models import Exists, OuterRef, QuerySet
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from redis.exceptions import RedisError
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from feedback.models import ApiKey, Interaction, Subject

log = structlog.get_logger(__name__)
MINUTE = 60


class Application:
    """An application that posts with an API key: no account, and no rights but to its source."""

    is_authenticated = True
    is_active = True
    pk = None

    def __init__(self, key: ApiKey) -> None:
        self.key = key
        self.source = key.source
        self.tenant = key.tenant

    @property
    def interactions(self) -> QuerySet[Interaction]:
        """Those that the key may read of: its source's, of its tenant where it has one."""
        interactions = Interaction.objects.filter(source=self.source)
        return interactions.filter(tenant=self.tenant) if self.tenant else interactions

    @property
    def subjects(self) -> QuerySet[Subject]:
        """Those that the key may withdraw for: of its source and, where it has one, not of other tenants alone."""
        subjects = Subject.objects.filter(source=self.source)
        said = Interaction.objects.filter(subject=OuterRef("pk"))
        return subjects.filter(Exists(said.filter(tenant=self.tenant)) | ~Exists(said)) if self.tenant else subjects

    def __str__(self) -> str:
        return f"source:{self.key.source_id}"


class BearerKey(BaseAuthentication):
    """`Authorization: Bearer cft_…`"""

    def authenticate(self, request: Request) -> tuple[Application, ApiKey] | None:
        scheme, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        key = ApiKey.objects.matching(token.strip())
        if key is None:
            raise AuthenticationFailed("This API key is unknown or was revoked. Ask an admin for a new one.")
        return Application(key), key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="cftapp"'


class HoldsKey(BasePermission):
    """Allows API keys, not signed-in people: feedback posted here is that of a source."""

    message = "Send an API key: Authorization: Bearer cft_…"

    def has_permission(self, request: Request, view: Any) -> bool:
        return isinstance(request.user, Application)


class KeyRate(BaseThrottle):
    """Limits each key to CFT_API_REQUESTS_PER_MINUTE, counted by the minute of the clock: an INCR a request.

    Without Redis nobody is throttled: the limit protects from mistakes, it is no security.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        return not isinstance(request.user, Application) or within_rate(request.user.key)

    def wait(self) -> float:
        return seconds_to_next_minute()


def within_rate(key: ApiKey) -> bool:
    """Count another request with this key; whether it is still within the limit of this minute."""
    counter = f"feedback:rate:{key.pk}:{int(time.time()) // MINUTE}"
    try:
        return incremented(counter) <= settings.CFT_API_REQUESTS_PER_MINUTE
    except RedisError as problem:
        log.warning("authentication.rate_unknown", problem=type(problem).__name__)
        return True


def seconds_to_next_minute() -> float:
    """Seconds until the counters begin anew."""
    return MINUTE - time.time() % MINUTE


def incremented(counter: str) -> int:
    """The counter after adding 1; the first request in a minute creates it."""
    try:
        return int(cache.incr(counter))
    except ValueError:
        return 1 if cache.add(counter, 1, 2 * MINUTE) else int(cache.incr(counter))


class BearerKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = BearerKey
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API key of a source, such as cft_…"}
