"""The sealer process: numbers, hashes and signs the log every few seconds. It alone holds the signing key."""

import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connection

from audit import checkpoint
from audit.sealing import RolledBack, seal

log = structlog.get_logger(__name__)


def outside_file() -> Path:
    """Where signed tree heads are kept outside the database."""
    return Path(settings.CFT_VAR) / "checkpoints" / "audit.jsonl"


class Command(BaseCommand):
    help = "Seal the audit log: once, or every N seconds until told to stop."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=float, metavar="SECONDS", help="keep sealing, this often")
        parser.add_argument(
            "--create-key", action="store_true", help="create the key pair where it is missing, and stop"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        private, public = settings.CFT_SIGNING_KEY_FILE, settings.CFT_AUDIT_PUBLIC_KEY_FILE
        if not private or not public:
            raise CommandError("CFT_SIGNING_KEY_FILE and CFT_AUDIT_PUBLIC_KEY_FILE must name the sealer's key files.")
        if options["create_key"]:
            checkpoint.create_keys(private, public)
            return
        if not private.exists():
            raise CommandError(f"{private.name} is missing: create it once with `manage.py seal --create-key`.")
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        key = checkpoint.load_private_key(private)
        self._seal_once(key, loop=bool(options["every"]))
        while options["every"] and not stop.wait(options["every"]):
            self._seal_once(key, loop=True)

    def _seal_once(self, key: Any, *, loop: bool) -> None:
        try:
            if head := seal(key, outside_file()):
                log.info("audit.sealed", size=head.tree_size, root=bytes(head.root_hash).hex()[:16])
        except RolledBack as problem:
            raise CommandError(str(problem)) from problem
        except (Error, OSError) as problem:
            if not loop:
                raise CommandError(f"nothing was sealed: {problem}") from problem
            log.warning("audit.seal_failed", problem=str(problem))
            connection.close()
