"""One managed process: how it starts, when it starts again after a crash, and how it ends."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from cftapp.local.output import Output
from cftapp.local.unprivileged import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
FIRST_PAUSE, LONGEST_PAUSE, STEADY_AFTER = 1.0, 30.0, 30.0


class Child:
    """One managed process: its command, how to stop it, and when to start it again after a crash."""

    def __init__(
        self,
        name: str,
        command: list[str],
        environment: Mapping[str, str],
        *,
        folder: Path = ROOT,
        stop_signal: signal.Signals = signal.SIGTERM,
        before_start: Callable[[], None] = lambda: None,
        before_exec: Callable[[], None] = lambda: None,
        hear: Callable[[str], bool] | None = None,
    ):
        self.name, self.command, self.environment, self.folder = name, command, dict(environment), folder
        self.stop_signal, self.before_start, self.before_exec = stop_signal, before_start, before_exec
        self.hear = hear
        self.process: subprocess.Popen[bytes] | None = None
        self.started = self.due = 0.0
        self.pause = FIRST_PAUSE

    def start(self, output: Output) -> None:
        self.started = time.monotonic()
        self.before_start()
        parent = os.getpid()

        def prepare_child() -> None:
            self.before_exec()  # first: giving up root clears the death signal
            die_with_parent(parent, self.stop_signal)

        self.process = subprocess.Popen(
            self.command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=prepare_child,
        )
        output.follow(self.name, self.process, self.hear)

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start_soon(self) -> None:
        """Forget earlier crashes: it is due now."""
        self.pause, self.due = FIRST_PAUSE, time.monotonic()

    def schedule(self) -> float:
        """Set the time of the next start; returns the pause in seconds. A steady process starts from one second."""
        if time.monotonic() - self.started > STEADY_AFTER:
            self.pause = FIRST_PAUSE
        pause, self.pause = self.pause, min(self.pause * 2, LONGEST_PAUSE)
        self.due = time.monotonic() + pause
        return pause

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.is_running():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number) if number == signal.SIGKILL else self.process.send_signal(number)

    def wait(self, patience: float) -> bool:
        if self.process is None:
            return True
        try:
            self.process.wait(max(patience, 0.01))
        except subprocess.TimeoutExpired:
            return False
        return True


def stop_children(children: list[Child], grace: float) -> None:
    """Ask all, wait together, then kill the groups of those that stay."""
    for child in children:
        child.signal(child.stop_signal)
    deadline = time.monotonic() + grace
    for child in children:
        if not child.wait(deadline - time.monotonic()):
            child.signal(signal.SIGKILL)
            child.wait(5)
