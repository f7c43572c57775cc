"""The sealer process: numbers, hashes and signs the log every few seconds. It alone holds the signing key."""

import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connection

from audit import checkpoint, outside
from audit.kept import Keeper
from audit.sealing import RolledBack, copy_again, first_head, open_log, seal, sealed_size
from cftapp.base.actors import process_name

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = "Seal the audit log: once, or every N seconds until told to stop."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=float, metavar="SECONDS", help="keep sealing, this often")
        parser.add_argument(
            "--create-key", action="store_true", help="create the key pair where it is missing, and stop"
        )
        parser.add_argument(
            "--open", action="store_true", help="begin the log where it is empty, keep and print its first checkpoint"
        )
        parser.add_argument(
            "--copy-again", action="store_true", help="write the lost copy outside anew from the database, and stop"
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
        key = checkpoint.load_private_key(private)
        self.keeper = Keeper(outside.copy_file().parent)
        if options["open"]:
            self.open(key, public)
        elif options["copy_again"]:
            self.copy_again()
        else:
            self.keep_sealing(key, public, options["every"])

    def open(self, key: Ed25519PrivateKey, public: Path) -> None:
        """A log has a signed start from its first minute; what is printed is compared with what is kept."""
        if first_head() is None:
            open_log(checkpoint.key_id(key.public_key()), by=process_name(settings.CFT_ROLE))
            self.seal_once(key, public, loop=False)
        if first := first_head():
            outside.keep_first(outside.first_file(public), first)
            self.stdout.write(f"the log begins with checkpoint {checkpoint.note_hash(first)}")

    def copy_again(self) -> None:
        try:
            self.stdout.write(f"{copy_again(outside.copy_file())} checkpoints copied")
        except RolledBack as problem:
            raise CommandError(str(problem)) from problem

    def keep_sealing(self, key: Ed25519PrivateKey, public: Path, every: float | None) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        self.seal_once(key, public, loop=bool(every))
        while every and not stop.wait(every):
            self.seal_once(key, public, loop=True)

    def seal_once(self, key: Ed25519PrivateKey, public: Path, *, loop: bool) -> None:
        try:
            head = seal(key, outside.copy_file())
            self.keeper.keep(head.tree_size if head else sealed_size())
            if head:
                log.info("audit.sealed", size=head.tree_size, root=bytes(head.root_hash).hex()[:16])
                self.keep_first(public, head.tree_size)
        except RolledBack as problem:
            raise CommandError(str(problem)) from problem
        except (Error, OSError) as problem:
            if not loop:
                raise CommandError(f"nothing was sealed: {problem}") from problem
            log.warning("audit.seal_failed", problem=str(problem))
            connection.close()

    def keep_first(self, public: Path, size: int) -> None:
        """Of the first checkpoint, the hash is kept; where this process may not write it, the line in its log is."""
        first = first_head()
        if first is None or first.size != size:
            return
        log.info("audit.begun", first_checkpoint=checkpoint.note_hash(first))
        try:
            outside.keep_first(outside.first_file(public), first)
        except OSError as problem:
            log.warning("audit.first_not_kept", problem=str(problem))
