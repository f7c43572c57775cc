"""What the processes say: into a file each under `CFT_VAR/logs`, and on the terminal what a person must know.

On the terminal: stages of the start, addresses, restarts, and every error. `CFT_LOGS=terminal` shows all lines there.
"""

import contextlib
import json
import logging
import re
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Set
from logging.handlers import RotatingFileHandler
from pathlib import Path

COLOURS = (36, 33, 35, 32, 34, 96, 93, 95, 92, 94, 91)
FILE_SIZE, OLD_FILES = 10 * 2**20, 3
LAST_LINES = 8

ERROR = re.compile(
    r"^Traceback |\[(error|critical)\s*\]|^(ERROR|CRITICAL|FATAL|PANIC)\b"  # a traceback, structlog, others
)
STRUCTURED = re.compile(r"^\d{4}-\d\d-\d\dT\S+ \[|^(DEBUG|INFO|WARNING)\b")
# Valkey only appends to its file here: it makes no background save that could lack memory.
NO_NEWS = re.compile(r"Memory overcommit must be enabled")


class LogFile(RotatingFileHandler):
    """A full disk costs lines, not the process that wrote them."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base class names it
        """Said nowhere: the terminal has its own copy of what a person must know."""


class Output:
    """Lines of every process, each with the name of its process, in its colour on a terminal.

    `logs`: the folder of their files; None shows every line on the terminal instead. `seen`: whose lines are shown
    on the terminal as well.
    """

    def __init__(self, logs: Path | None, coloured: bool, seen: Set[str] = frozenset()):
        self.logs, self.coloured, self.seen = logs, coloured, seen
        self.lock, self.names = threading.Lock(), list[str]()
        self.files: dict[str, LogFile] = {}
        self.unseen: dict[str, deque[str]] = {}
        self.readers: dict[str, threading.Thread] = {}
        self.is_open_line = False

    # --- processes ------------------------------------------------------------------------------------------------

    def follow(self, name: str, process: subprocess.Popen[bytes], hear: Callable[[str], bool] | None = None) -> None:
        """Pass on what a process says until it ends. `hear` may keep a line for itself by answering True."""
        self.readers[name] = threading.Thread(target=self.copy, args=(name, process, hear), daemon=True)
        self.readers[name].start()

    def copy(self, name: str, process: subprocess.Popen[bytes], hear: Callable[[str], bool] | None) -> None:
        assert process.stdout is not None
        is_error = False
        with process.stdout:
            for raw in process.stdout:
                line = raw.rstrip(b"\n").decode(errors="replace")
                if not (hear and hear(line)):
                    is_error = is_about_error(line, is_error)
                    self.write(name, line, is_error)

    def write(self, name: str, line: str, is_error: bool = False) -> None:
        """Keep a line of a process, and show it if it is an error or everything is to be seen."""
        with self.lock:
            if self.logs is not None:
                self.file(name).emit(logging.makeLogRecord({"msg": line}))
            if (self.logs is None or is_error or name in self.seen) and not NO_NEWS.search(line):
                self.show(f"{self.prefix(name)} {line}")
            elif line.strip():
                self.unseen.setdefault(name, deque(maxlen=LAST_LINES)).append(line)

    def show_last(self, name: str) -> None:
        """The last lines of a process, where they were not to be seen yet: all of them if it has ended."""
        if reader := self.readers.get(name):
            reader.join(1)
        with self.lock:
            for line in self.unseen.pop(name, ()):
                if not NO_NEWS.search(line):
                    self.show(f"{self.prefix(name)} {line}")

    def file(self, name: str) -> RotatingFileHandler:
        if name not in self.files:
            assert self.logs is not None
            with contextlib.suppress(OSError):
                self.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = self.logs / f"{name}.log"
            self.files[name] = LogFile(file, maxBytes=FILE_SIZE, backupCount=OLD_FILES, delay=True)
        return self.files[name]

    def close(self) -> None:
        with self.lock:
            for file in self.files.values():
                file.close()
            self.files.clear()

    def prefix(self, name: str) -> str:
        if name not in self.names:
            self.names.append(name)
        text = f"{name:<11} |"
        return f"\033[{COLOURS[self.names.index(name) % len(COLOURS)]}m{text}\033[0m" if self.coloured else text

    # --- the supervisor itself --------------------------------------------------------------------------------------

    def say(self, line: str) -> None:
        with self.lock:
            self.show(line)

    def begin(self, text: str) -> None:
        """A line that `finish` completes, if nothing else was shown meanwhile."""
        with self.lock:
            self.show(text, end=" ")
            self.is_open_line = True

    def finish(self, text: str, otherwise: str) -> None:
        with self.lock:
            if self.is_open_line:
                self.is_open_line = False
                self.show(text)
            else:
                self.show(otherwise)

    def show(self, text: str, end: str = "\n") -> None:
        before, self.is_open_line = "\n" if self.is_open_line else "", False
        with contextlib.suppress(OSError, ValueError):  # nobody listens any more: keep draining the pipes
            print(before + text, end=end, flush=True, file=sys.stdout)


def is_about_error(line: str, before: bool) -> bool:
    """Whether a line tells of an error: by its level, or as what follows such a line without a level of its own."""
    if line.startswith("{"):
        with contextlib.suppress(ValueError, AttributeError):
            return json.loads(line).get("level") in {"error", "critical"}
    if ERROR.search(line):
        return True
    return before and not STRUCTURED.search(line)
