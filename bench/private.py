"""A database cluster of a benchmark's own: PostgreSQL and Redis in a temporary folder, migrated and provisioned.

Nothing of a running stack is touched, and nothing is left. Call `services()` before Django's models are imported.
"""

import io
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cftapp.local.embedded import Postgres, Redis, launch, owner_environment

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "USER", "TZ")


@contextmanager
def services(durable: bool = True) -> Iterator[None]:
    """Django, set up as the owner of fresh databases. `durable=False` turns fsync off: for loading, not for timing."""
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    with tempfile.TemporaryDirectory(prefix="cft-bench-") as folder, ExitStack() as stack:
        for name in [name for name in os.environ if name.startswith("CFT_")]:
            del os.environ[name]
        os.environ.update(owner_environment({**environment, "CFT_VAR": folder, "CFT_LOG_LEVEL": "WARNING"}))
        os.environ["DJANGO_SETTINGS_MODULE"] = "cftapp.settings"
        postgres, redis = Postgres(Path(folder), dict(os.environ), durable=durable), Redis(Path(folder))
        for service in (postgres, redis):
            stack.enter_context(started(service))
        postgres.create_databases()
        set_up()
        yield
        from django.db import connections

        connections.close_all()


@contextmanager
def started(service: Postgres | Redis) -> Iterator[None]:
    process = launch(service)
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT if isinstance(service, Postgres) else signal.SIGTERM)
        process.wait(30)


def set_up() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    for alias in ("default", "vault"):
        call_command("migrate", database=alias, verbosity=0, interactive=False)
    call_command("provision", verbosity=0, stdout=io.StringIO())
    call_command("collectstatic", verbosity=0, interactive=False)
