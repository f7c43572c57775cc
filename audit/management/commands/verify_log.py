"""Verify the audit log against its signed tree heads, in and outside the database."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from audit.checkpoint import load_public_key
from audit.verify import verify_here


class Command(BaseCommand):
    help = "Recompute the Merkle tree of the whole log and compare it with every signed checkpoint."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the report as JSON")
        parser.add_argument(
            "--copy", type=Path, action="append", default=[], help="also a copy of audit.jsonl that you kept elsewhere"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        file = settings.CFT_AUDIT_PUBLIC_KEY_FILE
        if not file:
            raise CommandError("CFT_AUDIT_PUBLIC_KEY_FILE must name the public key of the log.")
        try:
            key = load_public_key(file)
        except (OSError, ValueError) as problem:
            raise CommandError(f"the public key cannot be read, so nothing is verified: {problem}") from problem
        report = verify_here(key, file, options["copy"])
        if options["json"]:
            self.stdout.write(json.dumps(asdict(report) | {"verified": report.verified}))
        else:
            self.stdout.write(
                f"{report.size} events, root {report.root}, {report.checkpoints} checkpoints in the database and "
                f"{report.outside} outside, {report.unsealed} events not sealed yet"
            )
        if not report.verified:
            raise CommandError("The log does not verify:\n" + "\n".join(f"- {problem}" for problem in report.problems))
        if not options["json"]:
            self.stdout.write(self.style.SUCCESS("The log verifies."))
