"""`make dev`: a change starts again whom it concerns; a mistake while editing ends nothing."""

import contextlib
import shutil
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from cftapp.local.reload import Changes, broken, concerned
from tests.support.stack import ROOT, Stack, wait_for

RUNNING = ["postgres", "redis", "modelserver", "web", "curator", "trainer", "beat", "sealer"]


def test_a_template_concerns_the_web_only():
    assert concerned([Path("templates/home.html")], RUNNING) == ["web"]


def test_python_concerns_everybody_with_django_the_web_first():
    assert concerned([Path("feedback/lanes.py")], RUNNING) == ["web", "beat", "curator", "sealer", "trainer"]


def test_the_model_server_has_its_engine_only():
    assert "modelserver" in concerned([Path("serving/engine/app.py")], RUNNING)
    assert "modelserver" not in concerned([Path("serving/actions.py")], RUNNING)


def test_who_does_not_run_is_not_concerned():
    assert concerned([Path("templates/home.html")], ["redis"]) == []


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("fine.py", b"x = 1\n", ""),
        ("wrong.py", b"x = 1\ny = = 2\n", "line 2: invalid syntax."),
        ("null.py", b"x = \x00\n", "null bytes"),
        ("page.html", b"{% if %}", ""),
    ],
)
def test_what_cannot_be_read_as_python_is_said_in_a_sentence(tmp_path, name, content, problem):
    (tmp_path / name).write_bytes(content)
    said = broken(tmp_path / name)
    assert problem in said and bool(said) is bool(problem)


def test_a_file_that_is_gone_is_not_broken(tmp_path):
    assert broken(tmp_path / "gone.py") == ""


def test_changes_of_code_and_templates_are_gathered(tmp_path):
    for name in ("feedback", "templates", "var"):
        (tmp_path / name).mkdir()
    stopping = threading.Event()
    changes, found = Changes(tmp_path, stopping), set[str]()

    def write() -> bool:
        for name in ("feedback/lanes.py", "feedback/notes.txt", "templates/home.html", "var/other.py"):
            (tmp_path / name).write_text("#")
        found.update(str(file.relative_to(tmp_path)) for file in changes.take())
        return len(found) == 2

    try:
        wait_for(write, 30, "the changes")
        assert found == {"feedback/lanes.py", "templates/home.html"}
    finally:
        stopping.set()


@pytest.fixture
def workbench(tmp_path: Path) -> Iterator[Stack]:
    """A copy of the code, run by `make dev`."""
    copy = tmp_path / "code"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "var", "tests", "bench", "docs"))
    stack = Stack(tmp_path / "var", copy, options=("--reload",), CFT_EMBEDDING_MODEL="off")
    try:
        yield stack.start().wait_ready(400)
    finally:
        stack.stop()


def page(stack: Stack) -> str:
    with urllib.request.urlopen(f"{stack.url}/accounts/login/", timeout=20) as answer:
        return answer.read().decode()


def serves(stack: Stack, text: str) -> bool:
    """Whether its page holds a text; between two processes there is no page."""
    with contextlib.suppress(OSError):
        return text in page(stack)
    return False


@pytest.mark.slow
def test_a_change_is_served_and_a_mistake_ends_nothing(workbench):
    pids, before = workbench.pids, page(workbench)
    template = workbench.root / "templates" / "registration" / "login.html"
    template.write_text(template.read_text().replace("{% endblock %}", "<p>from the bench</p>{% endblock %}"))
    wait_for(lambda: serves(workbench, "from the bench"), 90, "the changed page")
    wait_for(lambda: workbench.pids["web"] != pids["web"], 60, "the next web process")
    assert "from the bench" not in before and workbench.pids["curator"] == pids["curator"]

    module = workbench.root / "feedback" / "lanes.py"
    whole, pids = module.read_text(), workbench.pids
    module.write_text(whole + "\ndef broken(:\n")
    wait_for(lambda: "Nothing is reloaded until that is mended" in workbench.log.read_text(), 30, "the complaint")
    assert workbench.pids == pids and serves(workbench, "from the bench")

    module.write_text(whole + "\n")
    wait_for(lambda: workbench.pids["curator"] != pids["curator"], 60, "the next curator")
    wait_for(workbench.is_ready, 90, "readiness after the mend")
    assert workbench.pids["web"] != pids["web"]
    assert workbench.pids["postgres"] == pids["postgres"] and workbench.pids["modelserver"] == pids["modelserver"]


@pytest.mark.slow
def test_a_request_is_one_line_on_the_terminal_of_make_dev(workbench):
    before = len(workbench.log.read_text().splitlines())
    page(workbench)
    wait_for(lambda: "GET accounts/login/ 200 in" in workbench.log.read_text(), 20, "the request's line")
    said = [line for line in workbench.log.read_text().splitlines()[before:] if line.startswith("web")]
    assert len(said) == 1
