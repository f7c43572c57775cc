"""What a process says is kept in its file; a person sees errors, or everything if that was asked for."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cftapp.local import output
from cftapp.local.output import Output, is_about_error
from cftapp.local.stages import ALL, MARK, MIGRATING, SERVICES, Stages

INFO = "2026-11-29T23:10:07Z [info     ] GET triage/ 200 in 12.1 ms"
ERROR = "2026-11-29T23:10:07Z [error    ] the queue is gone"


@pytest.fixture
def output_to() -> Iterator[Callable[..., Output]]:
    """`output_to(folder)`: an Output without colours, whose files are closed afterwards."""
    made: list[Output] = []

    def make(logs: Path | None, **options: Any) -> Output:
        made.append(Output(logs, coloured=False, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def shown(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_a_line_goes_into_the_file_of_its_process(output_to, tmp_path, capsys):
    terminal = output_to(tmp_path / "logs")
    terminal.write("web", INFO)
    terminal.write("curator", "a task")
    assert (tmp_path / "logs" / "web.log").read_text() == INFO + "\n"
    assert (tmp_path / "logs" / "curator.log").read_text() == "a task\n"
    assert shown(capsys) == []
    assert (tmp_path / "logs").stat().st_mode & 0o077 == 0


def test_an_error_is_shown_as_well(output_to, tmp_path, capsys):
    output_to(tmp_path / "logs").write("web", ERROR, is_error=True)
    assert shown(capsys) == [f"web         | {ERROR}"]
    assert ERROR in (tmp_path / "logs" / "web.log").read_text()


def test_asked_for_every_line_is_on_the_terminal_and_in_no_file(output_to, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output_to(None).write("web", INFO)
    assert shown(capsys) == [f"web         | {INFO}"]
    assert list(tmp_path.iterdir()) == []


def test_a_process_to_be_seen_is_shown_and_kept(output_to, tmp_path, capsys):
    output_to(tmp_path / "logs", seen={"web"}).write("web", INFO)
    assert shown(capsys) == [f"web         | {INFO}"]
    assert (tmp_path / "logs" / "web.log").exists()


def test_a_file_that_has_grown_long_is_put_aside(output_to, tmp_path, monkeypatch):
    monkeypatch.setattr(output, "FILE_SIZE", 1_000)
    terminal = output_to(tmp_path / "logs")
    for number in range(200):
        terminal.write("web", f"line {number:>50}")
    files = sorted(file.name for file in (tmp_path / "logs").iterdir())
    assert files == ["web.log", "web.log.1", "web.log.2", "web.log.3"]
    assert all(file.stat().st_size <= 1_000 for file in (tmp_path / "logs").iterdir())
    assert (tmp_path / "logs" / "web.log").read_text().endswith(f"line {199:>50}\n")


def test_the_last_lines_of_a_process_that_ended_are_shown_once(output_to, tmp_path, capsys):
    terminal = output_to(tmp_path / "logs")
    for number in range(20):
        terminal.write("beat", f"line {number}")
    terminal.show_last("beat")
    assert shown(capsys) == [f"beat        | line {number}" for number in range(12, 20)]
    terminal.show_last("beat")
    assert shown(capsys) == []


def test_a_warning_that_is_none_here_is_not_shown(output_to, tmp_path, capsys):
    output_to(None).write("redis", "1:M # WARNING Memory overcommit must be enabled! Without it, ...")
    assert shown(capsys) == []


@pytest.mark.parametrize(
    ("line", "before", "expected"),
    [
        (INFO, False, False),
        (ERROR, False, True),
        ("Traceback (most recent call last):", False, True),
        ('  File "x.py", line 3, in <module>', True, True),
        ('  File "x.py", line 3, in <module>', False, False),
        (INFO, True, False),
        ('FATAL:  password authentication failed for user "cft_web"', False, True),
        ("INFO:     Started server process", True, False),
        (json.dumps({"event": "broken", "level": "error"}), False, True),
        (json.dumps({"event": "well", "level": "info"}), True, False),
        ("{no json", False, False),
        ("errors were found: none", False, False),
    ],
)
def test_an_error_is_told_by_its_level_or_follows_one(line, before, expected):
    assert is_about_error(line, before) is expected


@pytest.mark.heavy
def test_a_process_is_followed_to_its_end_and_may_be_heard(output_to, tmp_path, capsys):
    program = f"print({MARK + 'baking'!r}); print('flour'); raise SystemExit('Traceback (most recent call last):')"
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={"PYTHONUNBUFFERED": "1"}
    )
    heard: list[str] = []

    def hear(line: str) -> bool:
        heard.append(line)
        return line.startswith(MARK)

    output_to(tmp_path / "logs").copy("prepare", process, hear)
    assert heard[0] == "stage: baking" and "flour" in heard
    assert (tmp_path / "logs" / "prepare.log").read_text().splitlines() == heard[1:]
    assert shown(capsys) == ["prepare     | Traceback (most recent call last):"]
    process.wait(10)


# --- stages -----------------------------------------------------------------------------------------------------------
def seconds_removed(lines: list[str]) -> list[str]:
    assert all(line.endswith(" s") for line in lines)
    return [line.rsplit(" ", 2)[0] for line in lines]


def test_stages_are_counted_and_timed(output_to, capsys):
    stages = Stages(output_to(None))
    stages.begin(SERVICES)
    assert stages.hear(MARK + MIGRATING)
    stages.end()
    stages.end()
    count = len(ALL)
    assert seconds_removed(shown(capsys)) == [f"[1/{count}] {SERVICES} …", f"[2/{count}] {MIGRATING} …"]


def test_a_stage_is_on_the_terminal_before_it_ends(output_to, capsys):
    Stages(output_to(None)).begin(SERVICES)
    assert capsys.readouterr().out == f"[1/{len(ALL)}] {SERVICES} … "


def test_a_stage_that_an_error_interrupts_is_named_again(output_to, tmp_path, capsys):
    terminal = output_to(tmp_path / "logs")
    stages = Stages(terminal)
    stages.begin(SERVICES)
    terminal.write("postgres", "FATAL:  no", is_error=True)
    stages.end()
    begun, error, ended = shown(capsys)
    assert begun.strip() == f"[1/{len(ALL)}] {SERVICES} …" and error == "postgres    | FATAL:  no"
    assert seconds_removed([ended]) == [begun.strip()]


def test_other_lines_name_no_stage(output_to, capsys):
    stages = Stages(output_to(None))
    assert not stages.hear("default: 7 roles may connect")
    assert shown(capsys) == []


@pytest.mark.heavy
def test_a_place_for_logs_that_is_none_is_refused_in_a_sentence(tmp_path):
    given = {"CFT_VAR": str(tmp_path), "CFT_LOGS": "printer"}
    command = [sys.executable, "-m", "cftapp.local.supervisor"]
    done = subprocess.run(command, cwd=Path(output.__file__).parents[2], env=given, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("CFT_LOGS is 'printer': set it to files or terminal") and done.stderr.count("\n") == 1
