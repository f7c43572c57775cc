"""`make restore FROM=FOLDER`: a backup into an empty CFT_VAR, for `make up` to go on with.

Embedded services have no databases before their first start: this starts PostgreSQL alone, under the backup's
passwords, runs `manage.py restore`, and stops it again.
"""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from cftapp.local.embedded import ROOT, Postgres, Unusable, default_var, launch, owner_environment
from cftapp.operations import backup


def restore(source: Path, keys: Path, options: Sequence[str] = ()) -> int:
    """The status of `manage.py restore`. Raises Unusable, of either kind; leaves no server behind."""
    if given := [name for name in ("DATABASE_URL", "VAULT_DATABASE_URL") if os.environ.get(name)]:
        raise backup.Unusable(f"{given[0]} names another server: use `manage.py restore` for it, or unset it.")
    var = default_var(os.environ)
    backup.check(source)
    if not keys.is_dir():
        raise backup.Unusable(f"{keys} is not there: name the folder of the backup's keys with --keys (make: KEYS=…).")
    backup.check(keys, "keys")
    if (var / "postgres").exists():
        raise backup.Unusable(
            f"{var} holds a stack: move it aside, and name its checkpoints with --kept (make: KEPT={var}.before/"
            "checkpoints)."
        )
    backup.restore_files(keys, var, backup.KEYS)
    owner = owner_environment(os.environ)
    postgres = Postgres(var, owner)
    server = launch(postgres)
    try:
        postgres.create_databases()
        command = [sys.executable, "manage.py", "restore", str(source), *options]
        return subprocess.run(command, cwd=ROOT, env=owner).returncode
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:
            server.send_signal(signal.SIGQUIT)
            server.wait()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m cftapp.local.restore", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keys", type=Path, help="default: the folder beside it that `make backup` wrote")
    parser.add_argument("--kept", type=Path, help="the newest checkpoints folder: who withdrew since the backup")
    parser.add_argument("--nothing-kept", action="store_true", help="there is none any more: such withdrawals are lost")
    arguments = parser.parse_args()
    source = arguments.folder.resolve()
    keys = (arguments.keys or source.with_name(source.name + ".keys")).resolve()
    options = ["--kept", str(arguments.kept.resolve())] if arguments.kept else []
    options += ["--nothing-kept"] if arguments.nothing_kept else []
    try:
        if status := restore(source, keys, options):
            print("Nothing was restored; remove CFT_VAR before you try again.", file=sys.stderr)
            return status
    except (Unusable, backup.Unusable, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1
    print("`make up` goes on from here, and `make manage ARGS=verify_log` checks the log")
    return 0


if __name__ == "__main__":
    sys.exit(main())
