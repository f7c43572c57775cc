"""A stack of its own for the demo and for benchmarks: start it fresh, wait until it is ready, be its owner."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 900.0  # on a machine that does much else, seconds become minutes


class Broken(Exception):
    """A stage did not do what it must."""


def start(var: Path) -> subprocess.Popen[bytes]:
    """A fresh stack on free ports, its output in a log file beside its folder."""
    shutil.rmtree(var, ignore_errors=True)
    var.mkdir(parents=True)
    os.environ |= {"CFT_VAR": str(var), "CFT_PORT": free_port(), "CFT_MODEL_PORT": free_port()}
    with open(f"{var}.log", "wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "cftapp.local.up", "--with-parent"],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def free_port() -> str:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def owner(
    var: Path, stack: subprocess.Popen[bytes], report: Callable[[str], None] = lambda stage: None
) -> dict[str, str]:
    """Wait until every process is ready; returns what the owner of the stack holds. `report` is told each stage."""
    from cftapp.local.embedded import owner_environment

    announced: list[str] = []

    def ready() -> bool:
        for stage in finished_stages(Path(f"{var}.log"))[len(announced) :]:
            report(stage)
            announced.append(stage)
        if stack.poll() is not None:
            raise Broken("the processes did not start.")
        record = var / "stack.json"
        return record.exists() and bool(json.loads(record.read_text() or "{}").get("ready"))

    wait_for(ready, "the processes to start")
    return owner_environment(os.environ)


def finished_stages(log: Path) -> list[str]:
    """`[2/7] migrating both databases … 1.2 s`, of each stage that a start has behind it."""
    return [
        line for line in log.read_text(errors="replace").splitlines() if line.startswith("[") and line.endswith(" s")
    ]


def wait_for(condition: Callable[[], T | None], what: str, pause: float = 0.3) -> T:
    """Poll until `condition()` is true and return it; Broken after fifteen minutes."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(pause)
    raise Broken(f"waited {PATIENCE:.0f} s in vain for {what}.")
