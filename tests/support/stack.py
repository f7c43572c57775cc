"""Fixtures of the running stack (every process of `make up`) and of the browser that looks at it."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from cftapp.accounts.demo import read_accounts
from cftapp.local.embedded import owner_environment
from tests.support.order import shared

ROOT = Path(__file__).resolve().parents[2]
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "USER")
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    with contextlib.ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def wait_for(condition: Callable[[], Any], patience: float, what: str) -> Any:
    """Poll until `condition()` is truthy and return that; fail the test with `what` when it never is."""
    deadline = time.monotonic() + patience
    while True:
        if result := condition():
            return result
        if time.monotonic() > deadline:
            pytest.fail(f"waited {patience:.0f} s in vain: {what}")
        time.sleep(0.1)


class Stack:
    """`make up` in a folder of its own. `log` is everything that it printed."""

    def __init__(self, var: Path, root: Path = ROOT, options: Sequence[str] = (), **environment: str):
        self.var, self.root, self.options = var, root, options
        self.port, self.model_port = free_ports(2)
        self.log = var.parent / f"{var.name}.log"
        self.extra = {"CFT_LABELLED_ITEMS": "5", **environment}  # few: the rest would take two minutes of CPU
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "Stack":
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        environment |= {"CFT_VAR": str(self.var), "CFT_PORT": str(self.port), "CFT_MODEL_PORT": str(self.model_port)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cftapp.local.up", "--with-parent", *self.options],
                cwd=self.root,
                env=environment | self.extra,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def wait_ready(self, patience: float = 180.0) -> "Stack":
        wait_for(lambda: self.record.get("ready") or self.has_ended(), patience, f"the stack; see {self.log}")
        assert not self.has_ended(), f"the stack ended while starting:\n{self.tail()}"
        return self

    def has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def tail(self, lines: int = 60) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    @property
    def record(self) -> dict[str, Any]:
        with contextlib.suppress(OSError, ValueError):
            return json.loads((self.var / "stack.json").read_text())
        return {}

    @property
    def pids(self) -> dict[str, int]:
        """Process name to number, as of now: web, curator, screener, trainer, evaluator, beat, sealer, ..."""
        return self.record["processes"]

    @property
    def accounts(self) -> dict[str, str]:
        """Role (which is the user name too) to password."""
        return read_accounts(self.var / "accounts.txt")

    def owner_environment(self) -> dict[str, str]:
        """What `manage.py` needs to act as the owner of this stack."""
        given = {name: os.environ[name] for name in KEPT if name in os.environ}
        return owner_environment({**given, "CFT_VAR": str(self.var)} | self.extra)

    def manage(self, *arguments: str) -> str:
        """Run manage.py as the owner of this stack; returns what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.root,
            env=self.owner_environment(),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def kill(self, name: str, by: signal.Signals = signal.SIGKILL) -> int:
        """Kill one process and wait until its number is gone; the supervisor starts it again by itself."""
        pid = self.pids[name]
        os.kill(pid, by)
        wait_for(lambda: not psutil.pid_exists(pid), 30, f"the end of {name}")
        return pid

    def restart(self, name: str) -> int:
        """Kill one process and wait for its successor; returns the new number."""
        old = self.kill(name)
        return wait_for(lambda: self.pids.get(name) != old and self.pids.get(name), 60, f"the next {name}")

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def everybody(self) -> list[psutil.Process]:
        """The keeper and all its descendants."""
        if self.process is None:
            return []
        try:
            keeper = psutil.Process(self.process.pid)
            return [keeper, *keeper.children(recursive=True)]
        except psutil.Error:
            return []

    def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Ask the stack to stop and return the keeper's exit status."""
        if self.process is None:
            return 0
        if not self.has_ended():
            self.process.send_signal(by)
        return self.process.wait(60)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The whole stack with its demo data, once a session. A test that breaks something mends it or starts its own."""
    yield shared.enter_context(running_stack())
    shared.close()


@contextlib.contextmanager
def running_stack() -> Iterator[Stack]:
    folder = Path(tempfile.mkdtemp(prefix="cft-stack-"))
    running = Stack(folder / "var")
    try:
        yield running.start().wait_ready()
    finally:
        running.stop()
        if not os.environ.get("CFT_TEST_KEEP"):
            shutil.rmtree(folder, ignore_errors=True)


def find_chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"):
        if path := shutil.which(name):
            return path
    pytest.fail("No Chromium or Chrome in PATH: the browser tests need one (Debian, Ubuntu: apt-get install chromium).")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Playwright's browser object on the system's Chromium. Its loop runs in this thread, so Django must not mind."""
    yield shared.enter_context(running_browser())
    shared.close()


@contextlib.contextmanager
def running_browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def open_page(browser: Any, stack: Stack) -> Iterator[Callable[..., Any]]:
    """`open_page()` is a visitor's page, `open_page("reviewer")` one that is signed in. Script errors fail it.

    Options go to `browser.new_context`, such as `color_scheme="dark"` or `java_script_enabled=False`.
    """
    contexts, complaints = [], []

    def open_one(role: str = "", **options: Any) -> Any:
        context = browser.new_context(base_url=stack.url, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"script error: {error}"))
        page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
        if role:
            page.goto("/accounts/login/")
            page.fill("[name=username]", role)
            page.fill("[name=password]", stack.accounts[role])
            page.press("[name=password]", "Enter")
            page.wait_for_url(lambda address: "/accounts/login" not in address)
        return page

    yield open_one
    for context in contexts:
        context.close()
    policy = [text for text in complaints if "script error" in text or "Content Security Policy" in text]
    assert not policy, policy
