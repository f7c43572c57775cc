"""Guards: what PostgreSQL itself refuses, whoever writes, one SQL file each in the app's folder `guards/`.

A file is named for what it protects and says so in its first line. A migration installs guards by name, in order:

    operations = guards.operations("curation", "row_hash", "pair_needs_consent")

**A released file is never edited**: databases that have run its migration would keep the old text. A changed guard is a
new file and a migration that installs it: copy `pair_needs_consent.sql` to `pair_needs_consent.2.sql`, change the copy,
and write a migration with `guards.operations("curation", "pair_needs_consent.2")`. Undone, it installs the version
before. The highest version of a name is the rule in force; the others stay for the migrations that name them.

So that a version can run over another one, and over itself, each statement replaces what is there (`CREATE OR REPLACE`,
or `DROP ... IF EXISTS` first), and every version of a guard creates the same functions, triggers and constraints. What
is new, or takes other arguments, is another guard; what goes is dropped by the migration that does without it.

Functions that read a table set their search path with `pg_temp` last, so that a temporary table of the same name cannot
stand in for the real one; those that are SECURITY DEFINER run as their owner, so that a role needs no right to read
what they check. Roles and their grants are no guards: `provision` makes them anew after every migration.
"""

import re
from pathlib import Path

from django.apps import apps
from django.db.migrations import RunSQL

FOLDER = "guards"

# What a guard may create, and how each is taken away again. A statement begins its line.
FUNCTION = re.compile(r"^CREATE OR REPLACE FUNCTION (?P<name>\w+)", re.M)
TRIGGER = re.compile(r"^CREATE (?:OR REPLACE|CONSTRAINT) TRIGGER (?P<name>\w+)\s[^;]*?\sON (?P<table>\w+)", re.M)
CONSTRAINT = re.compile(r"^ALTER TABLE (?P<table>\w+)\s[^;]*?\sADD CONSTRAINT (?P<name>\w+)", re.M)
REMOVALS = {
    FUNCTION: "DROP FUNCTION {name};",
    TRIGGER: "DROP TRIGGER {name} ON {table};",
    CONSTRAINT: "ALTER TABLE {table} DROP CONSTRAINT {name};",
}


def operations(app_label: str, *names: str) -> list[RunSQL]:
    """Install these guards of the app, each in the version that its name ends with (the first one without)."""
    folder = Path(apps.get_app_config(app_label).path) / FOLDER
    return [RunSQL((folder / f"{name}.sql").read_text(), reverse(folder, name)) for name in names]


def reverse(folder: Path, name: str) -> str:
    """What undoes the installation: the text of the version before, or the removal of what the first one creates."""
    text = (folder / f"{name}.sql").read_text()
    guard, _, version = name.partition(".")
    if not version:
        return removal(text)
    earlier = guard if version == "2" else f"{guard}.{int(version) - 1}"
    before = (folder / f"{earlier}.sql").read_text()
    if set(removal(before).splitlines()) != set(removal(text).splitlines()):
        raise ValueError(f"{name} creates other things than {earlier}: what is new, or goes, is another guard.")
    return before


def removal(text: str) -> str:
    """Statements that take away whatever the guard's text creates, the last one first."""
    statements = [
        (created.start(), form.format(**created.groupdict()))
        for pattern, form in REMOVALS.items()
        for created in pattern.finditer(text)
    ]
    return "\n".join(statement for _, statement in sorted(statements, reverse=True))
