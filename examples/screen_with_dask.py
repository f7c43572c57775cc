"""Screen a folder of Parquet partitions on a Dask cluster, with the function that `manage.py screen` uses.

From the root of the repository, on this machine or (with --scheduler) on a cluster whose workers have it installed:

    python -m examples.screen_with_dask --items ITEMS.jsonl --input rows/ --output report/ --workers 2
    CFT_REGISTRY_KEY=… python -m examples.screen_with_dask --registry 000003-….cftreg --epoch 3 --policy POLICY.json \
        --input … --output …

Each worker process maps the registry once (the pages are shared) and reads its key from its own environment: the key
never travels with a task. A partition's report appears whole or not at all under the partition's name, so a task that
Dask runs again counts once; at the end the rows of every partition are reconciled with its report.
"""

import argparse
import json
import os
import secrets
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pyarrow.parquet as pq
from dask.distributed import Client, LocalCluster, WorkerPlugin, as_completed, get_worker

from cftapp.base.record_files import BadFile
from curation.batches import report_files, row_files, row_screening
from curation.batches.row_files import Id
from curation.decontamination.engine.encoder import Encoder
from curation.decontamination.registry import BadRegistry, Registry
from curation.thresholds import tuning

KEY = "CFT_REGISTRY_KEY"


class Screener(WorkerPlugin):
    """Opens the registry when a worker starts, once for all of its tasks."""

    name = "cftapp-screener"

    registry: Registry

    def __init__(self, path: str, epoch: int, limits: Mapping[str, float], ids: Mapping[str, Id] | None) -> None:
        self.path, self.epoch, self.limits, self.ids = path, epoch, limits, ids

    def setup(self, worker: Any) -> None:
        opened = Registry.open(self.path, bytes.fromhex(os.environ[KEY]), self.epoch)
        self.registry = opened.with_policy(tuning.parse(self.limits, opened.policy))


def screen_partition(source: str, target: str) -> row_screening.Tally:
    """Runs in a worker: one partition in, its report out."""
    screener = cast(Screener, get_worker().plugins[Screener.name])
    tally = row_screening.Tally()
    with report_files.writing(Path(target), row_screening.metadata_of(screener.registry)) as report:
        for records in row_screening.screened(row_files.read_rows(Path(source)), screener.registry, screener.ids):
            report.write(records)
            tally.add(records)
    return tally


def screen_all(client: Client, screener: Screener, source: Path, target: Path) -> row_screening.Tally:
    """Screen every partition of `source` into `target`; the sum. Raises BadFile when a row is missing or too many."""
    if source.resolve() == target.resolve():
        raise BadFile(f"{target}: it is the input: name another folder.")
    partitions = partitions_of(source, target)
    reports = [target.resolve() / partition.relative_to(source) for partition in partitions]
    for report in reports:
        report.parent.mkdir(parents=True, exist_ok=True)
    client.register_plugin(screener)
    futures = client.map(
        screen_partition,
        [str(partition.resolve()) for partition in partitions],
        [str(report) for report in reports],
        pure=False,
        retries=2,
    )
    for number, done in enumerate(as_completed(futures), 1):
        print(f"{number}/{len(futures)} partitions: {done.result()}", file=sys.stderr)
    tallies = client.gather(futures)
    for partition, report, tally in zip(partitions, reports, tallies, strict=True):
        reconcile(partition, report, tally)
    return row_screening.Tally(
        sum(tally.rows for tally in tallies),
        sum((tally.methods for tally in tallies), Counter()),
        sum((tally.unread for tally in tallies), Counter()),
    )


def partitions_of(source: Path, target: Path) -> list[Path]:
    """The Parquet files below `source`, however deep (`day=1/part-0.parquet`), but for hidden ones, such as those that
    a writer has not finished, and for reports below it. Raises BadFile if there is none.
    """
    partitions = [
        path
        for path in sorted(source.rglob("*.parquet"))
        if path.is_file()
        and not any(part.startswith((".", "_")) for part in path.relative_to(source).parts)
        and not path.resolve().is_relative_to(target.resolve())
    ]
    if not partitions:
        raise BadFile(f"{source}: there is no *.parquet in it.")
    return partitions


