"""A browser at Django's own test server: quick, for pages that need no workers."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.browser.test_look import violations

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture
def open_live(browser: Any, live_server: Any) -> Iterator[Callable[..., Any]]:
    """`open_live(rosa)` is a page where rosa is signed in. Script errors and breaches of the policy fail the test."""
    contexts, complaints = [], []

    def open_one(user: User | None = None, **options: Any) -> Any:
        context = browser.new_context(base_url=live_server.url, **{"viewport": DESK} | options)
        contexts.append(context)
        if user is not None:
            client = Client()
            client.force_login(user)
            value = client.cookies["sessionid"].value
            context.add_cookies([{"name": "sessionid", "value": value, "url": live_server.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"script error: {error}"))
        page.on("console", lambda said: "Content Security Policy" in said.text and complaints.append(said.text))
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


def look(page: Any) -> list[str]:
    """What axe and a ruler find, in both schemes and sizes."""
    problems = []
    for size in (DESK, PHONE):
        page.set_viewport_size(size)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            problems += [f"{scheme} {size['width']}: {violation}" for violation in violations(page)]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            problems.append(f"wider than {size['width']}")
    return problems
