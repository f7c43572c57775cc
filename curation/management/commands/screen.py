"""`manage.py screen --items ITEMS.jsonl --input ROWS.jsonl --output REPORT.jsonl`: is this exam in this data?

Every text of a row is read, whatever its column; `--fields` chooses, and a text that was neither read nor left out by
name ends the command with 1.

With `--items` it needs no database, no Redis and no key: a registry is built, used and thrown away.
Without, it screens against the current epoch of the stack under CFT_VAR; with `--chord`, the stack's screener processes
do the work, on files below CFT_VAR/batches, and this command only follows.
"""

import dataclasses
import hashlib
import sys
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from cftapp.base.actors import OWNER, process_name
from cftapp.base.record_files import BadFile, format_of
from curation.batches import report_files, row_files, row_screening
from curation.batches.row_files import Id
from curation.batches.row_texts import Fields, split_names
from curation.decontamination.overlap import COMMON_IN_BACKGROUND as COMMON
from curation.decontamination.overlap import Policy
from curation.decontamination.translation.languages import name_of
from curation.models import RANGE_ROWS, BatchScreening

if TYPE_CHECKING:
    from curation.decontamination.engine.encoder import Encoder
    from curation.decontamination.registry import Registry

BAD_INPUT, FOUND = 2, 1
LOOK_EVERY = 0.5  # seconds
OTHER_LANGUAGES = "translations into other languages"
POLICY = dataclasses.fields(Policy)


class Command(BaseCommand):
    help = "Screen rows against protected items: one line a row with verdict, method, score and item."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        files = parser.add_argument_group("files (JSON lines, JSON, CSV, also .gz or .zst; Parquet)")
        files.add_argument("--input", type=Path, required=True, help="rows: every text of each is compared")
        files.add_argument("--output", type=Path, required=True, help="the report: .jsonl, .jsonl.gz or .parquet")
        files.add_argument(
            "--items", type=Path, help='{"id", "question", "answer"}; default: the current epoch of the running stack'
        )
        files.add_argument(
            "--background",
            type=Path,
            help=f"clean texts like the rows, some hundred or more, none of them an item: words that {COMMON} of them"
            " share with an item weigh nothing, and how near to an item clean texts come in meaning is taken from them"
            " (default: none)",
        )
        how = parser.add_argument_group("how")
        how.add_argument(
            "--fields", type=split_names, default=(), metavar="A,B", help="read only these columns, or paths (a.b)"
        )
        how.add_argument(
            "--leave-out",
            type=split_names,
            default=(),
            metavar="C,D",
            help=f"do not read these; any other text that is not read ends the command with {FOUND}",
        )
        how.add_argument("--no-embeddings", action="store_true", help="n-grams only: do not load an embedding model")
        how.add_argument("--chord", action="store_true", help="let the running screener processes share the work")
        how.add_argument("--range-rows", type=int, default=RANGE_ROWS, metavar="N", help="rows of one task of --chord")
        how.add_argument("--fail-on-blocked", action="store_true", help=f"exit with {FOUND} if any row is blocked")
        limits = parser.add_argument_group("limits (default: the policy's)")
        for limit in POLICY:
            limits.add_argument(f"--{limit.name.replace('_', '-')}", type=float, metavar="X", help=str(limit.default))

    def handle(self, *args: Any, **options: Any) -> None:
        from curation.decontamination.registry import BadRegistry

        fields = Fields(options["fields"], options["leave_out"])
        try:
            tally = self.follow(options, fields) if options["chord"] else self.screen(options, fields)
        except (BadFile, BadRegistry) as problem:
            raise CommandError(f"{problem} Nothing was written.", returncode=BAD_INPUT) from problem
        except OSError as problem:  # a name that is too long, a folder that may not be looked into
            raise CommandError(f"{problem}. Nothing was written.", returncode=BAD_INPUT) from problem
        unnamed = fields.unnamed(tally.unread)
        for line in row_screening.unread_words(options["input"], tally, unnamed):
            self.stderr.write(line, self.style.NOTICE)
        if unnamed or (options["fail_on_blocked"] and tally.blocked):
            sys.exit(FOUND)

    def screen(self, options: dict[str, Any], fields: Fields) -> row_screening.Tally:
        source, target = options["input"], options["output"]
        check_paths(source, target, [options[name] for name in ("items", "background") if options[name]], fields)
        began = time.monotonic()
        if options["items"]:
            registry, ids = throw_away_registry(options)
        elif options["background"]:
            raise BadFile("--background: it belongs to --items; an epoch has a clean reference of its own.")
        else:
            registry, ids = current_registry(options), None
        progress = Progress(self.stderr)
        tally = row_screening.screen_file(source, target, registry, ids=ids, fields=fields, progress=progress.show)
        progress.clear()
        if ids is None:
            log_screening(registry, tally, target)
        if options["background"]:
            self.stderr.write(clean_reference(registry))
        for line in summary(tally, registry, ids, time.monotonic() - began):
            self.stderr.write(line, self.style.NOTICE if "Not checked" in line else None)
        return tally

    def follow(self, options: dict[str, Any], fields: Fields) -> row_screening.Tally:
        """Queue a batch and wait for its end. If this command is interrupted, the batch goes on."""
        batch = queue(options, fields)
        self.stderr.write(f"Batch {batch.pk} is queued; its page is /curation/batches/{batch.pk}/.")
        progress = Progress(self.stderr)
        while not batch.ended:
            done = batch.parts.finished_ranges()
            progress.show(row_screening.Tally(done.row_count(), done.blocked_rows()))
            time.sleep(LOOK_EVERY)
            batch.refresh_from_db()
        progress.clear()
        if batch.state == batch.State.FAILED:
            raise BadFile(batch.error)
        tally = row_screening.Tally(batch.rows or 0, Counter(batch.blocked), Counter(batch.unread))
        self.stderr.write(f"{tally.rows:,} rows against epoch {batch.epoch}: {tally}.")
        return tally


