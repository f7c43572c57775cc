"""Every page that a role can reach by links: no axe or policy violation, no sideways scrolling, light enough.

The pages are found by walking the links from home, so a new page is looked at without being named here.
"""

from collections.abc import Callable
from typing import Any

import pytest

from bench.screens import SKIPPED, shape
from cftapp.accounts import ROLES
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack]

LIMIT = 60_000
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PEOPLE = ["", *ROLES]


def links(page: Any) -> list[str]:
    found = page.eval_on_selector_all("a[href]", "all => all.map(a => new URL(a.href)).map(u => [u.host, u.pathname])")
    own = page.evaluate("location.host")
    return [path for host, path in found if host == own and not SKIPPED.search(path)]


def walk(page: Any) -> list[str]:
    """One address of every shape of page, found from home."""
    found, waiting = {"/": "/"}, ["/"]
    while waiting:
        assert page.goto(waiting.pop(0)).status == 200, page.url
        for path in links(page):
            if shape(path) not in found:
                found[shape(path)] = path
                waiting.append(path)
    return list(found.values())


def violations(page: Any) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    result = Axe().run(page, options={"runOnly": STANDARDS})
    return [
        f"{page.url}: {found['id']} at {[node['target'] for node in found['nodes']][:3]}"
        for found in result.response["violations"]
    ]


def overflow(page: Any) -> int:
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person or "visitor")
def test_every_page_is_accessible_in_both_schemes(person: str, open_page: Callable[..., Any]) -> None:
    page = open_page(person, viewport={"width": 1440, "height": 900})
    wrong = []
    for path in walk(page):
        page.goto(path)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            wrong += [f"{scheme} {one}" for one in violations(page)]
    assert wrong == []


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person or "visitor")
def test_every_page_fits_a_phone(person: str, open_page: Callable[..., Any]) -> None:
    page = open_page(person, viewport={"width": 390, "height": 844})
    wrong = []
    for path in walk(page):
        for width in (390, 320):
            page.set_viewport_size({"width": width, "height": 844})
            page.goto(path)
            if overflow(page) > 0:
                wrong.append(f"{path} is {overflow(page)} px too wide at {width}")
        wrong += violations(page)
    assert wrong == []


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person or "visitor")
def test_every_page_is_light(person: str, open_page: Callable[..., Any]) -> None:
    page = open_page(person)
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    sizes: list[int] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(int(event["encodedDataLength"])))
    heavy = []
    for path in walk(page):
        sizes.clear()
        page.goto(path, wait_until="networkidle")
        if sum(sizes) > LIMIT:
            heavy.append(f"{path}: {sum(sizes)} bytes")
    assert heavy == []


def test_a_phone_shows_all_six_stages(open_page: Callable[..., Any]) -> None:
    page = open_page("reviewer", viewport={"width": 390, "height": 844})
    page.goto("/")
    for stage in page.query_selector_all(".pipeline li"):
        box = stage.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390
        assert box["height"] >= 24 and box["width"] >= 24
    assert len(page.query_selector_all(".pipeline li")) == 6


def test_a_visitor_sees_no_counts_and_the_ways_in(open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.goto("/")
    assert page.query_selector(".pipeline") is None
    assert page.get_by_role("link", name="Ask the model").is_visible()
    assert page.get_by_role("link", name="Sign in").first.is_visible()


def test_the_header_is_read_again_only_when_it_changed(open_page: Callable[..., Any], stack: Stack) -> None:
    page = open_page("engineer")
    page.goto("/")
    address = page.get_attribute(".pipeline ol", "hx-get")
    assert page.request.get(address).status == 204
    changed = page.request.get(address.partition("&")[0] + "&seen=other")
    assert changed.status == 200 and len(changed.body()) < 4_000
