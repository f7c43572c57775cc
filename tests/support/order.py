"""What a test needs decides when and where it runs.

A test is `pure` that asks for no database, no service, no stack, no browser, starts no program, and is no engine's:
those load torch. The whole stack and the browser are one group: one worker of pytest-xdist runs it, first, and closes
both behind it, because Playwright's event loop stays in the thread.
"""

import re
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

DATABASE = {"services", "django_db_setup", "db", "transactional_db", "django_db_reset_sequences", "live_server"}
STACK = {"stack", "browser"}
IMPURE = ("django_db", "heavy", "slow")
ASKS_FOR_STACK = re.compile(r"\b(?:stack|browser|open_page|open_live|company)\b\s*[:,)]")
shared = ExitStack()  # holds what ends with the last test of that group


def needs_stack(item: pytest.Item) -> bool:
    return not STACK.isdisjoint(getattr(item, "fixturenames", ()))


def is_pure(item: pytest.Item) -> bool:
    marked = any(item.get_closest_marker(name) for name in IMPURE)
    asks = not (DATABASE | STACK).isdisjoint(getattr(item, "fixturenames", ()))
    return not (marked or asks or is_of_engine(item.path))


def is_of_engine(file: Path) -> bool:
    return file.parent.name == "engine"


def may_be_pure(file: Path) -> bool:
    """Whether a file can hold a pure test, by its text alone: importing one that cannot takes seconds."""
    if file.is_dir():
        return file.name != "engine"
    marks = re.search(r"^pytestmark = (.*)", file.read_text(), re.MULTILINE)
    return not (marks and re.search(rf"mark\.({'|'.join(IMPURE)})\b", marks[1]))


@cache
def is_of_stack(file: Path) -> bool:
    """Whether a file's tests ask for the stack or the browser, by its text: the scheduler sees nothing else."""
    return bool(ASKS_FOR_STACK.search(file.read_text()))


class ByFile(LoadFileScheduling):
    """A file's tests stay together, so what a module shares is made once; the stack's are together across files."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "the stack" if is_of_stack(self.config.rootpath / file) else file
