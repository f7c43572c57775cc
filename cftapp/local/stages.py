"""The stages of a start, as `make up` counts them: what is done, and the seconds it took."""

import time
from collections.abc import Sequence

from cftapp.local.output import Output

SERVICES = "starting PostgreSQL and Valkey"
MIGRATING = "migrating both databases"
PROVISIONING = "roles, grants and accounts"
STATIC_FILES = "collecting static files"
EXAMS = "publishing the demo's exams and protecting their items"
SAMPLE = "loading the demo's feedback"
PROCESSES = "starting the web, the workers and the model server"
ALL = (SERVICES, MIGRATING, PROVISIONING, STATIC_FILES, EXAMS, SAMPLE, PROCESSES)

MARK = "stage: "  # begins a line by which the process that prepares the databases says where it is


class Stages:
    """`[2/7] migrating both databases … 1.2 s`, the time once the next one begins."""

    def __init__(self, output: Output, titles: Sequence[str] = ALL):
        self.output, self.titles = output, titles
        self.began = self.stage_began = time.monotonic()
        self.label = ""

    def begin(self, title: str) -> None:
        self.end()
        self.label = f"[{self.titles.index(title) + 1}/{len(self.titles)}] {title} …"
        self.stage_began = time.monotonic()
        self.output.begin(self.label)

    def end(self) -> None:
        """Close the stage that is open, if there is one."""
        if self.label:
            seconds = f"{time.monotonic() - self.stage_began:.1f} s"
            self.output.finish(seconds, f"{self.label} {seconds}")
            self.label = ""

    def abandon(self) -> None:
        """Leave the open stage unfinished: the start ends here."""
        self.label = ""

    def hear(self, line: str) -> bool:
        """Begin the stage that a line of the preparing process names; whether it named one."""
        if not line.startswith(MARK):
            return False
        self.begin(line.removeprefix(MARK))
        return True

    @property
    def seconds(self) -> float:
        """Since the first stage began."""
        return time.monotonic() - self.began
