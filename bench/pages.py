"""Weight, requests and queries of every page that a role can reach, on a stack that has gone through the whole loop.

    python -m bench.pages [--out FILE.json]

Weight is what Chromium loads with an empty cache: page, style, script, icon. Queries are the statements that the page's
view runs, session and account included. Exit status 1 if a page weighs over 60 kB or takes over 12 queries.
"""

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.screens import VISITOR, Camera, find_pages, read_accounts, shape
from cftapp.local.demo import stack as demo

MOST_KILOBYTES, MOST_QUERIES = 60.0, 12
TRANSACTION = re.compile(r"(BEGIN|COMMIT|SAVEPOINT|RELEASE|ROLLBACK)")


@dataclass(frozen=True)
class Page:
    role: str
    page: str
    kilobytes: float
    requests: int
    queries: int


def weigh(url: str, accounts: dict[str, str]) -> dict[tuple[str, str], tuple[float, int]]:
    """(role, path) to kilobytes and requests, in a browser."""
    from playwright.sync_api import sync_playwright

    weights = {}
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for role, password in accounts.items():
            camera = Camera(browser, url, role, password, "light", "desk")
            for path in find_pages(camera, 60):
                camera.bytes = camera.requests = 0
                camera.page.goto(path, wait_until="load")
                camera.page.wait_for_timeout(150)
                weights[role, path] = (camera.bytes / 1000, camera.requests)
            camera.context.close()
        browser.close()
    return weights


def count_queries(role: str, path: str) -> int:
    """Statements of one request, by the same code in this process."""
    from django.contrib.auth.models import User
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(headers={"host": "127.0.0.1"})
    if role != VISITOR:
        client.force_login(User.objects.get(username=role))
    client.get(path)
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return sum(not TRANSACTION.match(query["sql"]) for query in captured)


def measure(var: Path) -> list[Page]:
    """Start a stack, walk the loop, and look at every page."""
    os.environ["CFT_LOG_LEVEL"] = "WARNING"
    stack = demo.start(var)
    try:
        os.environ.update(demo.owner(var, stack) | {"DJANGO_SETTINGS_MODULE": "cftapp.settings"})
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's loop runs in this thread
        import django

        django.setup()
        from cftapp.local.demo.walk import walk

        url = f"http://127.0.0.1:{os.environ['CFT_PORT']}"
        walk(url)
        weights = weigh(url, {VISITOR: ""} | read_accounts(var / "accounts.txt"))
        return [Page(role, path, *weight, count_queries(role, path)) for (role, path), weight in weights.items()]
    finally:
        stack.terminate()
        stack.wait(60)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", help="write the figures here as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cft-bench-") as folder:
        os.chmod(folder, 0o755)  # an embedded PostgreSQL started by root runs as another user
        pages = measure(Path(folder) / "var")
    print(f"\n{'page (as seen by the role that loads most)':<52}{'role':<12}{'kB':>6}{'requests':>10}{'queries':>9}")
    worst: dict[str, Page] = {}
    for page in sorted(pages, key=lambda page: (page.queries, page.kilobytes)):
        worst[shape(page.page)] = page
    for name, page in sorted(worst.items()):
        print(f"{name[:51]:<52}{page.role:<12}{page.kilobytes:>6.1f}{page.requests:>10}{page.queries:>9}")
    over = [page for page in pages if page.kilobytes > MOST_KILOBYTES or page.queries > MOST_QUERIES]
    heaviest, busiest = max(pages, key=lambda page: page.kilobytes), max(pages, key=lambda page: page.queries)
    most = f"most: {heaviest.kilobytes:.1f} kB, {busiest.queries} queries"
    print(f"\n{len(pages)} pages; {most}; over the limits: {len(over)}")
    if arguments.out:
        Path(arguments.out).write_text(json.dumps([asdict(page) for page in pages], indent=1) + "\n")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
