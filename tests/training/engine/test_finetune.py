"""A run: its files, its determinism, and what happens when it is killed, stopped, starved or diverges."""

import json
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.support.runs import ROOT, engine, environment, lines, refusal, write_run
from training.engine.digests import adapter_sha256, file_sha256
from training.engine.finetune import finetune

pytestmark = pytest.mark.heavy

LONGER = {"min_steps": 40, "checkpoint_every": 5}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """An uninterrupted run of 40 steps in a process of its own."""
    folder = tmp_path_factory.mktemp("finished")
    done = engine("training.engine", write_run(folder, recipe=LONGER))
    assert done.returncode == 0, done.stderr
    return folder


def result(folder: Path) -> dict:
    return json.loads((folder / "result.json").read_text())


def start(manifest: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "training.engine", str(manifest)]
    return subprocess.Popen(command, cwd=ROOT, env=environment(), stderr=subprocess.DEVNULL)


def await_steps(process: subprocess.Popen, folder: Path, steps: int) -> None:
    """Wait until a running engine has written this many lines of metrics."""
    path = folder / "metrics.jsonl"
    deadline = time.monotonic() + 90
    while not path.exists() or path.read_text().count("\n") < steps:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)


def test_a_run_leaves_its_files(finished):
    metrics = lines(finished / "metrics.jsonl")
    assert [line["step"] for line in metrics] == list(range(1, 41))
    assert set(metrics[0]) == {
        "step", "total", "epoch", "loss", "ce", "kl", "replay_loss", "kept_aside_loss", "lr", "seconds",
    }  # fmt: skip
    assert metrics[-1]["ce"] < metrics[0]["ce"]
    assert metrics[0]["kept_aside_loss"] is None and metrics[2]["kept_aside_loss"] > 0
    assert {path.name for path in (finished / "checkpoints").iterdir()} == {"step-30", "step-35"}
    assert {path.name for path in (finished / "adapter").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    assert "Finished" in (finished / "log.txt").read_text()


def test_the_result_names_what_was_made_from_what(finished):
    made = result(finished)
    assert made["adapter_sha256"] == adapter_sha256(finished / "adapter")
    assert made["manifest_sha256"] == file_sha256(finished / "manifest.json")
    assert made["steps"] == 40
    assert made["versions"]["torch"] == torch.__version__
    assert made["peak_rss_mb"] > 50


def test_the_adapter_names_no_path_of_this_machine(finished):
    config = json.loads((finished / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "base"
    assert config["target_modules"] == sorted(config["target_modules"])


def test_the_same_manifest_gives_the_same_adapter(finished, tmp_path):
    for name in ("manifest.json", "rows.jsonl"):
        shutil.copy(finished / name, tmp_path)
    assert engine("training.engine", tmp_path / "manifest.json").returncode == 0
    assert result(tmp_path)["adapter_sha256"] == result(finished)["adapter_sha256"]
    weights = "adapter/adapter_model.safetensors"
    assert (tmp_path / weights).read_bytes() == (finished / weights).read_bytes()


def test_a_finished_run_is_not_run_again(finished):
    before = (finished / "log.txt").read_text()
    assert finetune(finished / "manifest.json") == result(finished)
    assert (finished / "log.txt").read_text() == before


def test_another_seed_gives_another_adapter(finished, tmp_path):
    assert finetune(write_run(tmp_path, recipe=LONGER, seed=1))["adapter_sha256"] != result(finished)["adapter_sha256"]


def test_a_killed_run_resumes_to_the_same_adapter(finished, tmp_path):
    manifest = write_run(tmp_path, recipe=LONGER)
    process = start(manifest)
    await_steps(process, tmp_path, 12)
    process.kill()
    process.wait()
    assert not (tmp_path / "result.json").exists()
    assert engine("training.engine", manifest).returncode == 0
    assert "from step 0 " in (log := (tmp_path / "log.txt").read_text())
    assert log.count("Run test") == 2 and log.count("from step 0 ") == 1
    assert [line["step"] for line in lines(tmp_path / "metrics.jsonl")] == list(range(1, 41))
    assert result(tmp_path)["adapter_sha256"] == result(finished)["adapter_sha256"]


def test_sigterm_checkpoints_and_exits_75(finished, tmp_path):
    manifest = write_run(tmp_path, recipe={**LONGER, "checkpoint_every": 1000})
    process = start(manifest)
    await_steps(process, tmp_path, 3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 75
    [checkpoint] = (tmp_path / "checkpoints").iterdir()
    assert f"Stopped after step {checkpoint.name[5:]};" in (tmp_path / "log.txt").read_text()
    assert engine("training.engine", manifest).returncode == 0
    assert result(tmp_path)["adapter_sha256"] == result(finished)["adapter_sha256"]


def test_a_damaged_checkpoint_is_passed_over(finished, tmp_path):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    (tmp_path / "result.json").unlink()
    damaged = tmp_path / "checkpoints" / "step-35" / "adapter.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-4] + b"oops")
    made = finetune(tmp_path / "manifest.json")
    assert "from step 30 " in (tmp_path / "log.txt").read_text()
    assert made["adapter_sha256"] == result(finished)["adapter_sha256"]


def test_a_checkpoint_of_another_manifest_is_not_used(finished, tmp_path):
    shutil.copytree(finished / "checkpoints", tmp_path / "checkpoints")
    finetune(write_run(tmp_path, recipe={"min_steps": 2}))
    assert "from step 0 " in (tmp_path / "log.txt").read_text()


def test_a_full_disk_is_said_and_the_last_checkpoint_stays(finished, tmp_path):
    """A limit on file size stands for the full disk: the kernel refuses the write in the same place."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    (tmp_path / "result.json").unlink()
    shutil.rmtree(tmp_path / "checkpoints" / "step-35")
    before = {path: file_sha256(path) for path in (tmp_path / "checkpoints" / "step-30").iterdir()}
    command = [sys.executable, "-m", "training.engine", str(tmp_path / "manifest.json")]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, preexec_fn=limit_file_size
    )
    assert done.returncode == 4
    assert refusal(done)["field"] == "disk"
    assert {path: file_sha256(path) for path in before} == before
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-30"]


def limit_file_size() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


def test_a_loss_that_is_no_number_ends_with_3(tmp_path):
    broken = tmp_path / "base"
    shutil.copytree(ROOT / "training" / "demo_model" / "base", broken)
    spoil(broken / "model.safetensors")
    done = engine("training.engine", write_run(tmp_path / "run", base=broken))
    assert done.returncode == 3
    assert "not a number" in refusal(done)["message"]
    assert not (tmp_path / "run" / "result.json").exists()


def spoil(path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(path)
    tensors["model.norm.weight"][0] = float("nan")
    save_file(tensors, path, metadata={"format": "pt"})
