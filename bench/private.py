"""A database cluster of a benchmark's own: PostgreSQL and Redis in a temporary folder, migrated and provisioned.

Nothing of a running stack is touched, and nothing is left. Call `services()` before Django's models are imported.
"""

import io
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cftapp.embedded import Postgres, Redis, owner_environment, wait_until
from cftapp.unprivileged import die_with_parent

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "USER", "TZ")


@contextmanager
def services(durable: bool = True) -> Iterator[None]:
    """Django, set up as the owner of fresh databases. `durable=False` turns fsync off: for loading, not for timing."""
    given = {name: os.environ[name] for name in KEPT if name in os.environ}
    with tempfile.TemporaryDirectory(prefix="cft-bench-") as folder, ExitStack() as stack:
        for name in [name for name in os.environ if name.startswith("CFT_")]:
            del os.environ[name]
        os.environ.update(owner_environment({**given, "CFT_VAR": folder, "CFT_LOG_LEVEL": "WARNING"}))
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
    service.prepare()
    plan, parent = service.service(), os.getpid()

    def prepare_child() -> None:
        if isinstance(service, Postgres):
            service.before_exec()
        die_with_parent(parent, signal.SIGQUIT)

    folder = plan.folder if isinstance(service, Redis) else Path("/")
    process = subprocess.Popen(plan.command, cwd=folder, env=plan.environment, preexec_fn=prepare_child)
    try:
        wait_until(service.is_ready, 60, f"{plan.name} did not start")
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
