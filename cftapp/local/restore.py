"""`python -m cftapp.local.restore FOLDER`: a backup with keys into an empty CFT_VAR, for `make up` to go on with.

Embedded services have no databases before their first start: this starts PostgreSQL alone, restores into it, and stops
it again.
"""

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

from cftapp.local.embedded import ROOT, Postgres, Unusable, default_var, launch, owner_environment
from cftapp.operations import backup


def restore(source: Path) -> None:
    """Raises Unusable, of either kind, and leaves no server behind."""
    if given := [name for name in ("DATABASE_URL", "VAULT_DATABASE_URL") if os.environ.get(name)]:
        raise backup.Unusable(f"{given[0]} names another server: use `manage.py restore` for it, or unset it.")
    var = default_var(os.environ)
    facts = backup.check(source)
    if not facts["keys"]:
        raise backup.Unusable(
            "This backup was made without keys: copy secrets.json and keys/ to CFT_VAR yourself,"
            " set DATABASE_URL and VAULT_DATABASE_URL, and use `manage.py restore`."
        )
    backup.restore_files(source, var, keys=True)
    owner = owner_environment(os.environ)
    postgres = Postgres(var, owner)
    server = launch(postgres)
    try:
        postgres.create_databases()
        for alias, database in (("default", "cft"), ("vault", "vault")):
            parameters = {
                "host": str(postgres.sockets),
                "user": "cft_owner",
                "password": owner["CFT_DB_PASSWORD_OWNER"],
                "dbname": database,
            }
            backup.restore_database(parameters, source / f"{alias}.dump")
        if subprocess.run([sys.executable, "manage.py", "provision"], cwd=ROOT, env=owner).returncode:
            raise backup.Unusable(
                "Roles could not be made; the reason is above. Mend it, and restore into another CFT_VAR."
            )
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
    try:
        restore(parser.parse_args().folder.resolve())
    except (Unusable, backup.Unusable, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1
    print("restored: `make up` goes on from here, and `make manage ARGS=verify_log` checks the log")
    return 0


if __name__ == "__main__":
    sys.exit(main())
