"""A backup restores databases, log, outside heads and keys; what is damaged or in the way is refused."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connections

from audit.outside import first_file
from cftapp.local.embedded import Postgres, launch, owner_environment
from cftapp.local.restore import restore as restore_here
from cftapp.operations import backup
from feedback.actions import record_interaction, register_source, submit_correction
from tests.support.stack import ROOT
from tests.support.wordings import SHOWN

pytestmark = pytest.mark.django_db(transaction=True)

TRIGGERS = "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2"
COUNTS = {
    "default": ["feedback_interaction", "feedback_correction", "feedback_consententry", "audit_event", "audit_leaf"],
    "vault": ["vault_mailboxentry"],
}


@pytest.fixture
def feedback_of_both_lanes() -> Iterator[None]:
    """Feedback of both lanes, and a sealed log."""
    checkpoints = Path(settings.CFT_VAR) / "checkpoints"
    shutil.rmtree(checkpoints, ignore_errors=True)  # another test's log
    first_file(settings.CFT_AUDIT_PUBLIC_KEY_FILE).unlink(missing_ok=True)
    for share in (0, 100):
        source = register_source(f"backed-up-{share}", "Backed up", held_out_percent=share, by="process:test")
        interaction = record_interaction(source, "ana", "How long may I wait?", "14 days.", by="process:test")
        submit_correction(interaction.pk, replacement="30 days.", consent=SHOWN, by="process:test")
    call_command("seal", stdout=io.StringIO())
    yield
    shutil.rmtree(checkpoints)


@pytest.fixture
def made(feedback_of_both_lanes: None, tmp_path: Path) -> Path:
    call_command("backup", tmp_path / "backup", keys=tmp_path / "backup.keys", stdout=io.StringIO())
    return tmp_path / "backup"


def state(alias: str, connection: Any) -> dict[str, Any]:
    """Row counts and triggers of one database."""
    with connection.cursor() as cursor:
        cursor.execute(TRIGGERS)
        facts: dict[str, Any] = {"triggers": cursor.fetchall()}
        for table in COUNTS[alias]:
            cursor.execute(f"SELECT count(*) FROM {table}")
            facts[table] = cursor.fetchone()[0]
    return facts


def restore(source: Path, var: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "CFT_VAR": str(var)}
    command = [sys.executable, "-m", "cftapp.local.restore", str(source), *options]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.fixture
def restored(made: Path, tmp_path: Path) -> Iterator[tuple[Path, dict[str, str], Postgres]]:
    """Another CFT_VAR with what was backed up, its PostgreSQL running."""
    var = tmp_path / "restored"
    done = restore(made, var, "--kept", str(Path(settings.CFT_VAR) / "checkpoints"))
    assert done.returncode == 0, done.stdout + done.stderr
    environment = owner_environment({"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "CFT_VAR": str(var)})
    postgres = Postgres(var, environment)
    server = launch(postgres)
    yield var, environment, postgres
    server.send_signal(signal.SIGQUIT)
    server.wait(30)


def test_what_is_restored_is_what_was_backed_up(restored: tuple[Path, dict[str, str], Postgres]) -> None:
    _, environment, postgres = restored
    for alias, name in (("default", "cft"), ("vault", "vault")):
        with psycopg.connect(postgres.url(name)) as connection:
            then, now = state(alias, connections[alias]), state(alias, connection)
            if alias == "default":
                then["audit_event"] += 1  # the restore itself
            assert now == then
    verified = subprocess.run(
        [sys.executable, "manage.py", "verify_log"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert verified.returncode == 0 and "The log verifies" in verified.stdout, verified.stdout + verified.stderr


def test_process_roles_have_their_grants_again_and_no_more(restored: tuple[Path, dict[str, str], Postgres]) -> None:
    _, environment, postgres = restored
    trainer = postgres.url("cft", "cft_trainer", environment["CFT_DB_PASSWORD_TRAINER"])
    with psycopg.connect(trainer, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM curation_pair").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM audit_event")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(postgres.url("vault", "cft_trainer", environment["CFT_DB_PASSWORD_TRAINER"]))


def test_a_damaged_backup_is_refused_before_anything_is_written(made: Path, tmp_path: Path) -> None:
    with (made / "vault.dump").open("r+b") as file:
        file.seek(100)
        file.write(b"damage")
    done = restore(made, tmp_path / "other", "--nothing-kept")
    assert done.returncode == 1 and "vault.dump is not what was backed up" in done.stderr
    assert not (tmp_path / "other" / "postgres").exists()


def test_nothing_is_restored_over_what_is_there(made: Path) -> None:
    with pytest.raises(backup.Unusable, match="is there already: restore into an empty CFT_VAR"):
        backup.restore_files(made.with_name("backup.keys"), Path(settings.CFT_VAR), backup.KEYS)
    parameters = connections["default"].get_connection_params()
    with pytest.raises(backup.Unusable, match="holds tables: restore into an empty one"):
        backup.restore_database(parameters, made / "default.dump")


def test_the_command_checks_both_databases_before_it_copies_a_file(made: Path, tmp_path: Path, settings: Any) -> None:
    settings.CFT_VAR = tmp_path / "empty"
    settings.CFT_VAR.mkdir()
    with pytest.raises(CommandError, match="holds tables: restore into an empty one"):
        call_command("restore", made, stdout=io.StringIO())
    assert not list(settings.CFT_VAR.iterdir())


def test_another_server_is_not_provisioned_by_mistake(made: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/cft")
    with pytest.raises(backup.Unusable, match="DATABASE_URL names another server"):
        restore_here(made, made.with_name("backup.keys"))


def test_a_backup_with_keys_needs_keys_and_a_failed_one_leaves_nothing(
    feedback_of_both_lanes: None, tmp_path: Path, settings: Any
) -> None:
    settings.CFT_VAR = tmp_path / "keyless"
    with pytest.raises(CommandError, match="There are no keys below"):
        call_command("backup", tmp_path / "target", keys=tmp_path / "target.keys", stdout=io.StringIO())
    databases = {alias: connections[alias].get_connection_params() for alias in connections}
    databases["vault"]["dbname"] = "no_such_database"
    with pytest.raises(backup.Unusable, match="pg_dump failed"):
        backup.make(tmp_path / "target", settings.CFT_VAR, databases)
    assert not list(tmp_path.glob("target*"))


def test_a_backup_leaves_out_what_a_run_still_writes(tmp_path: Path) -> None:
    run = tmp_path / "var" / "runs" / "1"
    (run / "adapter").mkdir(parents=True)
    for name in ("rows.jsonl", ".metrics.jsonl.part", "manifest.json", "adapter/weights"):
        (run / name).write_text("x")
    backup.copy(tmp_path / "var" / "runs", tmp_path / "copy")
    assert {path.name for path in (tmp_path / "copy").rglob("*") if path.is_file()} == {"manifest.json", "weights"}


def test_a_backup_without_keys_holds_none(feedback_of_both_lanes: None, tmp_path: Path) -> None:
    call_command("backup", tmp_path / "bare", stdout=io.StringIO())
    secrets = (Path(settings.CFT_VAR) / "secrets.json").read_bytes()
    names = {path.name for path in (tmp_path / "bare").rglob("*") if path.is_file()}
    assert names >= {"default.dump", "vault.dump", "audit.jsonl", "withdrawals.jsonl", "manifest.json"}
    assert "secrets.json" not in names
    assert not any(secrets in path.read_bytes() for path in (tmp_path / "bare").rglob("*") if path.is_file())
    with pytest.raises(CommandError, match="is there already: name a new folder"):
        call_command("backup", tmp_path / "bare", stdout=io.StringIO())


def test_keys_lie_apart_and_neither_folder_is_taken_for_the_other(made: Path, tmp_path: Path) -> None:
    secret = json.loads((Path(settings.CFT_VAR) / "secrets.json").read_text())["CFT_SUBJECT_KEY"].encode()
    assert not any(secret in path.read_bytes() for path in made.rglob("*") if path.is_file())
    assert secret in (tmp_path / "backup.keys" / "secrets.json").read_bytes()
    assert (tmp_path / "backup.keys").stat().st_mode & 0o077 == 0
    done = restore(tmp_path / "backup.keys", tmp_path / "other", "--nothing-kept")
    assert done.returncode == 1 and "holds keys, not data" in done.stderr
    done = restore(made, tmp_path / "other", "--nothing-kept", "--keys", str(made))
    assert done.returncode == 1 and "holds data, not keys" in done.stderr
    assert not (tmp_path / "other").exists()


def test_a_restore_that_broke_off_starts_nothing(tmp_path: Path, settings: Any) -> None:
    settings.CFT_VAR = tmp_path
    (tmp_path / backup.UNFINISHED_RESTORE).write_text("/backups/today")
    with pytest.raises(CommandError, match="was not finished"):
        call_command("prepare", stdout=io.StringIO())


def test_without_what_was_kept_it_is_refused_unless_somebody_says_so(made: Path, tmp_path: Path) -> None:
    done = restore(made, tmp_path / "first")
    assert done.returncode == 1 and "does not say who withdrew consent" in done.stderr
    done = restore(made, tmp_path / "second", "--nothing-kept")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (tmp_path / "second" / backup.UNFINISHED_RESTORE).exists()