def reconcile(partition: Path, report: Path, tally: row_screening.Tally) -> None:
    """A partition, its report and what the worker counted have the same number of rows."""
    rows, reported = (pq.ParquetFile(path).metadata.num_rows for path in (partition, report))
    if not rows == reported == tally.rows:
        raise BadFile(f"{partition}: {rows:,} rows, {reported:,} in its report, {tally.rows:,} counted by its worker.")


def limits_of(policy: Path | None) -> dict[str, float]:
    """The thresholds of a saved policy: an epoch's are not in its registry's file. Raises BadFile."""
    if policy is None:
        return {}
    try:
        limits: dict[str, float] = json.loads(policy.read_text())
        tuning.parse(limits)
    except (OSError, ValueError, TypeError) as problem:
        raise BadFile(
            f"{policy}: it holds no thresholds ({problem}): give an object of names and numbers."
        ) from problem
    return limits


@contextmanager
def registry_of(options: argparse.Namespace) -> Iterator[tuple[Path, dict[str, Id] | None]]:
    """The registry to use, and what its items are called if not by their ids: in one of `--items`, which is built under
    a random key, they have numbers. File and key are gone afterwards.
    """
    if options.registry:
        if KEY not in os.environ:
            raise BadFile(f"{KEY} is not set: workers open the registry with it.")
        yield options.registry, None
        return
    key = secrets.token_bytes(32)
    items, ids = row_screening.protect(row_files.read_items(options.items))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "items.cftreg"
        path.write_bytes(Registry.build(items, key, encoder=Encoder.default()))
        os.environ[KEY] = key.hex()  # inherited by the workers that this process starts
        yield path, ids
        del os.environ[KEY]


@contextmanager
def connected(options: argparse.Namespace) -> Iterator[Client]:
    """The cluster at `--scheduler`, or one of `--workers` processes on this machine."""
    if options.scheduler:
        with Client(options.scheduler) as client:
            yield client
        return
    with (
        LocalCluster(n_workers=options.workers, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="screen_with_dask", description=str(__doc__).splitlines()[0])
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--registry", type=Path, help="a snapshot from CFT_VAR/registry, readable by every worker")
    which.add_argument("--items", type=Path, help='{"id", "question", "answer"}: build a throw-away registry')
    parser.add_argument("--epoch", type=int, default=0, help="number of the registry's epoch, for the report")
    parser.add_argument("--policy", type=Path, help="JSON: the epoch's thresholds by name, where a policy was saved")
    parser.add_argument(
        "--input",
        type=Path,
        required=True,
        help="folder of *.parquet, also in folders of it: every text of a row is compared",
    )
    parser.add_argument(
        "--output", type=Path, required=True, help="folder of the reports, one a partition, under its name"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes on this machine")
    parser.add_argument("--scheduler", help="address of a running cluster, instead of --workers")
    options = parser.parse_args()
    if options.items and options.scheduler:
        parser.error("--items makes a registry on this machine: with --scheduler give --registry")
    return options


def main() -> int:
    options = arguments()
    try:
        limits = limits_of(options.policy)
        with registry_of(options) as (registry, ids), connected(options) as client:
            screener = Screener(str(registry.resolve()), options.epoch, limits, ids)
            total = screen_all(client, screener, options.input, options.output)
    except (BadFile, BadRegistry) as problem:
        print(problem, file=sys.stderr)
        return 2
    print(f"{total.rows:,} rows: {total}. Every row is in the report once.")
    for line in row_screening.unread_words(options.input, total, []):
        print(line, file=sys.stderr)
    return 1 if total.unread else 0


if __name__ == "__main__":
    sys.exit(main())