def queue(options: Mapping[str, Any], fields: Fields) -> BatchScreening:
    """The batch that these options ask for. Raises BadFile."""
    from cftapp.base.refusal import Refused
    from curation.batches import actions as batch_actions

    screening_options = ("items", "background", "no_embeddings", *(limit.name for limit in POLICY))
    ignored = [name for name in screening_options if options[name] is not None and options[name] is not False]
    if ignored:
        raise BadFile(
            f"--chord: the screener uses the current epoch as it is: leave out --{ignored[0].replace('_', '-')}."
        )
    names = [below_batches(options[name]) for name in ("input", "output")]
    try:
        return batch_actions.queue_batch(names[0], names[1], fields=fields, range_rows=options["range_rows"], by=OWNER)
    except Refused as refused:
        raise BadFile(refused.words) from refused


def below_batches(path: Path) -> str:
    """The file's name below CFT_VAR/batches. Raises BadFile for a file elsewhere."""
    root = (Path(settings.CFT_VAR) / "batches").resolve()
    try:
        return path.resolve().relative_to(root).as_posix()
    except ValueError as problem:
        raise BadFile(f"{path}: with --chord it must lie below {root}: the screener reads nothing else.") from problem


def check_paths(source: Path, target: Path, also_read: Sequence[Path], fields: Fields) -> None:
    """Complain before the work about what can be known before it. `also_read`: files that are read besides."""
    format_of(target, report_files.FORMATS)
    if target.exists() and any(path.exists() and target.samefile(path) for path in also_read):
        raise BadFile(f"{target}: it is read, too: name another file for the report.")
    if not target.parent.is_dir():
        raise BadFile(f"{target}: there is no folder {target.parent}: make it, or write elsewhere.")
    next(row_files.read_rows(source, fields=fields), None)


def with_limits(policy: Policy, options: Mapping[str, Any]) -> Policy:
    """The policy with the limits of the command line in it."""
    limits = {field.name: options[field.name] for field in POLICY if options[field.name] is not None}
    for name, value in limits.items():
        most = max(1.0, getattr(Policy(), name))  # above 1: off
        if not 0 <= value <= most:
            raise BadFile(f"--{name.replace('_', '-')}: {value:g} is no limit: give a number from 0 to {most:g}.")
    return dataclasses.replace(policy, **limits)


def throw_away_registry(options: Mapping[str, Any]) -> tuple["Registry", dict[str, Id]]:
    """A registry of the items, and the file's id of each of its items.

    Its key is made of the items, so that the same files give the same report: whoever runs this has the items anyway.
    """
    from curation.decontamination.registry import Registry

    policy = with_limits(Policy(), options)
    numbered, ids = row_screening.protect(row_files.read_items(options["items"]))
    clean = list(row_files.read_background(options["background"])) if options["background"] else []
    encoder, multilingual = (None, None) if options["no_embeddings"] else (embeddings(), translator())
    key = hashlib.blake2b(repr(numbered).encode("utf-8", "surrogatepass"), digest_size=32).digest()
    content = Registry.build(numbered, key, clean, policy=policy, encoder=encoder, multilingual=multilingual)
    return Registry.from_bytes(content, key, encoder=encoder, multilingual=multilingual), ids


