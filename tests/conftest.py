"""Real services for every test that needs them, started once a session.

- `db`, `transactional_db` (pytest-django): both databases, migrated and provisioned, as their owner;
- `connect_as(role, database)`: a psycopg connection as a process role, with that role's grants;
- `services`: PostgreSQL and Redis themselves; `worker(queue)`: a real Celery worker;
- `stack`: every process of `make up` on free ports with the demo data; `browser`, `page`: Chromium.
"""

import io
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.test import TransactionTestCase
from pytest_django.plugin import DjangoDbBlocker

from cftapp.access.roles import DATABASE_VARIABLE, ROLES, password_variable, url_for
from cftapp.local.embedded import Postgres, Redis, launch
from tests.support import order
from tests.support.snapshot import Snapshot
from tests.support.template import Template, place

hypothesis.settings.register_profile("any machine", deadline=None)  # no test asserts a time
hypothesis.settings.load_profile("any machine")
pytest_plugins = ["tests.support.stack", "tests.support.live", "tests.support.company"]


@dataclass
class Services:
    postgres: Postgres
    redis: Redis
    processes: dict[str, subprocess.Popen[bytes]]

    def start(self, service: Postgres | Redis) -> None:
        """Start PostgreSQL or Redis (again) and wait until it answers."""
        self.processes[service.service().name] = launch(service)

    def stop(self, name: str, by: signal.Signals) -> None:
        process = self.processes.pop(name)
        process.send_signal(by)
        process.wait(60)


@pytest.fixture(scope="session")
def services(django_db_blocker: DjangoDbBlocker) -> Iterator[Services]:
    """PostgreSQL with both databases, migrated and provisioned, and Redis."""
    var, template = Path(settings.CFT_VAR), Template(place())
    running = Services(Postgres(var, dict(os.environ), durable=False), Redis(var), {})
    running.start(running.redis)
    with template.lock() as alone:
        if not template.copy_to(running.postgres.data):
            with django_db_blocker.unblock():
                make_databases(running)
            if alone:
                template.keep(running.postgres.data)
    running.start(running.postgres)
    yield running
    for name in list(running.processes):
        running.stop(name, signal.SIGQUIT if name == "postgres" else signal.SIGKILL)


def make_databases(running: Services) -> None:
    """Make a cluster as `make up` does, and leave it shut down."""
    running.start(running.postgres)
    running.postgres.create_databases()
    with psycopg.connect(running.postgres.superuser_url(), autocommit=True) as connection:
        connection.execute("GRANT SET ON PARAMETER session_replication_role TO cft_owner")
    for alias in settings.DATABASES:
        call_command("migrate", database=alias, verbosity=0, interactive=False)
    call_command("provision", verbosity=0, stdout=io.StringIO())
    connections.close_all()
    running.stop("postgres", signal.SIGINT)


@pytest.fixture(scope="session")
def django_db_setup(services: Services, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The session's cluster is the test database: remember what is in it."""
    with django_db_blocker.unblock():
        snapshots = [Snapshot.take(connections[alias]) for alias in settings.DATABASES]

    def restore(self: TransactionTestCase) -> None:
        for snapshot in snapshots:
            snapshot.restore()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", restore)
        yield
    with django_db_blocker.unblock():
        connections.close_all()


def pytest_itemcollected(item: pytest.Item) -> None:
    """A test that asks for the database may use both, unless it says otherwise."""
    if "db" in getattr(item, "fixturenames", ()) and not item.get_closest_marker("django_db"):
        item.add_marker(pytest.mark.django_db)
    for marker in item.iter_markers("django_db"):
        marker.kwargs.setdefault("databases", ["default", "vault"])


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`-m pure` need not import what cannot be pure."""
    only_pure = config.getoption("markexpr") == "pure" and (collection_path.is_dir() or collection_path.suffix == ".py")
    return True if only_pure and not order.may_be_pure(collection_path) else None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """The stack's tests come first; of those, the pages are looked at once the loop has filled them.

    They are sorted after pytest-django has sorted by database.
    """
    for item in items:
        if order.is_pure(item):
            item.add_marker(pytest.mark.pure)
        elif order.needs_stack(item) and not order.is_of_stack(item.path):
            raise pytest.UsageError(f"{item.nodeid} needs the stack, and `order.ASKS_FOR_STACK` does not see it")
    yield
    items.sort(key=lambda item: (not order.needs_stack(item), item.path.stem == "test_look"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> order.ByFile:
    return order.ByFile(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """The stack and the browser end with the last test that needs them."""
    yield
    if order.needs_stack(item) and not (nextitem and order.needs_stack(nextitem)):
        order.shared.close()


@pytest.fixture
def connect_as(django_db_setup: None) -> Iterator[Callable[..., psycopg.Connection]]:
    """`connect_as("web")`, `connect_as("screener", "vault")`: autocommit, with exactly that role's rights.

    A role that has no login for a database is tried there with its other login, as an intruder would.
    """
    opened: list[psycopg.Connection] = []

    def connect(role: str, database: str = "default") -> psycopg.Connection:
        logins = ROLES[role].logins
        login = logins.get(database) or next(iter(logins.values()))
        owner_url = os.environ[DATABASE_VARIABLE[database]]
        url = url_for(owner_url, login, os.environ[password_variable(login)])
        opened.append(psycopg.connect(url, autocommit=True))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()
