"""`manage.py import_benchmark items.jsonl --name towns --title "Towns" --kind regression --by wanda.examiner`"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from cftapp.base.refusal import Refused
from evaluation.benchmarks.actions import import_benchmark
from evaluation.items import read_lines
from evaluation.models import Benchmark, Scorer


class Command(BaseCommand):
    help = "Publish a JSONL file of items as the next version of a benchmark and protect them from being learnt."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="One object a line: question or messages, answer, category.")
        parser.add_argument("--name", required=True)
        parser.add_argument("--title", default="")
        parser.add_argument("--kind", required=True, choices=Benchmark.Kind.values)
        parser.add_argument("--scorer", choices=Scorer.values, help="Default: refusal for safety, exact otherwise.")
        parser.add_argument("--margin", type=float, default=0.05, help="Largest tolerated drop, or attack success.")
        parser.add_argument("--background", type=Path, help="Clean texts, one a line, none of them an item.")
        parser.add_argument("--by", required=True, help="Account of the examiner who publishes.")

    def handle(self, *args: Any, **options: Any) -> None:
        scorer = options["scorer"] or ("refusal" if options["kind"] == "safety" else "exact")
        try:
            drafts = read_lines(read(options["file"]), scorer)
            version = import_benchmark(
                options["name"],
                options["title"] or options["name"],
                options["kind"],
                [draft.row for draft in drafts],
                scorer=scorer,
                margin=options["margin"],
                background=read(options["background"]).splitlines() if options["background"] else (),
                by=examiner(options["by"]),
            )
        except Refused as refused:
            lines = [f"{blocker.field}: {blocker}" for blocker in refused.blockers]
            raise CommandError("\n".join(["Nothing was published.", *lines])) from refused
        self.stdout.write(f"{version}: {version.items} items, sha256 {version.sha256}")


def read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise CommandError(f"{path} cannot be read: {problem}") from problem


def examiner(name: str) -> Any:
    person = get_user_model().objects.filter(username=name).first()
    if person is None:
        raise CommandError(f"There is no account {name!r}; name the examiner who publishes.")
    return person
