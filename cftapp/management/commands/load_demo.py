"""Load the demo: three benchmarks, the base release, replay rows and sample feedback. Safe to run again."""

from typing import Any

from django.core.management.base import BaseCommand

from cftapp.local import stages
from cftapp.local.demo import sample


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        sample.load(begin=self.begin)

    def begin(self, title: str) -> None:
        self.stdout.write(f"{stages.MARK}{title}")
        self.stdout.flush()
