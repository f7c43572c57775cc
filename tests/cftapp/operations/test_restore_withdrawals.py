"""A restore of an older backup applies the withdrawals that came after it, before anything is served or trained."""

import io
import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command

from audit import kept
from audit.models import Leaf
from cftapp.local.embedded import Postgres, launch, owner_environment
from cftapp.operations.withdrawals import apply_later_withdrawals
from feedback.actions import grant_consent, record_interaction, register_source, submit_correction, withdraw_consent
from feedback.models import ConsentEntry
from tests.cftapp.operations.test_backup import restore
from tests.support.wordings import SHOWN

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def folder() -> Iterator[Path]:
    """The checkpoints folder of this test's log."""
    checkpoints = Path(settings.CFT_VAR) / "checkpoints"
    shutil.rmtree(checkpoints, ignore_errors=True)
    yield checkpoints
    shutil.rmtree(checkpoints, ignore_errors=True)


@pytest.fixture
def subjects(folder: Path) -> dict[str, Any]:
    """Who consented: ana, ben and cleo."""
    source = register_source("shop", "Shop", held_out_percent=0, by="process:test")
    found = {}
    for name in ("ana", "ben", "cleo"):
        interaction = record_interaction(source, name, "How long?", "14 days.", by="process:test")
        submit_correction(interaction.pk, replacement="30 days.", consent=SHOWN, by="process:test")
        found[name] = interaction.subject
    seal()
    return found


def seal() -> None:
    call_command("seal", stdout=io.StringIO())


def kept_subjects(folder: Path) -> list[str]:
    return [pk for body in kept.bodies(folder) for pk in kept.about(body, "subject")]


def test_the_sealer_keeps_withdrawals_outside_and_nothing_else(folder: Path, subjects: dict[str, Any]) -> None:
    assert (folder / kept.NAME).read_text() == ""
    withdraw_consent(subjects["ana"], by="process:test")
    seal()
    seal()
    assert kept_subjects(folder) == [str(subjects["ana"].pk)]
    (line,) = (folder / kept.NAME).read_text().splitlines()
    leaf = Leaf.objects.select_related("event").get(position=json.loads(line)["position"])
    assert bytes(leaf.event.body).decode() == json.loads(line)["body"]


def test_what_a_crash_left_out_is_kept_the_next_time(folder: Path, subjects: dict[str, Any]) -> None:
    withdraw_consent(subjects["ana"], by="process:test")
    seal()
    whole = (folder / kept.NAME).read_text()
    withdraw_consent(subjects["ben"], by="process:test")
    seal()
    for torn in (whole[:-20], whole + (folder / kept.NAME).read_text()[len(whole) :][:30], ""):
        (folder / kept.NAME).write_text(torn)
        seal()
        assert kept_subjects(folder) == [str(subjects[name].pk) for name in ("ana", "ben")]


def test_a_line_that_says_nothing_is_refused_not_passed_over(folder: Path, subjects: dict[str, Any]) -> None:
    (folder / kept.NAME).write_text("what was here?\n")
    with pytest.raises(kept.Unreadable, match="Line 1 of"):
        apply_later_withdrawals(folder, "2026-11-30")
    assert not ConsentEntry.objects.filter(decision="withdrawn").exists()


def test_what_the_log_knows_is_not_applied_again(folder: Path, subjects: dict[str, Any]) -> None:
    withdraw_consent(subjects["ana"], by="process:test")
    grant_consent(subjects["ana"], wording_version=SHOWN, by="process:test")
    seal()
    assert apply_later_withdrawals(folder, "2026-11-30") == 0
    assert ConsentEntry.objects.newest_of(subjects["ana"].pk).decision == "granted"


def test_an_older_backup_comes_back_with_the_withdrawals_after_it(
    folder: Path, subjects: dict[str, Any], tmp_path: Path
) -> None:
    """Ana withdrew before the backup, ben after it, cleo never; a stranger came and went after it."""
    withdraw_consent(subjects["ana"], by="process:test")
    seal()
    call_command("backup", tmp_path / "backup", keys=tmp_path / "backup.keys", stdout=io.StringIO())
    withdraw_consent(subjects["ben"], by="process:test")
    stranger = record_interaction(subjects["ben"].source, "dora", "Why?", "So.", by="process:test").subject
    withdraw_consent(stranger, by="process:test")
    seal()

    var = tmp_path / "restored"
    done = restore(tmp_path / "backup", var, "--kept", str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "and 1 later withdrawals" in done.stdout
    environment = owner_environment({"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "CFT_VAR": str(var)})
    postgres = Postgres(var, environment)
    server = launch(postgres)
    try:
        with psycopg.connect(postgres.url("cft")) as connection:
            newest = (
                "SELECT DISTINCT ON (subject_id) subject_id, decision FROM feedback_consententry ORDER BY 1, id DESC"
            )
            decisions = dict(connection.execute(newest).fetchall())
            events = [row[0] for row in connection.execute("SELECT name FROM audit_event ORDER BY id DESC LIMIT 2")]
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(30)
    assert {name: decisions[subject.pk] for name, subject in subjects.items()} == {
        "ana": "withdrawn",
        "ben": "withdrawn",
        "cleo": "granted",
    }
    assert events == ["backup.restored", "consent.withdrawn"]
    assert len(kept_subjects(var / "checkpoints")) == 4  # the backup's, and all that were kept, for the next restore
