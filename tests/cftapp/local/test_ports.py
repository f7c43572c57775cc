"""A port that is none is refused in one sentence, before anything starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stack import ROOT

pytestmark = pytest.mark.heavy


@pytest.mark.parametrize("text", ["abc", "99999", "0", "-1"])
@pytest.mark.parametrize("variable", ["CFT_PORT", "CFT_MODEL_PORT"])
def test_it_is_refused_in_a_sentence(tmp_path: Path, variable: str, text: str) -> None:
    given = {"PATH": os.environ["PATH"], "CFT_VAR": str(tmp_path / "var"), variable: text}
    command = [sys.executable, "-m", "cftapp.local.supervisor"]
    done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{variable} is {text!r}: set it to a port from 1 to 65535")
    assert done.stderr.count("\n") == 1
