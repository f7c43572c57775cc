"""The guard files are what a migrated database has installed: the newest text of each, no more and no less."""

from collections import Counter
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.db.migrations import RunSQL
from django.db.migrations.loader import MigrationLoader

from cftapp.access.provision import provision
from cftapp.base import guards
from cftapp.local.secrets import login_passwords
from tests.support.catalogue import catalogue, differences

FOLDERS = {app.label: Path(app.path) / guards.FOLDER for app in apps.get_app_configs()}
GUARDED = sorted(label for label, folder in FOLDERS.items() if folder.is_dir())


def database_of(label):
    return "vault" if label == "vault" else "default"


def labels_in(alias):
    return [label for label in GUARDED if database_of(label) == alias]


def version(file):
    _, _, number = file.stem.partition(".")
    return int(number or 1)


def newest(label):
    """The text in force of each guard of the app."""
    files = sorted(FOLDERS[label].glob("*.sql"), key=version)
    return {file.stem.partition(".")[0]: file.read_text() for file in files}


def test_every_app_that_writes_has_guards():
    assert GUARDED == ["accounts", "audit", "curation", "evaluation", "feedback", "serving", "training", "vault"]


@pytest.mark.parametrize("label", GUARDED)
def test_what_is_installed_is_the_newest_text(label, db):
    with connections[database_of(label)].cursor() as cursor:
        installed = catalogue(cursor)
        for text in newest(label).values():
            cursor.execute(text)
        assert differences(installed, catalogue(cursor)) == {}


@pytest.mark.parametrize("alias", ["default", "vault"])
def test_every_function_and_trigger_is_in_a_guard_file(alias, db):
    texts = [text for label in labels_in(alias) for text in newest(label).values()]
    functions = Counter(found["name"] for text in texts for found in guards.FUNCTION.finditer(text))
    triggers = Counter(
        f"{found['name']} on {found['table']}" for text in texts for found in guards.TRIGGER.finditer(text)
    )
    with connections[alias].cursor() as cursor:
        installed = list(catalogue(cursor))
    assert functions == Counter(name.partition("(")[0] for kind, name in installed if kind == "function")
    assert triggers == Counter(name for kind, name in installed if kind == "trigger")


@pytest.mark.parametrize("label", GUARDED)
def test_every_file_is_installed_by_one_migration(label, db):
    migrations = MigrationLoader(connections[database_of(label)]).disk_migrations
    installed = Counter(
        operation.sql
        for (app_label, _), migration in migrations.items()
        for operation in migration.operations
        if app_label == label and isinstance(operation, RunSQL)
    )
    assert {file.name: installed[file.read_text()] for file in FOLDERS[label].glob("*.sql")} == {
        file.name: 1 for file in FOLDERS[label].glob("*.sql")
    }


@pytest.mark.parametrize("label", GUARDED)
def test_a_file_says_first_what_it_protects(label):
    assert [file.name for file in FOLDERS[label].glob("*.sql") if not file.read_text().startswith("-- ")] == []


@pytest.mark.parametrize("alias", ["default", "vault"])
def test_guards_are_taken_back_and_installed_again(alias, db):
    with connections[alias].cursor() as cursor:
        whole = catalogue(cursor)
        for label in labels_in(alias):
            call_command("migrate", label, "0001_initial", database=alias, verbosity=0)
        assert [name for name in catalogue(cursor) if name[0] in ("function", "trigger")] == []
        call_command("migrate", database=alias, verbosity=0)
        # Of this database alone: roles are the cluster's, and this transaction holds their rows.
        provision(login_passwords(Path(settings.CFT_VAR)), [alias])
        assert differences(whole, catalogue(cursor)) == {}


FIRST = """-- A lesson is kept.
CREATE OR REPLACE FUNCTION keep_lesson() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a lesson stays';
END $$;
CREATE OR REPLACE TRIGGER lesson_is_kept BEFORE UPDATE OF words
    OR DELETE ON lesson FOR EACH ROW EXECUTE FUNCTION keep_lesson();
ALTER TABLE lesson
    DROP CONSTRAINT IF EXISTS lesson_has_words,
    ADD CONSTRAINT lesson_has_words CHECK (words <> '');
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "lesson_is_kept.sql").write_text(FIRST)
    return tmp_path


def test_the_first_version_is_undone_by_removing_what_it_created_last_first(folder):
    assert guards.reverse(folder, "lesson_is_kept").splitlines() == [
        "ALTER TABLE lesson DROP CONSTRAINT lesson_has_words;",
        "DROP TRIGGER lesson_is_kept ON lesson;",
        "DROP FUNCTION keep_lesson;",
    ]


def test_a_later_version_is_undone_by_the_one_before(folder):
    second, third = FIRST.replace("stays", "is kept"), FIRST.replace("stays", "is never lost")
    (folder / "lesson_is_kept.2.sql").write_text(second)
    (folder / "lesson_is_kept.3.sql").write_text(third)
    assert guards.reverse(folder, "lesson_is_kept.2") == FIRST
    assert guards.reverse(folder, "lesson_is_kept.3") == second


@pytest.mark.parametrize(("before", "after"), [("keep_lesson()", "hold_lesson()"), ("ON lesson", "ON example")])
def test_a_version_that_creates_something_else_is_refused(folder, before, after):
    (folder / "lesson_is_kept.2.sql").write_text(FIRST.replace(before, after))
    with pytest.raises(ValueError, match=r"lesson_is_kept\.2 creates other things than lesson_is_kept"):
        guards.reverse(folder, "lesson_is_kept.2")


@pytest.mark.parametrize("alias", ["default", "vault"])
def test_a_function_reads_real_tables_before_temporary_ones(alias, django_db_blocker):
    """Otherwise whoever may make a temporary table says what a guard sees."""
    with django_db_blocker.unblock(), connections[alias].cursor() as cursor:
        cursor.execute(
            r"""
            SELECT proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
            JOIN pg_language l ON l.oid = p.prolang
            WHERE n.nspname = 'public' AND l.lanname IN ('sql', 'plpgsql')
            AND prosrc ~* '\m(from|into|update|join)\s+(feedback|curation|training|evaluation|serving|audit|vault)_'
            AND NOT EXISTS (SELECT FROM unnest(proconfig) AS setting WHERE setting ~ '^search_path=.*, *"?pg_temp"?$')
            """
        )
        assert cursor.fetchall() == []
