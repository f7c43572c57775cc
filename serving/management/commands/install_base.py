"""`manage.py install_base`: make the base model v0, the first champion."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from cftapp.base.actors import OWNER
from cftapp.base.refusal import Refused
from serving.releases.actions import install_base
from training.preparation.base_model import BaseMissing, identify, locate


class Command(BaseCommand):
    help = "Make the model that CFT_BASE_MODEL names release v0, the first champion. Harmless when repeated."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            folder = locate(settings.CFT_BASE_MODEL)
            release = install_base(identify(folder, Path(settings.CFT_VAR) / "base-hashes"), by=OWNER)
        except (BaseMissing, Refused) as problem:
            raise CommandError(str(problem)) from problem
        self.stdout.write(f"{release} is the base model {release.model_sha256[:16]}")
