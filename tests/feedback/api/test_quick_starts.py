"""The quick starts of docs/api.md, run as they stand there against a running stack."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright._impl._driver import compute_driver_executable

from tests.support.company import Company
from tests.support.stack import ROOT, Stack

BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE | re.DOTALL)
# In both lanes alike: user-17 may be held out, by this stack's key.
RECORDED = """SELECT i.external_id FROM feedback_receipt r JOIN feedback_interaction i ON i.id = r.interaction_id
    WHERE r.kind = 'correction'"""


def code(language: str) -> list[str]:
    return [text for name, text in BLOCKS if name == language]


@pytest.fixture(scope="module")
def environment(company: Company, stack: Stack) -> dict[str, str]:
    key = company.api.headers["Authorization"].removeprefix("Bearer ")
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "CFT_URL": stack.url, "CFT_KEY": key}


def run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_language_has_a_quick_start() -> None:
    assert {name for name, _ in BLOCKS} == {"sh", "python", "js"}


def test_curl(company: Company, environment: dict[str, str]) -> None:
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    for number, text in enumerate(code("sh"), 1):
        run(["sh", "-ec", text], environment)
        assert (f"curl-{number}",) in company.ask(RECORDED)


@pytest.mark.parametrize("text", code("python"))
def test_python(company: Company, environment: dict[str, str], text: str) -> None:
    assert run([sys.executable, "-c", text], environment).strip()
    if "corrections" in text:
        assert ("python-1",) in company.ask(RECORDED)


def test_javascript(company: Company, environment: dict[str, str], tmp_path: Path) -> None:
    node, _ = compute_driver_executable()
    script = tmp_path / "quick.mjs"
    script.write_text(code("js")[0])
    run([str(node), str(script)], environment)
    assert ("js-1",) in company.ask(RECORDED)
