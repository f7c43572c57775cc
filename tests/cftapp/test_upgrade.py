"""A database of the previous release, with its data, becomes by `manage.py prepare` what a new one is."""

import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connections

from cftapp.local.embedded import Postgres, Redis, owner_environment
from tests.conftest import Services
from tests.support.catalogue import catalogue, differences

ROOT = Path(__file__).resolve().parents[2]
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "USER", "OMP_NUM_THREADS", "OMP_WAIT_POLICY")
DATABASES = {"default": "cft", "vault": "vault"}
TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"


def git(*arguments: str) -> bytes:
    command = ["git", "-c", "safe.directory=*", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True).stdout


def have_git() -> bool:
    try:
        return Path(git("rev-parse", "--show-toplevel", "--verify", "HEAD").decode().splitlines()[0]) == ROOT
    except (FileNotFoundError, subprocess.CalledProcessError):
        return False


def previous_release() -> str:
    """The newest tag `v*` behind this state of the code, or the last commit where nothing was released before.

    A tag of this very commit is this release. A clone without tags (CI: fetch them) can only try the last commit.
    """
    ours = git("tag", "--points-at", "HEAD").decode().split()
    try:
        newest = git("describe", "--tags", "--abbrev=0", "--match=v*", *(f"--exclude={tag}" for tag in ours))
    except subprocess.CalledProcessError:
        return "HEAD"
    return newest.decode().strip()


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """The code of the previous release, in a folder of its own."""
    if not have_git():
        pytest.skip("no git, or not a clone: the code of the previous release cannot be had")
    name = previous_release()
    print(f"upgrading from {name}")
    with tarfile.open(fileobj=io.BytesIO(git("archive", "--format=tar", name))) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


@pytest.fixture
def machine() -> Iterator[Services]:
    """PostgreSQL and Redis of an installation that is to be upgraded."""
    var = Path(tempfile.mkdtemp(prefix="cft-upgrade-"))
    environment = owner_environment(
        {name: os.environ[name] for name in KEPT if name in os.environ} | {"CFT_VAR": str(var)}
    )
    services = Services(Postgres(var, environment, durable=False), Redis(var, environment), {})
    services.start(services.postgres)
    services.start(services.redis)
    services.postgres.create_databases()
    yield services
    for name in list(services.processes):
        services.stop(name, signal.SIGQUIT if name == "postgres" else signal.SIGKILL)
    for folder in (services.postgres.sockets.parent, var):
        shutil.rmtree(folder, ignore_errors=True)


def prepare(code: Path, services: Services) -> None:
    """What `make up` runs before it starts anything: migrations, roles, grants, demo data."""
    environment = services.postgres.passwords | {"CFT_EMBEDDING_MODEL": "off"}
    done = subprocess.run(
        [sys.executable, "manage.py", "prepare"], cwd=code, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def rows(services: Services, database: str) -> dict[str, int]:
    with psycopg.connect(services.postgres.superuser_url(database)) as connection:
        tables = [table for (table,) in connection.execute(TABLES)]
        counts = {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in tables}
    return {table: count[0] for table, count in counts.items()}


@pytest.mark.slow
def test_a_database_of_the_previous_release_is_upgraded(release, machine, db):
    prepare(release, machine)
    before = {alias: rows(machine, database) for alias, database in DATABASES.items()}
    assert before["default"]["audit_event"] > 0 and before["default"]["feedback_correction"] > 0
    assert before["vault"]["vault_item"] > 0
    prepare(ROOT, machine)
    for alias, database in DATABASES.items():
        after = rows(machine, database)
        assert {table: count for table, count in before[alias].items() if after.get(table, 0) < count} == {}
        with (
            psycopg.connect(machine.postgres.superuser_url(database)) as upgraded,
            connections[alias].cursor() as fresh,
        ):
            assert differences(catalogue(upgraded.cursor()), catalogue(fresh)) == {}


CHANGES = [
    "ALTER TABLE curation_pair ALTER COLUMN prompt DROP NOT NULL",
    "ALTER TABLE curation_pair ALTER COLUMN row_hash TYPE varchar(65)",
    "ALTER TABLE curation_pair ALTER COLUMN prompt SET DEFAULT ''",
    "ALTER TABLE curation_pair ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE curation_pair DISABLE TRIGGER curation_guard_pair",
    "ALTER TABLE feedback_interaction DROP CONSTRAINT interaction_is_in_its_subjects_lane",
    "ALTER SEQUENCE curation_pair_copy INCREMENT 2",
    "DROP TRIGGER curation_guard_pair ON curation_pair",
    "DROP INDEX blocker_overlapping",
    "ALTER FUNCTION curation_guard_pair() SECURITY INVOKER",
    "GRANT EXECUTE ON FUNCTION audit_append(bytea) TO PUBLIC",
    "GRANT UPDATE ON audit_event TO cft_web",
    "GRANT UPDATE (detail) ON audit_event TO cft_web",
    "GRANT CREATE ON SCHEMA public TO cft_web",
    "CREATE POLICY everything ON curation_pair",
    "CREATE TABLE another (id int)",
]


@pytest.mark.parametrize("change", CHANGES)
def test_no_change_of_a_database_escapes_the_comparison(change, db):
    with connections["default"].cursor() as cursor:
        cursor.execute("CREATE SEQUENCE curation_pair_copy")
        before = catalogue(cursor)
        cursor.execute(change)
        assert differences(before, catalogue(cursor)) != {}
