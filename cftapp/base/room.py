"""When a disk is full, nothing ends for good: requests are refused with a sentence, jobs wait until there is room."""

import errno
import shutil
from pathlib import Path

from psycopg.errors import DiskFull

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
LEAST = 32 * 2**20
"""Bytes that must be free before a job is begun: below, it would soon end in the middle."""
SENTENCE = "The disk is full. Nothing was changed; send the same again once there is room."


def is_full(problem: BaseException | None) -> bool:
    """Whether a full disk, ours or PostgreSQL's, is what an error comes from."""
    while problem is not None:
        if isinstance(problem, DiskFull) or (isinstance(problem, OSError) and problem.errno in NO_ROOM):
            return True
        problem = problem.__cause__ or problem.__context__
    return False


def left(folder: Path) -> bool:
    """Whether there is room on the disk that holds, or will hold, the folder."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    return shutil.disk_usage(there).free >= LEAST
