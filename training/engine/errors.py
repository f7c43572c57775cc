"""How an engine refuses: one exception with field, message and remedy, printed as one JSON line on stderr.

Exit codes of the engines: 0 finished, 2 refused (bad input), 3 the numbers diverged, 4 the disk is full,
75 stopped by SIGTERM after a checkpoint (start again to resume).
"""

import errno
import json
import sys
from contextlib import suppress
from typing import NoReturn

REFUSED, DIVERGED, DISK_FULL, STOPPED = 2, 3, 4, 75
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class EngineError(Exception):
    """A run that cannot go on; `field` is the path of what is wrong, such as `recipe.lr`."""

    def __init__(self, field: str, message: str, remedy: str, code: int = REFUSED):
        super().__init__(f"{field}: {message} {remedy}")
        self.field, self.message, self.remedy, self.code = field, message, remedy, code

    def as_json(self) -> str:
        return json.dumps({"error": {"field": self.field, "message": self.message, "remedy": self.remedy}})


def no_room(where: str, cause: OSError) -> EngineError:
    """The error for a write that found no room; other kinds of OSError are raised as they are."""
    if cause.errno not in NO_ROOM:
        raise cause
    return EngineError("disk", f"No room to write {where}.", "Free some space, then start again.", DISK_FULL)


def leave(error: EngineError) -> NoReturn:
    print(error.as_json(), file=sys.stderr, flush=True)
    sys.exit(error.code)


def refusal_in(log: str) -> str:
    """The error that an engine printed last, as a sentence; empty where its log holds none."""
    for line in reversed(log.splitlines()):
        if line.lstrip().startswith('{"error"'):
            with suppress(ValueError, KeyError, TypeError):
                error = json.loads(line)["error"]
                return f"{error['field']}: {error['message']} {error['remedy']}".strip()
    return ""
