"""A log verifies only if it was signed, from its start to its end, here and outside; all else is a finding."""

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from audit import outside
from audit.actions import record
from audit.checkpoint import create_keys, load_private_key, load_public_key, note_hash
from audit.models import Checkpoint, Event
from audit.sealing import RolledBack, copy_again, seal
from audit.verify import verify_here
from tests.support.people import person, signed_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def key(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """An installation of its own: keys, a copy outside, the hash of the first checkpoint."""
    settings.CFT_VAR = tmp_path
    settings.CFT_SIGNING_KEY_FILE = tmp_path / "keys" / "signing.pem"
    settings.CFT_AUDIT_PUBLIC_KEY_FILE = tmp_path / "keys" / "public.pem"
    create_keys(settings.CFT_SIGNING_KEY_FILE, settings.CFT_AUDIT_PUBLIC_KEY_FILE)
    yield settings.CFT_SIGNING_KEY_FILE
    cache.clear()


@pytest.fixture
def opened(key: Path) -> str:
    """The log is opened, as `make up` does; the hash that it prints."""
    printed = io.StringIO()
    call_command("seal", open=True, stdout=printed)
    return printed.getvalue().split()[-1]


def append(count: int) -> None:
    for number in range(count):
        with transaction.atomic():
            record("case.decided", by="process:test", generated=[("pair", number)])
    wait_until_sealable()
    call_command("seal")


def wait_until_sealable() -> None:
    """An event is numbered once no older transaction runs; PostgreSQL's own (autovacuum) may be one."""
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                "SELECT max(transaction_id) < pg_snapshot_xmin(pg_current_snapshot())::text::bigint FROM audit_event"
            )
            if cursor.fetchone() == (True,):
                return
            time.sleep(0.02)


