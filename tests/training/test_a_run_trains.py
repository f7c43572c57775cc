"""A queued run becomes an adapter: the real engine, with the real rights of a trainer."""

import json
import subprocess
import sys

import pytest

from audit.models import Edge
from tests.training.conftest import ROOT, events, trainer_environment
from training.actions import folder_of
from training.engine.digests import adapter_sha256
from training.models import Run

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_trains_and_can_be_reproduced(queue, train):
    run = train(queue())

    assert run.state == Run.State.FINISHED, run.error
    folder = folder_of(run)
    assert run.adapter_sha256 == adapter_sha256(folder / "adapter")
    assert run.step == run.total_steps == 6
    assert events(run) == ["run.queued", "run.started", "run.finished"]
    assert Edge.objects.filter(kind="adapter", object_id=run.adapter_sha256, relation="generated").exists()

    # Invariant 2: it asked for the vault and was refused, and says so beside the manifest.
    assert 'permission denied for database "vault"' in run.vault_refusal
    assert json.loads((folder / "vault.json").read_text())["refusal"] == run.vault_refusal
    assert "vault" not in (folder / "manifest.json").read_text()

    # No copy of anybody's words is left in the folder.
    assert not (folder / "rows.jsonl").exists()
    assert "locker" not in "".join(path.read_text(errors="replace") for path in folder.glob("*.*") if path.is_file())

    done = subprocess.run(
        [sys.executable, "manage.py", "reproduce", str(run.pk)],
        cwd=ROOT,
        env=trainer_environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(run.adapter_sha256) == 2
    assert "to the last bit" in done.stdout


def test_the_seed_decides_the_adapter_and_nothing_else_does(queue, train):
    first, again, other = train(queue(seed=1)), train(queue(seed=1)), train(queue(seed=2))

    assert first.manifest_sha256 == again.manifest_sha256 != other.manifest_sha256
    assert first.adapter_sha256 == again.adapter_sha256 != other.adapter_sha256
