"""`python -m cftapp.base.leash PARENT_PID COMMAND…`: become COMMAND, and die when the parent does.

Linux only keeps the promise (PR_SET_PDEATHSIG); elsewhere the lock on the run folder still keeps a second engine out.
Runs before the engine, in its process, so that no code runs between fork and exec of a worker that has threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
ORPHANED = 71


def tie_to(parent: int) -> None:
    """Ask the kernel for SIGKILL at the parent's death; leave at once where it has died already."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(ORPHANED)


def main() -> None:
    tie_to(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
