"""Checkpoints a killed run can trust: written aside, hashed, then renamed into place; the last two are kept.

checkpoints/step-120/adapter.safetensors   the trained tensors by name
checkpoints/step-120/state.pt              optimizer and random state
checkpoints/step-120/checkpoint.json       step, seconds, sha256 of the manifest and of both files; written
last
"""

import io
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import load_file
from safetensors.torch import save as serialize

from training.engine.digests import file_sha256
from training.engine.errors import no_room
from training.engine.files import flush, replacing_folder, write_json

KEPT = 2
SEAL = "checkpoint.json"


@dataclass(frozen=True)
class Checkpoint:
    folder: Path
    step: int
    seconds: float


def trained_tensors(model: PeftModel) -> dict[str, torch.Tensor]:
    return {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}


class CheckpointStore:
    """The checkpoints of one run; those of another manifest are never resumed from."""

    def __init__(self, folder: Path, manifest_sha256: str):
        self.folder = folder
        self.manifest_sha256 = manifest_sha256

    def save(self, model: PeftModel, optimizer: torch.optim.Optimizer, step: int, seconds: float) -> None:
        """Either the whole checkpoint is there afterwards, or none of it and an error."""
        try:
            with replacing_folder(self.folder / f"step-{step}") as aside:
                self._write(aside, model, optimizer, step, seconds)
        except OSError as cause:
            raise no_room(f"checkpoint step-{step}", cause) from cause
        self._prune()

    def _write(
        self, folder: Path, model: PeftModel, optimizer: torch.optim.Optimizer, step: int, seconds: float
    ) -> None:
        tensors = {name: tensor.cpu().contiguous() for name, tensor in trained_tensors(model).items()}
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        state = {"optimizer": optimizer.state_dict(), "rng": torch.get_rng_state(), "cuda_rng": cuda}
        buffer = io.BytesIO()
        torch.save(state, buffer)
        # Written by Python: the writers of torch and safetensors hide the number of an OSError.
        (folder / "adapter.safetensors").write_bytes(serialize(tensors))
        (folder / "state.pt").write_bytes(buffer.getbuffer())
        files = {name: file_sha256(folder / name) for name in ("adapter.safetensors", "state.pt")}
        for name in files:
            flush(folder / name)
        seal = {"step": step, "seconds": seconds, "manifest_sha256": self.manifest_sha256, "files": files}
        write_json(folder / SEAL, seal)

    def newest(self) -> Checkpoint | None:
        """The newest checkpoint whose files still hash to what its seal says."""
        for folder in self._steps():
            checkpoint = self._verified(folder)
            if checkpoint is not None:
                return checkpoint
        return None

    def _steps(self) -> list[Path]:
        folders = [path for path in self.folder.glob("step-*") if path.name[5:].isdigit()]
        return sorted(folders, key=lambda path: int(path.name[5:]), reverse=True)

    def _verified(self, folder: Path) -> Checkpoint | None:
        try:
            seal = json.loads((folder / SEAL).read_text())
            intact = all(file_sha256(folder / name) == digest for name, digest in seal["files"].items())
            if intact and seal["manifest_sha256"] == self.manifest_sha256:
                return Checkpoint(folder, seal["step"], seal["seconds"])
        except (OSError, ValueError, KeyError):
            return None
        return None

    def _prune(self) -> None:
        for folder in self._steps()[KEPT:]:
            shutil.rmtree(folder, ignore_errors=True)


def restore(checkpoint: Checkpoint, model: PeftModel, optimizer: torch.optim.Optimizer) -> None:
    """Put model, optimizer and random state back to where they were after `checkpoint.step` steps."""
    saved = load_file(checkpoint.folder / "adapter.safetensors")
    with torch.no_grad():
        for name, tensor in trained_tensors(model).items():
            tensor.copy_(saved[name])
    state = torch.load(checkpoint.folder / "state.pt", weights_only=True, map_location="cpu")
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["rng"])
    if state["cuda_rng"]:
        torch.cuda.set_rng_state_all(state["cuda_rng"])
