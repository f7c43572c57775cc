"""Pictures of every page of a running stack, as each role sees it, light and dark, on a desk and on a phone.

    python -m bench.screens [--url http://127.0.0.1:8000] [--var var] [--out var/screens] [--role reviewer]
    python -m bench.screens --pictures docs/pictures [--url …] [--var …]

Prints a line a page (status, kB over the wire, requests, elements wider than the screen) and writes screens.json. With
`--pictures` it takes those of the README and no others, of a stack on the folder that `make demo` left; at triage, of a
second turn, where one waits.
"""

import argparse
import json
import re
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SCHEMES = ("light", "dark")
WIDTHS = {"desk": (1440, 900), "phone": (390, 844)}
SKIPPED = re.compile(r"^/(admin|static|api|v1|accounts/logout)|\.(csv|json|jsonl|log|txt|zip)$")
VISITOR = "visitor"
PICTURE = {"width": 1200, "height": 760}
PICTURES = {
    "home": ("engineer", "/", []),
    "triage": ("reviewer", "/curation/bench/", [".row:has-text('turn 2')"]),
    "run": ("engineer", "/training/", ["tbody th a"]),
    "gate": ("engineer", "/evaluation/", ["tbody th a"]),
    "lineage": ("compliance", "/curation/pairs/?state=accepted", ["tbody th a", "text=Lineage"]),
}
"""By name: who looks, where from, and what is clicked on the way."""


@dataclass(frozen=True)
class Shot:
    role: str
    path: str
    scheme: str
    size: str
    status: int
    kilobytes: float
    requests: int
    overflow: int
    file: str


class Camera:
    """One signed-in (or visiting) browser context of one scheme and size."""

    def __init__(self, browser: Any, url: str, role: str, password: str, scheme: str, size: str):
        width, height = WIDTHS[size]
        self.role, self.scheme, self.size = role, scheme, size
        viewport = {"width": width, "height": height}
        self.context = browser.new_context(base_url=url, color_scheme=scheme, viewport=viewport)
        self.page = self.context.new_page()
        self.bytes = self.requests = 0
        session = self.context.new_cdp_session(self.page)
        session.send("Network.enable")
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        session.on("Network.loadingFinished", self.count)
        if role != VISITOR:
            self.sign_in(password)

    def count(self, event: dict[str, Any]) -> None:
        self.bytes += int(event["encodedDataLength"])
        self.requests += 1

    def sign_in(self, password: str) -> None:
        self.page.goto("/accounts/login/")
        self.page.fill("[name=username]", self.role)
        self.page.fill("[name=password]", password)
        self.page.press("[name=password]", "Enter")
        self.page.wait_for_url(lambda address: "/accounts/login" not in address)

    def shoot(self, path: str, out: Path) -> Shot:
        self.bytes = self.requests = 0
        answer = self.page.goto(path, wait_until="load")
        self.page.wait_for_timeout(100)
        kilobytes, requests = self.bytes / 1000, self.requests
        overflow = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        name = re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-") or "home"
        file = out / self.role / f"{name}.{self.size}.{self.scheme}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=file, full_page=True)
        status = answer.status if answer else 0
        return Shot(self.role, path, self.scheme, self.size, status, round(kilobytes, 1), requests, overflow, str(file))

    def links(self) -> list[str]:
        """Paths of this site that the page links to."""
        hrefs = self.page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")
        own = urlsplit(self.page.url).netloc
        return [urlsplit(href).path for href in hrefs if urlsplit(href).netloc == own]


def take_pictures(browser: Any, url: str, accounts: dict[str, str], out: Path) -> None:
    """The pictures of the README: what a desk shows at first, without scrolling."""
    for name, (role, path, clicks) in PICTURES.items():
        camera = Camera(browser, url, role, accounts[role], "light", "desk")
        page = camera.page
        page.set_viewport_size(PICTURE)
        page.goto(path)
        if any(not click(page, selector) for selector in clicks):
            print(f"{name:8} left as it is: {page.url} holds nothing to show")
            camera.context.close()
            continue
        page.mouse.move(0, 0)
        page.wait_for_timeout(300)
        page.screenshot(path=out / f"{name}.png")
        print(f"{name:8} {page.url} {(out / f'{name}.png').stat().st_size / 1000:.0f} kB")
        camera.context.close()


def click(page: Any, selector: str) -> bool:
    """Whether there was something to click."""
    if not page.locator(selector).count():
        return False
    page.locator(selector).first.click()
    page.wait_for_load_state("networkidle")
    return True


def read_accounts(file: Path) -> dict[str, str]:
    """Name to password, as `make up` keeps them."""
    return dict(line.split("\t", 1) for line in file.read_text().splitlines() if "\t" in line)


def shape(path: str) -> str:
    """A path with its ids taken out, so that one page of a kind stands for all."""
    return re.sub(r"/(\d+|[0-9a-f-]{32,36}|[0-9a-f]{64})(?=/|$)", "/*", path)


def find_pages(camera: Camera, limit: int) -> list[str]:
    """Walk the links from home; one page of every shape, in the order found."""
    pages, waiting = {"/": "/"}, ["/"]
    while waiting and len(pages) < limit:
        camera.page.goto(waiting.pop(0))
        for path in camera.links():
            if shape(path) not in pages and not SKIPPED.search(path):
                pages[shape(path)] = path
                waiting.append(path)
    return list(pages.values())


def take_all(browser: Any, url: str, role: str, password: str, out: Path, limit: int) -> list[Shot]:
    scout = Camera(browser, url, role, password, "light", "desk")
    paths = find_pages(scout, limit)
    scout.context.close()
    shots = []
    for scheme in SCHEMES:
        for size in WIDTHS:
            camera = Camera(browser, url, role, password, scheme, size)
            shots += [camera.shoot(path, out) for path in paths]
            camera.context.close()
    return shots


def report(shots: list[Shot]) -> None:
    print(f"{'role':11} {'page':44} {'size':6} {'status':>6} {'kB':>6} {'req':>4} {'wide':>5}")
    for shot in shots:
        if shot.scheme == "light":
            figures = f"{shot.status:>6} {shot.kilobytes:>6.1f} {shot.requests:>4} {shot.overflow:>5}"
            print(f"{shot.role:11} {shot.path[:44]:44} {shot.size:6} {figures}")


def main() -> int:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--var", type=Path, default=Path("var"), help="where accounts.txt of the stack lies")
    parser.add_argument("--out", type=Path, default=Path("var/screens"))
    parser.add_argument("--role", action="append", help="only this role; 'visitor' is nobody")
    parser.add_argument("--limit", type=int, default=60, help="pages a role")
    parser.add_argument("--pictures", type=Path, help="only the README's pictures, into this folder")
    options = parser.parse_args()
    accounts = {VISITOR: ""} | read_accounts(options.var / "accounts.txt")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    shots: list[Shot] = []
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        if options.pictures:
            take_pictures(browser, options.url, accounts, options.pictures)
            browser.close()
            return 0
        for role in options.role or accounts:
            shots += take_all(browser, options.url, role, accounts[role], options.out, options.limit)
        browser.close()
    report(shots)
    (options.out / "screens.json").write_text(json.dumps([asdict(shot) for shot in shots], indent=1))
    wrong = [shot for shot in shots if shot.status != 200 or shot.overflow > 0]
    for shot in wrong:
        print(f"look at {shot.file}: status {shot.status}, {shot.overflow} px too wide", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
