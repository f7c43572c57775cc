"""`manage.py reproduce RUN`: exit status 0 when the same manifest gives the same adapter, 1 when it does not."""

import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from training.models import Run
from training.reproduction import NotReproducible, reproduce


class Command(BaseCommand):
    requires_system_checks: list[str] = []
    help = "Train a finished run's manifest again in a scratch folder and compare the adapters' sha256."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=int, help="number of the run")

    def handle(self, *args: Any, **options: Any) -> None:
        run = Run.objects.select_related("dataset").filter(pk=options["run"]).first()
        if run is None:
            raise CommandError(f"There is no run {options['run']}.")
        Path(settings.CFT_VAR).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="reproduce-", dir=settings.CFT_VAR) as folder:
            try:
                outcome = reproduce(run, Path(folder), self.stdout.write)
            except NotReproducible as problem:
                raise CommandError(str(problem)) from problem
        self.stdout.write(
            f"manifest  {run.manifest_sha256}\nrun {run.pk:<5} {outcome.expected}\nnow       {outcome.found}"
        )
        if not outcome.same:
            raise CommandError("The adapters differ: the run is not reproducible on this machine.")
        self.stdout.write(self.style.SUCCESS("The same adapter, to the last bit."))
