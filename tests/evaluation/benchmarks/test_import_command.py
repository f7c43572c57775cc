"""`manage.py import_benchmark`"""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from evaluation.models import BenchmarkVersion
from tests.evaluation.conftest import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "towns of the north.jsonl"
    path.write_text(
        "\n".join(json.dumps(row | {"id": str(at)}) for at, row in enumerate(rows(6))), encoding="utf-8-sig"
    )
    return path


def call(file, examiner, *options):
    said = io.StringIO()
    named = ["--name", "towns", "--kind", "regression", "--by", examiner.get_username(), *options]
    call_command("import_benchmark", str(file), *named, stdout=said)
    return said.getvalue()


def test_it_publishes_and_says_what(file, examiner):
    said = call(file, examiner, "--title", "Towns", "--margin", "0.02")
    version = BenchmarkVersion.objects.get()
    assert said == f"towns v1: 6 items, sha256 {version.sha256}\n"
    assert (version.margin, version.scorer, version.benchmark.title) == (0.02, "exact", "Towns")


def test_it_takes_a_clean_reference(file, examiner, tmp_path):
    reference = tmp_path / "clean.txt"
    reference.write_text("A clean text.\nAnother one.\n")
    call(file, examiner, "--background", str(reference))
    assert BenchmarkVersion.objects.count() == 1


def test_a_bad_line_is_named_and_nothing_is_published(file, examiner):
    file.write_text(file.read_text(encoding="utf-8-sig") + '\n{"question": "Why?"}\n')
    with pytest.raises(
        CommandError, match="Nothing was published.\nline 7, answer: It is missing or empty. Write some text."
    ):
        call(file, examiner)
    assert not BenchmarkVersion.objects.exists()


def test_a_missing_file_or_account_is_named(file, examiner, tmp_path):
    with pytest.raises(CommandError, match="cannot be read"):
        call(tmp_path / "nothing.jsonl", examiner)
    with pytest.raises(CommandError, match="no account 'nobody'"):
        call_command("import_benchmark", str(file), "--name", "towns", "--kind", "regression", "--by", "nobody")
