"""How often somebody may fail to sign in: for an account and for an address, whichever comes first.

Counted in PostgreSQL, where the accounts are: a cache that is flushed or away neither opens the door nor shuts it. A
try is counted before its password is looked at, so tries at the same time cannot share one count, and taken back when
it succeeds. What is counted ends a quarter of an hour after the first failure, so nobody is locked out for good.

Whoever fails on purpose, or many at once behind one address, shut out strangers only: a browser in which the account's
holder has signed in before carries a signed cookie, and counts for itself.
"""

import ipaddress
import math
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.db import connection
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.crypto import get_random_string, salted_hmac

from cftapp.accounts.models import Attempt

log = structlog.get_logger(__name__)

WINDOW = timedelta(minutes=15)
PER_ACCOUNT = 10
PER_ADDRESS = 50
SALT = "cftapp.accounts.limits"
KNOWN = "known"
KNOWN_FOR = timedelta(days=180)

PORT = re.compile(r"^(\[.+\]|[\d.]+):\d+$")
COUNT = """
    INSERT INTO accounts_attempt AS known (key, failures, since) VALUES (%(key)s, 1, now())
    ON CONFLICT (key) DO UPDATE SET
        failures = CASE WHEN known.since > now() - %(window)s::interval THEN known.failures + 1 ELSE 1 END,
        since = CASE WHEN known.since > now() - %(window)s::interval THEN known.since ELSE now() END
    RETURNING failures, extract(epoch FROM since + %(window)s::interval - now())
"""


class TooMany(Exception):
    """Somebody failed too often; `seconds` from now they may try again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"Try again in {seconds:.0f} seconds.")
        self.seconds = max(1, math.ceil(seconds))


@dataclass(frozen=True, slots=True)
class Try:
    """A try that was counted, under the keys of what it counts for."""

    account: str
    address: str = ""

    def succeeded(self) -> None:
        """Nothing stands against the account any more; the address gets this one try back."""
        forget(self.account)
        Attempt.objects.filter(key=self.address, failures__gt=0).update(failures=F("failures") - 1)


def begin(request: HttpRequest, username: str) -> Try:
    """Count a try to sign in. Raises TooMany; the address is asked first, so that it cannot lock more accounts."""
    name = User.normalize_username(username).strip().casefold()
    if browser := known_browser(request, name):
        return Try(count("browser", browser, PER_ACCOUNT))
    address = count("address", address_of(request), PER_ADDRESS)
    return Try(count("account", name, PER_ACCOUNT), address)


def count(kind: str, what: object, most: int) -> str:
    """Count a failure of whatever `what` is; the key under which that was done. Raises TooMany past `most`."""
    key = salted_hmac(SALT, f"{kind} {what}", algorithm="sha256").hexdigest()
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {"key": key, "window": f"{WINDOW.total_seconds()} seconds"})
        failures, seconds = cursor.fetchone()
    if failures > most:
        log.warning("sign_in.limited", by=kind)
        raise TooMany(float(seconds))
    return key


def forget(key: str) -> None:
    Attempt.objects.filter(key=key).delete()


def forget_old() -> int:
    """Delete counts that have ended; returns how many. They say nothing any more, so no event tells of it."""
    return Attempt.objects.filter(since__lt=timezone.now() - WINDOW).delete()[0]


def address_of(request: HttpRequest) -> str:
    """Where a request comes from: an IPv4 address, or the half of an IPv6 address that one site shares.

    `X-Forwarded-For` is anybody's to write. Its last entry is that of the proxy in front, where there is one.
    """
    here = request.META.get("REMOTE_ADDR", "")
    forwarded = PORT.sub(r"\1", request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()).strip("[]")
    try:
        address: Any = ipaddress.ip_address(forwarded if settings.CFT_BEHIND_PROXY and forwarded else here)
    except ValueError:
        return here
    address = getattr(address, "ipv4_mapped", None) or address
    return str(address) if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))


# --- browsers that an account has signed in from ---
def known_browser(request: HttpRequest, name: str) -> str:
    """Under what this browser counts for itself; empty unless the account signed in here before."""
    try:
        account, browser = signing.loads(request.COOKIES.get(KNOWN, ""), salt=SALT, max_age=KNOWN_FOR)
    except (signing.BadSignature, ValueError, TypeError):
        return ""
    signed_in = User.objects.filter(pk=account).values_list("username", flat=True).first()
    return str(browser) if signed_in is not None and signed_in.casefold() == name else ""


def remember_browser(response: HttpResponse, account: User) -> None:
    """Whoever signs in here may fail here without regard to what strangers do elsewhere."""
    value = signing.dumps([account.pk, get_random_string(22)], salt=SALT)
    response.set_cookie(
        KNOWN,
        value,
        max_age=KNOWN_FOR,
        path=settings.SESSION_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def too_many(request: HttpRequest, problem: TooMany) -> HttpResponse:
    """The page that says when to try again. It is the same whether or not there is such an account."""
    page = render(request, "429.html", {"minutes": math.ceil(problem.seconds / 60)}, status=429)
    page["Retry-After"] = str(problem.seconds)
    return page
