"""Imports point up the pipeline, and so does SQL, which import-linter cannot see."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps

ROOT = Path(__file__).resolve().parents[2]
PIPELINE = ("django", "audit", "feedback", "curation", "training", "evaluation", "serving", "cftapp")
DJANGO = ("admin", "auth", "contenttypes", "sessions")
GROUND = ("cftapp/base", "cftapp/access", "cftapp/grants.py", "cftapp/names.py", "cftapp/counts.py")
"""What serves all apps knows Django's tables alone."""

VAULT_DOORS = {
    # The web process drops the exam's mail in, by INSERT alone.
    ("feedback/mailbox.py", "vault_mailboxentry"),
    # The screener reads keyed fingerprints and offered items, by SELECT alone.
    ("curation/screening/current_epoch.py", "vault_registrysnapshot"),
    ("curation/screening/reverse_check.py", "vault_offer"),
}
"""Only evaluation may import the vault. These processes have a door of their own in its grants, and no model."""


def rank(path: str) -> int:
    app = "django" if path.startswith(GROUND) else path.partition("/")[0]
    return PIPELINE.index(app)


def owners() -> dict[str, int]:
    """Tables and SQL functions, with the place of their app in the pipeline."""
    known = {}
    for model in apps.get_models(include_auto_created=True):
        app = model._meta.app_config.name.partition(".")[0]
        known[model._meta.db_table] = PIPELINE.index("django" if model._meta.app_label in DJANGO else app)
    for path in sources():
        for name in re.findall(r"CREATE (?:OR REPLACE )?FUNCTION (\w+)", (ROOT / path).read_text(encoding="utf-8")):
            known.setdefault(name, rank(path))
    return known


def sources() -> Iterator[str]:
    """Every Python and SQL file of the product, migrations included."""
    for app in PIPELINE[1:]:
        for path in sorted((ROOT / app).rglob("*")):
            if path.suffix in (".py", ".sql"):
                yield path.relative_to(ROOT).as_posix()


def strings(path: str) -> list[str]:
    """What the file says to others: string literals without docstrings; all of an SQL file without its comments."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if path.endswith(".sql"):
        return [re.sub(r"--.*", "", text)]
    tree = ast.parse(text)
    said_alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in said_alone]
    return [node.value for node in constants if isinstance(node.value, str)]


def arrows_down() -> set[tuple[str, str]]:
    known = owners()
    return {
        (path, word)
        for path in sources()
        for text in strings(path)
        for word in re.findall(r"\w+", text)
        if known.get(word, 0) > rank(path)
    }


def test_sql_names_only_tables_and_functions_of_its_own_app_and_of_those_above_it() -> None:
    assert arrows_down() == VAULT_DOORS


@pytest.mark.parametrize(("path", "app"), [("cftapp/base/names.py", "django"), ("cftapp/console/counts.py", "cftapp")])
def test_the_ground_floor_lies_above_every_app_and_the_console_below(path: str, app: str) -> None:
    assert rank(path) == PIPELINE.index(app)
