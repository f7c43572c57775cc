"""The embedded PostgreSQL and Redis start under awkward conditions, or say what to do."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from cftapp.local import embedded, secrets
from cftapp.local.embedded import Postgres, Redis, Unusable
from tests.conftest import Services

pytestmark = pytest.mark.heavy

LONG = "a folder with spaces/" + "and a name that goes on for longer than any socket may " * 2


@pytest.fixture
def start() -> Iterator[object]:
    """`start(var)` runs a PostgreSQL there; every one is stopped and its socket folder removed afterwards."""
    running: list[Services] = []

    def begin(var: Path) -> Services:
        var.mkdir(parents=True, exist_ok=True)
        services = Services(Postgres(var, secrets.load(var, {}), durable=False), Redis(var), {})
        running.append(services)
        services.start(services.postgres)
        return services

    yield begin
    for services in running:
        for name in list(services.processes):
            services.stop(name, signal.SIGQUIT if name == "postgres" else signal.SIGKILL)
        shutil.rmtree(services.postgres.sockets.parent, ignore_errors=True)


def answer(services: Services) -> tuple[object, ...] | None:
    with psycopg.connect(services.postgres.superuser_url()) as connection:
        return connection.execute("SELECT current_setting('server_version_num')::int / 10000").fetchone()


def test_it_starts_under_a_long_path_with_spaces(start, tmp_path):
    services = start(tmp_path / LONG)
    services.start(services.redis)
    assert answer(services) == (18,)
    assert len(f"{services.postgres.sockets}/.s.PGSQL.5432") < 100
    assert services.redis.is_ready()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL under another account")
def test_as_root_it_starts_below_a_folder_closed_to_others(start, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    services = start(closed / "var")
    assert answer(services) == (18,)
    assert services.postgres.data.stat().st_uid != 0


def test_it_has_what_meaning_and_search_need(start, tmp_path):
    services = start(tmp_path / "var")
    services.postgres.create_databases()
    with psycopg.connect(services.postgres.url("cft")) as connection:
        connection.execute("CREATE EXTENSION pg_trgm")  # a trusted one: the owner may
        assert connection.execute("SELECT similarity('kettle', 'kettles') > .5").fetchone() == (True,)
        assert connection.execute("SELECT '[1,0]'::vector <=> '[0,1]'").fetchone() == (1,)


def test_its_folders_are_closed_to_others(start, tmp_path):
    services = start(tmp_path / "var")
    assert services.postgres.data.stat().st_mode & 0o077 == 0
    assert services.postgres.sockets.stat().st_mode & 0o077 == 0


def test_it_listens_on_no_port(start, tmp_path):
    services = start(tmp_path / "var")
    with psycopg.connect(services.postgres.superuser_url()) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_a_wrong_password_is_refused(start, tmp_path):
    services = start(tmp_path / "var")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(services.postgres.url("postgres", "postgres", "guess"))


def test_a_half_finished_first_start_is_forgotten(start, tmp_path):
    half = tmp_path / "var" / "postgres.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    assert answer(start(tmp_path / "var")) == (18,)
    assert not half.exists()


def test_a_pid_file_that_names_another_program_is_forgotten(start, tmp_path):
    services = start(tmp_path / "var")
    services.stop("postgres", signal.SIGKILL)
    time.sleep(0.2)
    pid_file = services.postgres.data / "postmaster.pid"
    pid_file.write_text(pid_file.read_text().replace(pid_file.read_text().split()[0], str(os.getpid()), 1))
    services.start(services.postgres)
    assert answer(services) == (18,)


def test_what_was_committed_survives_a_kill(start, tmp_path):
    services = start(tmp_path / "var")
    with psycopg.connect(services.postgres.superuser_url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        connection.execute("CHECKPOINT")
    services.stop("postgres", signal.SIGQUIT)
    services.start(services.postgres)
    with psycopg.connect(services.postgres.superuser_url()) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_full_disk_is_said_in_a_sentence(monkeypatch, tmp_path):
    full = shutil.disk_usage(tmp_path)._replace(free=5 << 20)
    monkeypatch.setattr(embedded.shutil, "disk_usage", lambda _: full)
    with pytest.raises(Unusable, match=r"Only 5 MB are free .* needs 1024 MB: free some space, or set CFT_VAR"):
        embedded.launch(Postgres(tmp_path, {}))


def test_a_socket_folder_of_somebody_else_is_refused(monkeypatch, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(Unusable, match="belongs to somebody else"):
        embedded.make_private(tmp_path / "link", 0o700, os.geteuid(), os.getegid())


def test_secrets_are_made_once_and_readable_by_their_owner_only(tmp_path):
    first = secrets.load(tmp_path, {})
    assert secrets.load(tmp_path, {}) == first
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert len(set(first.values())) == len(first)


def test_the_environment_goes_before_the_file(tmp_path):
    assert secrets.load(tmp_path, {"CFT_SUBJECT_KEY": "ab" * 16})["CFT_SUBJECT_KEY"] == "ab" * 16


def test_nothing_is_stored_when_the_environment_gives_every_password(tmp_path, monkeypatch):
    for name in secrets.LOGIN_PASSWORDS:
        monkeypatch.setenv(name, f"given {name}")
    assert secrets.login_passwords(tmp_path)["cft_web"] == "given CFT_DB_PASSWORD_WEB"
    assert not (tmp_path / "secrets.json").exists()


def test_without_python_make_says_which_one_it_needs(tmp_path):
    done = subprocess.run(
        ["make", "-C", str(embedded.ROOT), "PYTHON=", "STAMP=never", "never"],
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "cftapp needs Python 3.11" in done.stdout


def test_the_command_line_knows_the_address_of_the_stack_that_runs(tmp_path: Path) -> None:
    secrets.load(tmp_path, {})
    here = {"CFT_VAR": str(tmp_path)}
    embedded.adopt_environment(here)
    assert "CFT_URL" not in here and here["CFT_ROLE"] == "owner"
    (tmp_path / "stack.json").write_text('{"url": "http://127.0.0.1:8391"}')
    for given, expected in ({}, "http://127.0.0.1:8391"), ({"CFT_URL": "https://cft.example"}, "https://cft.example"):
        here = {"CFT_VAR": str(tmp_path)} | given
        embedded.adopt_environment(here)
        assert here["CFT_URL"] == expected