def owner_changes(*statements: str) -> None:
    """What somebody with the owner's password could do."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in statements:
            cursor.execute(statement)


def findings() -> str:
    """What the command finds, which ends with 1; the page finds the same."""
    with pytest.raises(CommandError) as refused:
        call_command("verify_log", stdout=io.StringIO())
    page = signed_in(person("omar", "compliance")).post("/audit/verify/")
    assert page.status_code == 200 and "The log does not verify" in page.content.decode()
    assert page.context["report"].problems == str(refused.value).split("\n- ")[1:]
    return str(refused.value)


def verifies() -> bool:
    printed = io.StringIO()
    call_command("verify_log", stdout=printed)
    return "The log verifies." in printed.getvalue()


# --- the start ---
def test_a_log_that_nobody_signed_does_not_verify(key: Path) -> None:
    assert "there is no checkpoint: nobody has signed this log" in findings()
    with transaction.atomic():
        record("case.decided", by="process:test")
    assert "nobody has signed this log" in findings()


def test_opening_signs_the_first_checkpoint_and_prints_the_hash_that_is_kept(opened: str) -> None:
    assert (Event.objects.get().name, Checkpoint.objects.count()) == ("log.opened", 1)
    assert len(opened) == 64 and verifies()
    again = io.StringIO()
    call_command("seal", open=True, stdout=again)
    assert opened in again.getvalue() and Event.objects.count() == 1


def test_a_log_that_was_rewritten_from_its_start_is_given_away_by_the_kept_hash(
    opened: str, tmp_path: Path, settings: Any
) -> None:
    """By somebody who holds everything but the folder of the public key: the signing key too."""
    append(3)
    tables = ("checkpoint", "tile", "leaf", "edge", "event")
    owner_changes(*(f"DELETE FROM audit_{table}" for table in tables))
    outside.copy_file().unlink()
    append(3)
    assert f"does not begin with the checkpoint {opened[:16]}" in findings()


def test_without_the_kept_hash_it_does_not_verify(opened: str, settings: Any) -> None:
    outside.first_file(settings.CFT_AUDIT_PUBLIC_KEY_FILE).unlink()
    assert "the hash of the first checkpoint is not kept" in findings()


def test_an_installation_that_is_older_than_the_kept_hash_gets_it_at_its_next_start(key: Path, settings: Any) -> None:
    append(1)
    outside.first_file(settings.CFT_AUDIT_PUBLIC_KEY_FILE).unlink()
    call_command("seal", open=True, stdout=io.StringIO())
    assert verifies() and not Event.objects.filter(name="log.opened").exists()


# --- the end, here and outside ---
def test_a_missing_copy_is_a_finding_and_nothing_is_signed_on(opened: str) -> None:
    append(2)
    outside.copy_file().unlink()
    assert "the copy outside the database is missing" in findings()
    with transaction.atomic():
        record("case.decided", by="process:test")
    with pytest.raises(CommandError, match="is missing or empty, though checkpoints were kept there"):
        call_command("seal")
    assert Checkpoint.objects.count() == 2
    call_command("seal", copy_again=True, stdout=io.StringIO())
    call_command("seal")
    assert verifies()


def test_a_copy_with_fewer_heads_is_a_finding_until_the_sealer_has_written_them_again(opened: str) -> None:
    append(1), append(1)
    whole = outside.copy_file().read_bytes()
    outside.copy_file().write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))
    assert "checkpoint 3 is in the database and not in the copy outside" in findings()
    call_command("seal")
    assert outside.copy_file().read_bytes() == whole and verifies()


def test_a_copy_without_a_head_in_its_middle_is_a_finding(opened: str) -> None:
    append(1), append(1)
    first, _, last = outside.copy_file().read_bytes().splitlines(keepends=True)
    outside.copy_file().write_bytes(first + last)
    assert "checkpoint 2 is in the database and not in the copy outside" in findings()


def test_a_database_with_fewer_heads_is_a_finding(opened: str) -> None:
    append(1), append(1)
    owner_changes("DELETE FROM audit_checkpoint WHERE tree_size = 2")
    assert "checkpoint 2 is kept outside the database and is not in it" in findings()


def test_events_after_the_last_signed_head_are_a_finding(opened: str) -> None:
    append(1), append(2)
    owner_changes("DELETE FROM audit_checkpoint WHERE tree_size = 4")
    lines = outside.copy_file().read_bytes().splitlines(keepends=True)
    outside.copy_file().write_bytes(b"".join(lines[:-1]))
    assert "2 sealed events are under no signed checkpoint" in findings()


LAST = "(SELECT event_id FROM audit_leaf ORDER BY position DESC LIMIT 1)"


def test_the_last_event_deleted_is_a_finding(opened: str) -> None:
    append(3)
    owner_changes(f"DELETE FROM audit_edge WHERE event_id = {LAST}", f"DELETE FROM audit_event WHERE id = {LAST}")
    assert "position 3: the event is gone" in findings()


def test_the_last_event_deleted_with_its_position_is_a_finding(opened: str) -> None:
    append(3)
    owner_changes(
        f"DELETE FROM audit_edge WHERE event_id = {LAST}",
        f"DELETE FROM audit_event WHERE id = {LAST}",
        "DELETE FROM audit_leaf WHERE position = 3",
    )
    assert "checkpoint 4 in the database: the log no longer has the signed root" in findings()


def test_a_log_cut_here_and_outside_is_given_away_by_the_last_verification_and_by_any_other_copy(
    opened: str, tmp_path: Path
) -> None:
    append(2), append(2)
    assert verifies()
    elsewhere = tmp_path / "elsewhere.jsonl"
    whole = outside.copy_file().read_bytes()
    elsewhere.write_bytes(whole)
    owner_changes(
        "DELETE FROM audit_edge WHERE event_id IN (SELECT event_id FROM audit_leaf WHERE position >= 3)",
        "DELETE FROM audit_event WHERE id IN (SELECT event_id FROM audit_leaf WHERE position >= 3)",
        "DELETE FROM audit_leaf WHERE position >= 3",
        "DELETE FROM audit_checkpoint WHERE tree_size > 3",
    )
    outside.copy_file().write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))
    assert "5 events were signed when the log last verified, now 3: its end is gone" in findings()
    cache.clear()
    assert verifies(), "nothing on this machine knows better"
    with pytest.raises(CommandError, match="checkpoint 5 is kept outside the database and is not in it"):
        call_command("verify_log", copy=[elsewhere], stdout=io.StringIO())


@pytest.mark.parametrize(
    "line", [b"no json", b"[]", b"{}", b'{"size": "x"}', b"\xff\xfe", b'{"size": 1e999}', b"[" * 100_000, b""]
)
def test_a_broken_line_of_the_copy_is_a_finding_and_stops_the_sealer(opened: str, line: bytes, key: Path) -> None:
    append(1)
    with outside.copy_file().open("ab") as file:
        file.write(line + b"\n")
    assert "line 3 of the copy outside the database is no checkpoint" in findings()
    with pytest.raises(CommandError, match="the last line of .* is no checkpoint"):
        call_command("seal")


def test_a_copy_that_cannot_be_read_is_a_finding(opened: str) -> None:
    outside.copy_file().unlink()
    outside.copy_file().mkdir()
    assert "the copy outside the database cannot be read" in findings()


def test_a_head_that_a_crash_kept_from_the_copy_is_copied_by_the_next_turn(opened: str) -> None:
    append(1)
    whole = outside.copy_file().read_bytes()
    outside.copy_file().write_bytes(whole[:-40])
    call_command("seal")
    assert outside.copy_file().read_bytes() == whole


def test_a_copy_of_an_earlier_moment_is_completed_and_one_of_another_log_is_refused(
    opened: str, key: Path, tmp_path: Path
) -> None:
    early = outside.copy_file().read_bytes()
    append(1), append(1)
    whole = outside.copy_file().read_bytes()
    outside.copy_file().write_bytes(early)
    call_command("seal")
    assert outside.copy_file().read_bytes() == whole
    outside.copy_file().write_text(json.dumps({**json.loads(early), "size": 7}) + "\n")
    with pytest.raises(CommandError, match="was rolled back or replaced"):
        call_command("seal")


# --- events that nobody could have appended ---
@pytest.mark.parametrize(
    "body",
    [
        b'{"actor":"a","detail":{"n":1e400},"generated":[],"name":"n","recorded_at":"x","used":[]}',
        b'{"actor":"a","detail":{"n":NaN},"generated":[],"name":"n","recorded_at":"x","used":[]}',
        b'{"actor":"a","detail":{"n":123456789012345678901},"generated":[],"name":"n","recorded_at":"x","used":[]}',
        b'{"actor":"a","detail":{"n":"\\ud800"},"generated":[],"name":"n","recorded_at":"x","used":[]}',
        b'{"actor":"a", "detail":{},"generated":[],"name":"n","recorded_at":"x","used":[]}',
        b'{"actor":"a","detail":{},"generated":[1],"name":"n","recorded_at":"x","used":7}',
        b'{"actor":"a","detail":{},"generated":[],"name":"n","recorded_at":5,"used":[]}',
        b"[" * 50_000,
        b"\xff\x00",
        b"[]",
        b"",
    ],
)
def test_bytes_that_rfc_8785_does_not_write_are_a_finding_and_no_traceback(opened: str, body: bytes) -> None:
    append(1)
    event = Event.objects.latest("id")
    owner_changes(f"UPDATE audit_event SET body = '\\x{body.hex()}' WHERE id = {event.pk}")
    assert "position 1: the event's bytes" in findings()
    omar = signed_in(person("omar", "compliance"))
    assert omar.get(f"/audit/events/{event.pk}/").status_code == 200
    assert omar.get(f"/audit/events/{event.pk}/proof.json").status_code == 200


@pytest.mark.parametrize("number", ["1e400", "1e6000", "-1e400"])
def test_a_number_beyond_every_double_in_the_readable_column_is_a_finding(opened: str, number: str) -> None:
    append(1)
    event = Event.objects.latest("id")
    owner_changes(f"""UPDATE audit_event SET detail = '{{"n": {number}}}' WHERE id = {event.pk}""")
    assert "position 1: column detail was edited" in findings()
    omar = signed_in(person("omar", "compliance"))
    assert omar.get(f"/audit/events/{event.pk}/").status_code == 200
    assert omar.get("/audit/").status_code == 200


# --- the key ---
def test_a_public_key_that_cannot_be_read_is_said_so(opened: str, settings: Any) -> None:
    settings.CFT_AUDIT_PUBLIC_KEY_FILE.write_text("no key")
    with pytest.raises(CommandError, match="the public key cannot be read, so nothing is verified"):
        call_command("verify_log")
    page = signed_in(person("omar", "compliance")).get("/audit/verify/")
    assert page.status_code == 200 and "disabled" in page.content.decode()


def test_another_key_s_log_does_not_verify(opened: str, settings: Any) -> None:
    other = Ed25519PrivateKey.generate().public_key()
    settings.CFT_AUDIT_PUBLIC_KEY_FILE.write_bytes(other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert "the signature does not fit the key" in findings()


def test_while_the_sealer_works_the_log_verifies(opened: str, key: Path, settings: Any) -> None:
    """A head that was signed between the reading of the copy and that of the database is no finding."""
    append(2)
    first = outside.read(outside.copy_file()).heads[0]
    assert note_hash(first) == opened
    seal(load_private_key(key), outside.copy_file())
    assert verify_here(load_public_key(settings.CFT_AUDIT_PUBLIC_KEY_FILE), settings.CFT_AUDIT_PUBLIC_KEY_FILE).verified
    with pytest.raises(RolledBack, match="nothing was written over them"):
        copy_again(outside.copy_file())
