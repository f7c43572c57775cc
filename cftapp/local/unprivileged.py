"""Running PostgreSQL when we are root: it refuses root, so it runs as an account of its own.

That account must reach the program and the data folder. Where a folder above them is closed to others (`/root` is),
the process keeps one capability, CAP_DAC_READ_SEARCH: it may pass and read, not write.
"""

import ctypes
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

CAP_DAC_READ_SEARCH = 2
CAPABILITY_VERSION_3 = 0x20080522
PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_SET_CHILD_SUBREAPER = 1, 8, 36
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2

on_linux = sys.platform.startswith("linux")
libc = ctypes.CDLL(None, use_errno=True) if on_linux else None


def prctl(*arguments: int) -> None:
    """Linux's prctl(2); elsewhere nothing. Raises OSError with the kernel's reason."""
    if libc is None:
        return
    padded = [*arguments, 0, 0, 0, 0][:5]
    if libc.prctl(*[ctypes.c_ulong(argument) for argument in padded]):
        number = ctypes.get_errno()
        raise OSError(number, f"prctl{arguments}: {os.strerror(number)}")


def die_with_parent(parent: int, by: signal.Signals = signal.SIGTERM) -> None:
    """In a fresh child: get `by` when the parent dies; leave at once if it already has."""
    prctl(PR_SET_PDEATHSIG, by)
    if on_linux and os.getppid() != parent:
        os._exit(1)


def database_account() -> pwd.struct_passwd | None:
    """Whom PostgreSQL runs as when we are root (an existing account, or a new system account); None otherwise."""
    if os.geteuid() != 0:
        return None
    if not find_account("cftapp") and (useradd := shutil.which("useradd")):
        subprocess.run([useradd, "--system", "--no-create-home", "cftapp"], check=False, capture_output=True)
    account = find_account("cftapp") or find_account("postgres") or find_account("nobody")
    if account is None:
        raise RuntimeError(
            "PostgreSQL refuses to run as root: create an account for it with `useradd --system cftapp`."
        )
    return account


def find_account(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def is_open_to_others(path: Path) -> bool:
    """Whether an unrelated account can pass through every folder above `path`."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents)


def become(account: pwd.struct_passwd | None, *, keep_reading: bool) -> Callable[[], None]:
    """A function for the child, before exec: give up root for `account`."""
    if account is None:
        return lambda: None
    uid, gid = account.pw_uid, account.pw_gid

    def drop() -> None:
        if keep_reading:
            prctl(PR_SET_KEEPCAPS, 1)
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        if keep_reading:
            keep_capability(CAP_DAC_READ_SEARCH)
        os.umask(0o077)

    return drop


def keep_capability(number: int) -> None:
    """Hold one capability across exec (capset(2), then the ambient set)."""
    if libc is None:
        return
    bit = 1 << number
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)  # effective, permitted, inheritable; low then high words
    if libc.capset(header, sets):
        number = ctypes.get_errno()
        raise OSError(number, f"capset: {os.strerror(number)}")
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH)
