"""What a test needs decides when and where it runs.

A test is `pure` that asks for no database, no service, no stack, no browser, and starts no program. The whole stack and
the browser are one group: one worker of pytest-xdist runs it, first, and closes both behind it, because Playwright's
event loop stays in the thread.
"""

from contextlib import ExitStack

import pytest
from xdist.scheduler import LoadGroupScheduling

DATABASE = {"services", "django_db_setup", "db", "transactional_db", "django_db_reset_sequences", "live_server"}
STACK = {"stack", "browser"}
GROUP = "stack"
shared = ExitStack()  # holds what ends with the last test of that group


def needs_stack(item: pytest.Item) -> bool:
    return not STACK.isdisjoint(getattr(item, "fixturenames", ()))


def is_pure(item: pytest.Item) -> bool:
    impure = DATABASE | STACK
    marked = any(item.get_closest_marker(name) for name in ("django_db", "slow", "process"))
    return not marked and impure.isdisjoint(getattr(item, "fixturenames", ()))


class ByFile(LoadGroupScheduling):
    """A file's tests stay together, so what a module shares is made once; a group stays together across files."""

    def _split_scope(self, nodeid: str) -> str:
        scope = super()._split_scope(nodeid)
        return scope if scope != nodeid else nodeid.partition("::")[0]
