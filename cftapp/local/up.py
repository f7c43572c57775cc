"""`make up`: one stack per CFT_VAR. This process keeps the supervisor and, whatever ends it, leaves nothing behind.

Tree: keeper (this, idle) > supervisor > everything else. Ctrl-C and SIGTERM are passed on for an orderly stop. A
supervisor that is killed hands its children to the keeper, which ends them; a keeper that is killed takes the
supervisor with it, in order. The lock on CFT_VAR is held by both, so a second start waits for nobody's remains.
"""

import argparse
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from cftapp.local.embedded import Unusable, check_space, default_var
from cftapp.local.unprivileged import PR_SET_CHILD_SUBREAPER, die_with_parent, prctl

GRACE = 8.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m cftapp.local.up", description="Start every process of cftapp.")
    parser.add_argument("--with-parent", action="store_true", help="end when the process that started this one ends")
    parser.add_argument("--reload", action="store_true", help="start web and workers again when a file changes")
    arguments = parser.parse_args()
    if arguments.with_parent:
        die_with_parent(os.getppid())
    var = default_var(os.environ)
    try:
        check_space(var)
        lock = take_lock(var)
    except (Unusable, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1
    return keep(var, lock, ["--reload"] if arguments.reload else [])


def take_lock(var: Path) -> int:
    """Hold `var/up.lock` for as long as any of us lives. The remains of a killed run get a few seconds to end."""
    descriptor = os.open(var / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + 3
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Unusable(already_running(var)) from None
            time.sleep(0.1)


def already_running(var: Path) -> str:
    where = "still starting or stopping"
    with contextlib.suppress(OSError, ValueError, KeyError):
        stack = json.loads((var / "stack.json").read_text())
        where = f"{stack['url']}, process {stack['keeper']}"
    return (
        f"cftapp already runs with the folder {var} ({where}): use that one, stop it with Ctrl-C, "
        "or set CFT_VAR and CFT_PORT to start another."
    )


def keep(var: Path, lock: int, options: Sequence[str] = ()) -> int:
    """Run the supervisor, pass signals on, and end whatever it leaves; returns its status."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    (var / "stack.json").unlink(missing_ok=True)
    parent = os.getpid()
    supervisor = subprocess.Popen(
        [sys.executable, "-m", "cftapp.local.supervisor", *options],
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "CFT_VAR": str(var.resolve())},
        start_new_session=True,
        pass_fds=(lock,),
        preexec_fn=lambda: die_with_parent(parent),
    )
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: supervisor.terminate())
    status = supervisor.wait()
    sweep(recorded(var))
    (var / "stack.json").unlink(missing_ok=True)
    return status if status >= 0 else 128 - status


def recorded(var: Path) -> list[psutil.Process]:
    """Processes of the record that a killed supervisor left (where the kernel does not hand them to us)."""
    processes = []
    with contextlib.suppress(OSError, ValueError, KeyError):
        stack = json.loads((var / "stack.json").read_text())
        written = (var / "stack.json").stat().st_mtime
        for pid in stack["processes"].values():
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                if process.create_time() <= written + 1 and process.username():
                    processes.append(process)
    return processes


def sweep(known: list[psutil.Process]) -> None:
    """End every descendant: PostgreSQL by a fast shutdown, the rest by SIGTERM, and what stays by SIGKILL."""
    left = list({process.pid: process for process in [*known, *psutil.Process().children(recursive=True)]}.values())
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGINT if process.name() == "postgres" else signal.SIGTERM)
    _, stubborn = psutil.wait_procs(left, timeout=GRACE)
    for process in stubborn:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(stubborn, timeout=5)


if __name__ == "__main__":
    sys.exit(main())