def translator() -> "Encoder | None":
    """The configured model that reads other languages, None where there is none. Raises BadFile for one that is named
    and cannot be loaded.
    """
    from curation.decontamination.engine import multilingual

    try:
        if (encoder := multilingual.default(settings.CFT_MULTILINGUAL_MODEL)) is not None:
            _ = encoder.dimensions  # loads it, or raises now
        return encoder
    except (ImportError, OSError) as problem:
        raise BadFile(
            f"The multilingual model cannot be loaded ({problem}). Name another in CFT_MULTILINGUAL_MODEL, set it to"
            " off, or give --no-embeddings."
        ) from problem


def embeddings() -> "Encoder | None":
    """The configured embedding model, None where it is switched off. Raises BadFile where it cannot be loaded."""
    try:
        from curation.decontamination.engine.encoder import Encoder

        if (encoder := Encoder.default(settings.CFT_EMBEDDING_MODEL)) is not None:
            _ = encoder.dimensions  # loads it, or raises now
        return encoder
    except (ImportError, OSError) as problem:
        raise BadFile(
            f"The embedding model cannot be loaded ({problem}). Install the extra `ml`, name another in"
            " CFT_EMBEDDING_MODEL, or give --no-embeddings."
        ) from problem


def current_registry(options: Mapping[str, Any]) -> "Registry":
    """The current epoch's registry, under its policy or the limits given."""
    from curation.screening import current_epoch

    opened = current_epoch.open_registry()
    if opened is None:
        raise BadFile("No epoch has been published yet: publish a benchmark, or give --items.")
    policy = with_limits(opened.policy, options)
    if policy != opened.policy:
        opened = opened.with_policy(policy)
    return opened.without_meaning() if options["no_embeddings"] else opened


def clean_reference(registry: "Registry") -> str:
    """What the clean texts of --background did: most change little, and whoever gives them should know."""
    texts, aside, common = (registry.header[f"background_{name}"] for name in ("documents", "set_aside", "common"))
    held = f", {aside:,} more held an item and were set aside" if aside else ""
    did = f"{common:,} word sequences of items stand in {COMMON} of them or more and weigh nothing."
    advice = " By words that changes little: give more texts, with the instructions that your rows carry."
    return f"Clean reference: {texts:,} texts{held}. {did}{'' if common else advice}"


def log_screening(registry: "Registry", tally: row_screening.Tally, report: Path) -> None:
    """Whoever compares a file with the exam leaves an event."""
    from curation.batches import actions as batch_actions

    with report.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    batch_actions.record_screening(
        registry.number,
        rows=tally.rows,
        blocked=tally.methods,
        unread_columns=len(tally.unread),
        report_sha256=sha256,
        by=process_name(settings.CFT_ROLE),
    )


class Progress:
    """Rows and rows a second, on a terminal only."""

    EVERY = 0.5

    def __init__(self, stream: Any) -> None:
        self._stream, self._began, self._due = stream, time.monotonic(), 0.0

    def show(self, tally: row_screening.Tally) -> None:
        now = time.monotonic()
        if self._stream.isatty() and now >= self._due:
            self._due = now + self.EVERY
            rate = tally.rows / max(now - self._began, 1e-9)
            self._stream.write(f"\r{tally.rows:,} rows, {rate:,.0f} a second, {tally.blocked:,} blocked", ending="")
            self._stream.flush()

    def clear(self) -> None:
        if self._stream.isatty():
            self._stream.write("\r\x1b[K", ending="")


def summary(
    tally: row_screening.Tally, registry: "Registry", ids: Mapping[str, Id] | None, seconds: float
) -> list[str]:
    """The result, and what was not checked."""
    lines = [f"{tally.rows:,} rows against {len(registry):,} items in {seconds:.1f} s: {tally}."]
    unseen = [] if row_screening.meaning_of(registry) else ["meaning (embeddings are off), so rewording may pass"]
    if registry.translator:
        items = ", ".join(map(name_of, registry.header["languages"]))
        lines.append(f"In other languages than the items' ({items}): {tally.in_languages}, by {registry.translator}.")
    else:
        unseen.append(OTHER_LANGUAGES)
    if unseen:
        lines.append(f"Not checked: {'; '.join(unseen)}.")
    if weak := [str(ids[name]) if ids else name for name in registry.unprotected]:
        examples = ", ".join(weak[:5]) + (", …" if len(weak) > 5 else "")
        lines.append(f"Without enough rare n-grams, so found word for word only: {len(weak)} items ({examples}).")
    if little := registry.header["code_too_short"]:
        among = f"{len(little)} of {registry.header['code_items']} items with code"
        lines.append(f"Too little code to be told from what everybody writes, so found by its words only: {among}.")
    return lines
