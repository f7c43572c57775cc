"""An engine works on a job in a process of its own: files in, files out, no credential and no database.

    with jobs.Lease(job) as lease, engines.lock_folder(folder) as lock:
        process = engines.spawn(argv, folder, engines.environment(folder), lock)
        ending = engines.watch(process, lease, follow)                        # ended, cancelled, closing or lost

It leaves no process behind: it dies with its worker, and alone holds its folder.
"""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path

from django.conf import settings

from cftapp.base.jobs import Lease

GRACE_SECONDS = 30.0
LOCK_FILE = "engine.lock"
LOG_FILE = "engine.log"
STOPPED = 75
"""Exit status of an engine that was asked to stop and wrote a checkpoint (EX_TEMPFAIL)."""
PASSED_ON = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "OMP_WAIT_POLICY",
    "CUDA_VISIBLE_DEVICES",
    "LD_LIBRARY_PATH",
    "NVIDIA_VISIBLE_DEVICES",
)

closing = threading.Event()
"""Set when this worker is asked to leave: engines write a checkpoint and their jobs go back to the queue."""


class FolderInUse(Exception):
    """An engine that was started earlier still works in this folder."""


class Ending(Enum):
    ENDED = "ended"
    CANCELLED = "cancelled"
    CLOSING = "closing"
    LOST = "lost"


def environment(folder: Path, *, threads: int = 1) -> dict[str, str]:
    """All that an engine gets to know: where Python lies and how many threads to use. No credential, no address."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    hub = os.environ.get("HF_HOME") or str(Path.home() / ".cache" / "huggingface")
    return passed | {
        "HOME": str(folder),
        "HF_HOME": hub,
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONPATH": str(settings.BASE_DIR),
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@contextmanager
def lock_folder(folder: Path, *, wait: float = 10.0) -> Iterator[int]:
    """Keep every other engine out of the folder; yields the lock's descriptor, which the engine inherits.

    So the lock lasts as long as either of the two lives. Raises FolderInUse after `wait` seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + wait
        while not _try_lock(lock):
            if time.monotonic() > deadline:
                raise FolderInUse(f"An engine still works in {folder.name}.")
            time.sleep(0.1)
        yield lock
    finally:
        os.close(lock)


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def spawn(argv: Sequence[str], folder: Path, environment: dict[str, str], lock: int) -> "subprocess.Popen[bytes]":
    """Start an engine in the folder, in its own session, on a leash to this thread; output goes to engine.log.

    The kernel ties the leash to the thread that starts the engine: that thread must also `watch` it.
    """
    command = [sys.executable, "-m", "cftapp.base.leash", str(os.getpid()), *argv]
    with (folder / LOG_FILE).open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(lock,),
        )


def watch(
    process: "subprocess.Popen[bytes]",
    lease: Lease,
    follow: Callable[[], object] = lambda: None,
    *,
    every: float = 0.5,
    grace: float = GRACE_SECONDS,
) -> Ending:
    """Wait for the engine, calling `follow` meanwhile and once at its end.

    A cancel flag or a closing worker: SIGTERM, `grace` seconds for a checkpoint, SIGKILL to the group. A lost lease, or
    an error in `follow`: SIGKILL at once.
    """
    try:
        while process.poll() is None:
            if lease.lost.is_set():
                return Ending.LOST
            if lease.cancelled.is_set() or closing.is_set():
                ending = Ending.CANCELLED if lease.cancelled.is_set() else Ending.CLOSING
                terminate(process, grace)
                follow()
                return ending
            follow()
            lease.lost.wait(every)
        follow()
        return Ending.LOST if lease.lost.is_set() else Ending.ENDED
    finally:
        kill_group(process)


def terminate(process: "subprocess.Popen[bytes]", grace: float) -> None:
    """Ask the engine to stop, and wait for it, but not for ever."""
    process.terminate()
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        kill_group(process)


def kill_group(process: "subprocess.Popen[bytes]") -> None:
    """Leave no process of the engine's session behind."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
