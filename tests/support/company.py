"""What the tests of the whole loop know about a running stack: its API, its database, and its owner's command line."""

from collections.abc import Sequence
from typing import Any

import httpx
import psycopg
import pytest

from tests.support.stack import Stack, wait_for
from tests.support.wordings import SHOWN

KEY_SCRIPT = """
from cftapp.local.demo.sample import support_source
from feedback.actions import issue_api_key
print("key:" + issue_api_key(support_source(), "test", by="process:test")[1])
"""
REVIEW_SCRIPT = """
from django.contrib.auth.models import User
from curation.triage.actions import claim_case, decide_case
from curation.models import Case
reviewer = User.objects.get(username="reviewer")
cases = Case.objects.reviewable().filter(correction__interaction__external_id__startswith={prefix!r})
for case in cases.order_by("id").prefetch_related("findings"):
    claim_case(reviewer, case.pk)
    decide_case(case.pk, "rejected" if case.blocked else "accepted", by=reviewer)
"""
RUN_SCRIPT = """
from django.contrib.auth.models import User
from curation.datasets.actions import freeze_dataset
from training.actions import queue_run
from training.preparation.recipes import PRESETS
import time
from curation.models import ReplayRow
while ReplayRow.objects.stale().exists():  # the freeze is refused until then
    time.sleep(0.2)
engineer = User.objects.get(username="engineer")
dataset = freeze_dataset({name!r}, {recipe!r}, by=engineer)
run = queue_run(dataset, PRESETS["quick"]["recipe"] | {changes!r}, seed=0, by=engineer)
print(f"run:{{run.pk}}")
"""


class Company:
    """A running stack, seen by an application that posts to it and by the owner of its database."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.owner = stack.owner_environment()
        token = self.script(KEY_SCRIPT).split("key:")[1].strip()
        self.api = httpx.Client(
            base_url=f"{stack.url}/api/v1/", headers={"Authorization": f"Bearer {token}"}, timeout=60
        )

    def script(self, text: str) -> str:
        """Run Python as the owner, in a process of its own; returns what it printed."""
        return self.stack.manage("shell", "--no-imports", "-c", text)

    def ask(self, statement: str, *arguments: Any, database: str = "DATABASE_URL") -> list[tuple[Any, ...]]:
        """Rows of a query as the owner."""
        with psycopg.connect(self.owner[database], autocommit=True) as connection:
            return connection.execute(statement, arguments).fetchall()

    def value(self, statement: str, *arguments: Any) -> Any:
        """The only value of a query as the owner; None without a row."""
        rows = self.ask(statement, *arguments)
        return rows[0][0] if rows else None

    def correct(self, prefix: str, rows: Sequence[dict[str, Any]], *, subjects: int = 40) -> None:
        """Post corrections with consent through the API, as many people would; ids begin with `prefix`."""
        batch = []
        for number, row in enumerate(rows):
            name = f"{prefix}-{number}"
            said = {"prompt": row["prompt"], "answer": row["rejected"]}
            whose = {"subject": f"{prefix}-{number % subjects}", "external_id": name}
            batch.append({"kind": "interaction", **whose, **said})
            batch.append({"kind": "correction", **whose, "replacement": row["chosen"], "consent": SHOWN})
        for start in range(0, len(batch), 500):
            key = {"Idempotency-Key": f"{prefix}-{start}"}
            reply = self.api.post("feedback/batch", json=batch[start : start + 500], headers=key)
            assert reply.status_code == 200, reply.text
            assert reply.json()["refused"] == 0, reply.text

    def await_screening(self, patience: float = 120) -> None:
        """Wait until every piece of feedback has a case, and every case its findings."""
        unscreened = """SELECT count(*) FROM feedback_correction c LEFT JOIN curation_case k ON k.correction_id = c.id
                        WHERE k.id IS NULL OR k.state = 'waiting'"""
        wait_for(lambda: self.value(unscreened) == 0, patience, "the screener")

    def review(self, prefix: str) -> None:
        """Accept whatever of a batch no check forbids, reject the rest."""
        self.script(REVIEW_SCRIPT.format(prefix=prefix))

    def queue_run(self, name: str, recipe: dict[str, Any], **changes: Any) -> int:
        """Freeze a dataset and queue a run on it; returns the run's number."""
        printed = self.script(RUN_SCRIPT.format(name=name, recipe=recipe, changes=changes))
        return int(printed.split("run:")[1])

    def await_verdict(self, run: int, patience: float = 400) -> str:
        """Wait for the run and for its gate; returns the gate's verdict."""
        ended = "SELECT state FROM training_run WHERE id = %s AND state IN ('finished', 'failed', 'stopped')"
        state = wait_for(lambda: self.value(ended, run), patience, f"run {run}")
        assert state == "finished", self.value("SELECT error FROM training_run WHERE id = %s", run)
        graded = "SELECT state FROM evaluation_gate WHERE run_id = %s AND state IN ('finished', 'failed', 'stopped')"
        state = wait_for(lambda: self.value(graded, run), patience, f"the gate of run {run}")
        assert state == "finished", self.value("SELECT error FROM evaluation_gate WHERE run_id = %s", run)
        return str(self.value("SELECT verdict FROM evaluation_gate WHERE run_id = %s", run))


@pytest.fixture(scope="session")
def company(stack: Stack) -> Company:
    """The session's stack, seen from outside."""
    return Company(stack)
