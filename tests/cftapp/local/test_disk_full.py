"""A disk that is full: nothing ends for good, who writes is told, and all goes on by itself once there is room."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.stack import Stack, wait_for

pytestmark = pytest.mark.heavy
ROOMY = "2g"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own, in memory; its size can be changed while it is in use."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={ROOMY}", "cft-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting is not permitted here: a small disk cannot be made")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def resize(disk: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)


def fill(disk: Path) -> None:
    """Leave no room: a tmpfs takes no size below what is used, so a file takes the rest."""
    resize(disk, str(shutil.disk_usage(disk).used + 8 * 2**20))
    with (disk / "filler").open("ab", buffering=0) as filler:
        for piece in (2**20, 4096):
            try:
                while filler.write(b"\0" * piece) == piece:
                    pass
            except OSError:
                continue


def ask(stack: Stack) -> httpx.Response:
    """A visitor's request that writes: a sign-in stores a session."""
    with httpx.Client(base_url=stack.url, timeout=60) as visitor:
        visitor.get("/accounts/login/")
        form = {"username": "engineer", "password": stack.accounts["engineer"]}
        return visitor.post("/accounts/login/", data={**form, "csrfmiddlewaretoken": visitor.cookies["csrftoken"]})


def refused(stack: Stack) -> httpx.Response | None:
    """The answer, once the database has no page left to write to."""
    answer = ask(stack)
    return answer if answer.status_code >= 500 else None


@pytest.mark.slow
def test_the_stack_stays_refuses_and_goes_on(disk: Path) -> None:
    stack = Stack(disk / "var", CFT_EMBEDDING_MODEL="off")
    stack.log = disk.parent / "stack.log"
    try:
        stack.start().wait_ready()
        before = stack.record
        assert ask(stack).status_code == 302
        fill(disk)
        answer = wait_for(lambda: refused(stack), 120, "a refusal")
        assert answer.status_code in (503, 507)
        assert "The disk is full" in answer.text or "does not answer at the moment" in answer.text
        assert not stack.is_ready()
        postgres = stack.pids["postgres"]
        stack.kill("postgres")  # what starts again has to wait for room, and does
        wait_for(lambda: "trying again in" in stack.tail() or "starting it again" in stack.tail(), 60, "an attempt")
        assert not stack.has_ended(), stack.tail()
        (disk / "filler").unlink()
        resize(disk, ROOMY)
        wait_for(stack.is_ready, 300, "readiness once there is room")
        assert ask(stack).status_code == 302
        assert stack.record["supervisor"] == before["supervisor"]
        assert stack.pids["postgres"] != postgres
        assert "The log verifies" in stack.manage("verify_log")
    finally:
        stack.stop()
