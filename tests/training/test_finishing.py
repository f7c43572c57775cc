"""An engine's result is believed after its files were hashed again."""

import json
import shutil

import pytest

from cftapp.base.refusal import Refused
from tests.training.conftest import events
from training import actions
from training.engine.digests import file_sha256
from training.models import Run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def trained(queue, train):
    """Another run that is about to finish with the files of a real one."""
    real = train(queue())
    assert real.state == Run.State.FINISHED, real.error
    run = actions.start_run(queue().pk)
    shutil.copytree(actions.folder_of(real), actions.folder_of(run), symlinks=True)
    actions.record_manifest(run, real.manifest, real.manifest_sha256, real.vault_refusal)
    return run


def test_only_whole_and_matching_results_are_believed(trained):
    folder = actions.folder_of(trained)
    result = json.loads((folder / "result.json").read_text())
    weights = (folder / "adapter" / "adapter_model.safetensors").read_bytes()

    def lie(**changes):
        (folder / "result.json").write_text(json.dumps(result | changes))

    def refused(match):
        with pytest.raises(Refused, match=match):
            actions.finish_run(trained)
        trained.refresh_from_db()
        assert trained.state == Run.State.RUNNING

    lie(adapter_sha256="0" * 64)
    refused("the engine said 0000")
    lie(manifest_sha256="0" * 64)
    refused("The result is of the manifest 0000")
    lie()
    (folder / "adapter" / "adapter_model.safetensors").write_bytes(weights[:-4] + b"\0\0\0\1")
    refused("The adapter's files hash to")
    (folder / "adapter" / "adapter_model.safetensors").unlink()
    refused("no whole result")
    (folder / "result.json").write_text("{")
    refused("no whole result")

    lie()
    (folder / "adapter" / "adapter_model.safetensors").write_bytes(weights)
    actions.finish_run(trained)
    assert trained.state == Run.State.FINISHED
    assert trained.manifest_sha256 == file_sha256(folder / "manifest.json")
    assert events(trained) == ["run.queued", "run.started", "run.finished"]


def test_an_engine_that_refuses_its_input_fails_the_run_in_its_words(queue, train):
    run = train(queue(max_length=8))

    assert run.state == Run.State.FAILED
    assert "recipe.max_length is 8" in run.error
    assert "Raise max_length" in run.error
