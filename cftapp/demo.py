"""`make demo`: the loop without a browser, on the sample data, to a verdict. Fails if an invariant does not hold.

Starts a stack of its own under `var/demo`, real in every part; this process does what the people would do.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
PATIENCE = 420.0


class Broken(Exception):
    """A stage did not do what it must."""


def main() -> int:
    """Run it; 0 if every stage and every invariant held."""
    from cftapp.embedded import Unusable, default_var

    var = default_var(os.environ) / "demo"
    started = time.monotonic()
    stack = start(var)
    try:
        os.environ.update(owner(var, stack) | {"DJANGO_SETTINGS_MODULE": "cftapp.settings"})
        import django

        django.setup()
        from cftapp.demo_walk import walk

        walk(f"http://127.0.0.1:{os.environ['CFT_PORT']}")
    except (Broken, Unusable) as problem:
        print(f"\nThe demo failed: {problem}\nThe log of its processes: {var}.log", file=sys.stderr)
        return 1
    finally:
        stack.terminate()
        stack.wait(60)
    print(f"\nThe loop is closed, every invariant held: {time.monotonic() - started:.0f} s in all.")
    return 0


def start(var: Path) -> subprocess.Popen[bytes]:
    """A fresh stack on free ports, its output in a log file beside its folder."""
    shutil.rmtree(var, ignore_errors=True)
    var.mkdir(parents=True)
    os.environ |= {"CFT_VAR": str(var), "CFT_PORT": free_port(), "CFT_MODEL_PORT": free_port()}
    with open(f"{var}.log", "wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "cftapp.up", "--with-parent"],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def free_port() -> str:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def owner(var: Path, stack: subprocess.Popen[bytes]) -> dict[str, str]:
    """Wait until every process is ready; returns what the owner of the stack holds."""
    from cftapp.embedded import owner_environment

    def ready() -> bool:
        if stack.poll() is not None:
            raise Broken("the processes did not start.")
        record = var / "stack.json"
        return record.exists() and bool(json.loads(record.read_text() or "{}").get("ready"))

    wait_for(ready, "the processes to start")
    return owner_environment(os.environ)


def wait_for(condition: Callable[[], T | None], what: str, pause: float = 0.3) -> T:
    """Poll until `condition()` is true and return it; Broken after seven minutes."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(pause)
    raise Broken(f"waited {PATIENCE:.0f} s in vain for {what}.")


def say(stage: str, *lines: Any) -> None:
    """One stage's report."""
    print(f"\n{stage}", *(f"  {line}" for line in lines), sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
