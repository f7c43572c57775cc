"""Every page that a person can reach by links: reachable, accessible in both schemes, fit for a phone, light.

The pages are found by walking the links from home, so a new page is looked at without being named here. A page that
several roles share is looked at as the first of them, and opened as all of them.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT

from bench.screens import SKIPPED, shape
from cftapp.base.accounts import ROLES
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.crawl]

LIMIT = 60_000
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PEOPLE = ["", *ROLES]
DESK, PHONE, SMALLEST = {"width": 1440, "height": 900}, {"width": 390, "height": 844}, {"width": 320, "height": 640}

# What a cell holds and does not show: wider than the cell, or beyond the edge of a table that does not scroll sideways.
CUT = """() => [...document.querySelectorAll(".responsive :is(td, tbody th)")].filter((cell) => {
  const table = (cell.closest(".table") ?? cell.closest("table")).getBoundingClientRect();
  const inside = [...cell.querySelectorAll(":not(.sr, .sr *)")].map((one) => one.getBoundingClientRect());
  return cell.scrollWidth > cell.clientWidth + 1
    || inside.some((box) => box.width && (box.right > table.right + 1 || box.left < table.left - 1));
}).map((cell) => cell.innerText.slice(0, 60)).slice(0, 5)"""


@dataclass
class Look:
    """What one person's walk found wrong, by the question that the tests below ask."""

    pages: list[str] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    axe: list[str] = field(default_factory=list)
    wide: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    heavy: list[str] = field(default_factory=list)


looks: dict[str, Look] = {}
looked_at: set[str] = set()


@pytest.fixture
def look(person: str, open_page: Callable[..., Any]) -> Look:
    """The walk of `person`, taken once for the tests of this file."""
    if person not in looks:
        looks[person] = Look()
        walk(open_page(person, viewport=DESK), looks[person])
    return looks[person]


def walk(page: Any, look: Look) -> None:
    """Open one address of every shape, in the order in which links lead there."""
    sizes = weigh(page)
    found, waiting = {"/"}, [("/", "")]
    while waiting:
        path, source = waiting.pop(0)
        sizes.clear()
        page.set_viewport_size(DESK)
        answer = page.goto(path, wait_until="load")  # no page asks for more by itself at once
        look.pages.append(path)
        if answer.status != 200:
            look.dead.append(f"{path} answers {answer.status}, linked from {source or 'nowhere'}")
            continue
        if sum(sizes) > LIMIT:
            look.heavy.append(f"{path}: {sum(sizes)} bytes")
        following = [link for link in links(page) if page_of(link) not in found]
        waiting += [(link, path) for link in dict.fromkeys(following)]
        found |= {page_of(link) for link in following}
        if page_of(path) not in looked_at or path == "/":
            looked_at.add(page_of(path))
            examine(page, path, look)


def weigh(page: Any) -> list[int]:
    """A list that fills with the bytes of every answer on the wire, with the browser's cache off."""
    sizes: list[int] = []
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    session.on("Network.loadingFinished", lambda event: sizes.append(int(event["encodedDataLength"])))
    return sizes


def page_of(path: str) -> str:
    """What stands for all pages like this one; a lineage looks the same whatever it is of."""
    return re.sub(r"^/audit/lineage/[^/]+/", "/audit/lineage/*/", shape(path))


def links(page: Any) -> Iterator[str]:
    found = page.eval_on_selector_all("a[href]", "all => all.map(a => new URL(a.href)).map(u => [u.host, u.pathname])")
    own = page.evaluate("location.host")
    shapes: set[str] = set()
    for host, path in found:
        if host == own and not SKIPPED.search(path) and page_of(path) not in shapes:
            shapes.add(page_of(path))
            yield path


def examine(page: Any, path: str, look: Look) -> None:
    for size in (DESK, PHONE):
        page.set_viewport_size(size)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # no colour in mid-transition
            look.axe += [f"{path} ({scheme}, {size['width']}): {violation}" for violation in violations(page)]
    for size in (PHONE, SMALLEST):
        page.set_viewport_size(size)
        if (overflow := page.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
            look.wide.append(f"{path}: {overflow} px too wide at {size['width']}")
        look.cut += [f"{path} at {size['width']}: {violation}" for violation in page.evaluate(CUT)]


def violations(page: Any) -> list[str]:
    """What axe finds wrong with a page; its script is put there once."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE_SCRIPT)
    options = {"runOnly": STANDARDS, "resultTypes": ["violations"]}
    found = page.evaluate("options => axe.run(document, options)", options)["violations"]
    return [f"{violation['id']} at {[node['target'] for node in violation['nodes']][:3]}" for violation in found]


def name(person: str) -> str:
    return person or "visitor"


@pytest.mark.parametrize("person", PEOPLE, ids=name)
def test_no_link_leads_to_a_refusal_or_nowhere(look: Look) -> None:
    assert len(look.pages) >= 3
    assert look.dead == []


@pytest.mark.parametrize("person", PEOPLE, ids=name)
def test_every_page_is_accessible_in_both_schemes(look: Look) -> None:
    assert look.axe == []


@pytest.mark.parametrize("person", PEOPLE, ids=name)
def test_every_page_fits_a_phone(look: Look) -> None:
    assert look.wide == []


@pytest.mark.parametrize("person", PEOPLE, ids=name)
def test_no_cell_of_a_table_is_cut_off_on_a_phone(look: Look) -> None:
    assert look.cut == []


@pytest.mark.parametrize("person", PEOPLE, ids=name)
def test_every_page_is_light(look: Look) -> None:
    assert look.heavy == []


def test_a_phone_shows_all_six_stages(open_page: Callable[..., Any]) -> None:
    page = open_page("reviewer", viewport=PHONE)
    page.goto("/")
    boxes = [stage.bounding_box() for stage in page.query_selector_all(".pipeline li")]
    assert len(boxes) == 6
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
    assert all(box["height"] >= 24 and box["width"] >= 24 for box in boxes)


def test_a_visitor_sees_no_counts_and_the_ways_in(open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.goto("/")
    assert page.query_selector(".pipeline") is None
    assert page.get_by_role("link", name="Ask the model").is_visible()
    assert page.get_by_role("link", name="Sign in").first.is_visible()


def test_the_header_is_read_again_only_when_it_changed(open_page: Callable[..., Any], stack: Stack) -> None:
    page = open_page("engineer")
    page.goto("/")
    changed = page.request.get("/pipeline/?at=training&seen=other")
    assert changed.status == 200 and len(changed.body()) < 4_000
    address = changed.text().partition('hx-get="')[2].partition('"')[0].replace("&amp;", "&")
    assert page.request.get(address).status in (200, 204)
    assert "at=training" in address and "seen=" in address
