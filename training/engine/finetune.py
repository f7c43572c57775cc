"""LoRA supervised fine-tuning of one run folder. See `manifest.py` for what goes in.

What comes out, beside the manifest: `metrics.jsonl` (a line a step), `log.txt`, `checkpoints/`, `adapter/`,
and `result.json`, written last. On one CPU the same manifest gives the same `adapter_sha256`, killed and
resumed or not.
"""

import json
import math
import os
import platform
import resource
import signal
import time
from pathlib import Path
from types import FrameType
from typing import IO

import peft
import torch
import transformers
from peft import PeftModel

from training.engine.adapters import add_lora, save_adapter
from training.engine.batching import Plan, make_plan
from training.engine.checkpoints import CheckpointStore, restore
from training.engine.context import context_of
from training.engine.digests import adapter_sha256, base_sha256
from training.engine.errors import DIVERGED, STOPPED, EngineError, no_room
from training.engine.files import write_json
from training.engine.fitting import fit
from training.engine.loading import choose_device, load_model, resolve_base
from training.engine.losses import AnchoredLoss, LossParts
from training.engine.manifest import Manifest, Recipe, TrainingRow, read_manifest, read_rows
from training.engine.tensors import collate
from training.engine.tokenizer import load_tokenizer

Metrics = dict[str, float | int | None]
LOWEST_LR = 0.1


class StopRequest:
    """True once SIGTERM has come; the loop looks at it between two steps."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True


class Journal:
    """`metrics.jsonl` for programs and `log.txt` for people, both written line by line."""

    def __init__(self, folder: Path, step: int):
        self.path = folder / "metrics.jsonl"
        self._forget_after(step)
        self.metrics: IO[str] = self.path.open("a")
        self.log: IO[str] = (folder / "log.txt").open("a")

    def _forget_after(self, step: int) -> None:
        """Drop the lines that a killed run wrote after its last checkpoint: they will come again."""
        lines = self.path.read_text().splitlines(keepends=True) if self.path.exists() else []
        self.path.write_text("".join(lines[:step]))

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *raised: object) -> None:
        self.metrics.close()
        self.log.close()

    def record(self, metrics: Metrics) -> None:
        self._write(self.metrics, json.dumps(metrics))

    def say(self, message: str) -> None:
        self._write(self.log, f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {message}")

    def _write(self, file: IO[str], line: str) -> None:
        try:
            file.write(line + "\n")
            file.flush()
        except OSError as cause:
            raise no_room(file.name, cause) from cause


def learning_rate(step: int, steps: int, recipe: Recipe) -> float:
    """Linear warm-up, then a cosine down to a tenth of the peak."""
    warm = min(1.0, (step + 1) / recipe.warmup_steps) if recipe.warmup_steps else 1.0
    decay = LOWEST_LR + (1 - LOWEST_LR) * 0.5 * (1 + math.cos(math.pi * step / steps))
    return recipe.lr * warm * decay


class Trainer:
    """A model, its rows and an optimizer; `step` does one step, `run` all that remain."""

    def __init__(self, manifest: Manifest, rows: list[TrainingRow], base: Path):
        self.manifest, self.recipe = manifest, manifest.recipe
        self.device = choose_device(manifest.device)
        self.tokenizer = load_tokenizer(base)
        self.fitted = fit(rows, self.tokenizer, self.recipe, context_of(base))
        self.rows, self.encoded = self.fitted.rows, self.fitted.encoded
        self.plan: Plan = make_plan(self.rows, self.recipe, manifest.seed)
        self.model: PeftModel = add_lora(load_model(base, self.device, manifest.dtype), self.recipe, manifest.seed)
        self.loss = AnchoredLoss(self.recipe.kl_weight)
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=self.recipe.lr, weight_decay=0.0)
        self.store = CheckpointStore(manifest.folder / "checkpoints", manifest.sha256)

    def forward(self, numbers: list[int]) -> LossParts:
        """The loss of some rows; the reference comes from the same weights with the adapter off."""
        ids, attention, labels = self.tensors(numbers)
        logits = self.model(input_ids=ids, attention_mask=attention).logits
        if not self.recipe.kl_weight:
            return self.loss(logits, labels)
        with torch.no_grad(), self.model.disable_adapter():
            reference = self.model(input_ids=ids, attention_mask=attention).logits
        return self.loss(logits, labels, reference, self.anchored(numbers))

    def tensors(self, numbers: list[int]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        ids, attention, labels = collate([self.encoded[i] for i in numbers], self.tokenizer.pad_token_id)
        return ids.to(self.device), attention.to(self.device), labels.to(self.device)

    def anchored(self, numbers: list[int]) -> torch.Tensor:
        everywhere = self.recipe.kl_on == "all"
        return torch.tensor([float(everywhere or self.rows[i].kind == "replay") for i in numbers], device=self.device)

    def step(self, step: int) -> Metrics:
        """One step of the optimizer (steps count from 0); returns its line of metrics."""
        rate = learning_rate(step, self.plan.steps, self.recipe)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        parts = self.forward(self.plan.batch(step))
        if not torch.isfinite(parts.total):
            raise EngineError(
                "recipe.lr",
                f"The loss is not a number at step {step + 1}.",
                "Lower the learning rate.",
                DIVERGED,
            )
        parts.total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.parameters, self.recipe.grad_clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return self.describe(step, parts, rate)

    def describe(self, step: int, parts: LossParts, rate: float) -> Metrics:
        pairs = self.plan.pairs_per_batch
        return {
            "step": step + 1,
            "total": self.plan.steps,
            "epoch": round(self.plan.epoch(step), 3),
            "loss": round(parts.total.item(), 6),
            "ce": round(parts.ce[:pairs].mean().item(), 6),
            "kl": round(parts.kl.mean().item(), 6),
            "replay_loss": round(parts.ce[pairs:].mean().item(), 6) if self.plan.replay_per_batch else None,
            "kept_aside_loss": self.kept_aside_loss() if self.evaluates_at(step + 1) else None,
            "lr": rate,
            **(self.fitted.counts if self.recipe.too_long != "refuse" else {}),
        }

    def evaluates_at(self, done: int) -> bool:
        every = self.recipe.eval_every
        return bool(self.plan.kept_aside and every) and (done % every == 0 or done == self.plan.steps)

    @torch.no_grad()
    def kept_aside_loss(self) -> float:
        """Mean cross-entropy of the replay rows that were kept aside."""
        losses = [
            self.loss(self.model(input_ids=ids, attention_mask=attention).logits, labels).ce
            for ids, attention, labels in map(self.tensors, chunks(self.plan.kept_aside, 32))
        ]
        return round(torch.cat(losses).mean().item(), 6)

    def run(self, first: int, spent: float, journal: Journal, stop: StopRequest) -> tuple[Metrics, float]:
        """Steps `first` to the end; returns the last metrics and the seconds of training in all."""
        began, last = time.monotonic() - spent, {}
        self.model.eval()  # with dropout the base would differ from itself, and the anchor pull at noise
        for step in range(first, self.plan.steps):
            if stop.asked:
                self.stop(step, time.monotonic() - began, journal)
            last = self.step(step)
            journal.record({**last, "seconds": round(time.monotonic() - began, 3)})
            if (step + 1) % self.recipe.checkpoint_every == 0 and step + 1 < self.plan.steps:
                self.store.save(self.model, self.optimizer, step + 1, time.monotonic() - began)
        return last, time.monotonic() - began

    def stop(self, step: int, seconds: float, journal: Journal) -> None:
        self.store.save(self.model, self.optimizer, step, seconds)
        journal.say(f"Stopped after step {step}; start again to resume.")
        raise SystemExit(STOPPED)


def chunks(numbers: tuple[int, ...], size: int) -> list[list[int]]:
    return [list(numbers[i : i + size]) for i in range(0, len(numbers), size)]


def prepare_torch(manifest: Manifest) -> None:
    """Deterministic arithmetic; on CUDA this needs cuBLAS' workspace to be fixed before its first use."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(manifest.threads)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(manifest.seed)


def checked_base(manifest: Manifest) -> tuple[Path, str]:
    base = resolve_base(manifest.base_model, manifest.folder)
    digest = base_sha256(base)
    if manifest.base_sha256 and manifest.base_sha256 != digest:
        raise EngineError(
            "base_sha256",
            f"The base model hashes to {digest}, the manifest says {manifest.base_sha256}.",
            "Use the base model that the manifest was written for.",
        )
    return base, digest


def finished(manifest: Manifest) -> dict[str, object] | None:
    """The result of this very manifest, if its adapter is still whole: a second delivery costs nothing."""
    try:
        result: dict[str, object] = json.loads((manifest.folder / "result.json").read_text())
        whole = result["adapter_sha256"] == adapter_sha256(manifest.folder / "adapter")
    except (OSError, ValueError, KeyError):
        return None
    return result if whole and result.get("manifest_sha256") == manifest.sha256 else None


def finetune(path: Path) -> dict[str, object]:
    """Run or resume a manifest; returns what `result.json` holds. Raises EngineError, SystemExit(75)."""
    stop = StopRequest()
    manifest = read_manifest(path)
    if done := finished(manifest):
        return done
    rows = read_rows(manifest)
    base, base_digest = checked_base(manifest)
    prepare_torch(manifest)
    trainer = Trainer(manifest, rows, base)
    checkpoint = trainer.store.newest()
    first, spent = (checkpoint.step, checkpoint.seconds) if checkpoint else (0, 0.0)
    if checkpoint:
        restore(checkpoint, trainer.model, trainer.optimizer)
    with Journal(manifest.folder, first) as journal:
        plan = trainer.plan
        journal.say(
            f"Run {manifest.run}: {len(plan.pairs)} pairs, {len(plan.replay)} replay rows, "
            f"{len(plan.kept_aside)} kept aside, {plan.steps} steps from step {first} on {trainer.device}."
        )
        for what, numbers in (("cut at a turn's border", trainer.fitted.cut), ("left out", trainer.fitted.left_out)):
            if numbers:
                journal.say(f"Too long and {what}: {len(numbers)} rows, numbers {', '.join(map(str, numbers[:50]))}.")
        last, seconds = trainer.run(first, spent, journal, stop)
        digest = save_adapter(trainer.model, manifest.folder / "adapter", base.name)
        result = summary(manifest, trainer, base_digest, digest, last, seconds)
        write_json(manifest.folder / "result.json", result)
        journal.say(f"Finished in {seconds:.1f} s; adapter {digest}.")
    return result


def summary(
    manifest: Manifest, trainer: Trainer, base_digest: str, digest: str, last: Metrics, seconds: float
) -> dict[str, object]:
    return {
        "run": manifest.run,
        "manifest_sha256": manifest.sha256,
        "base_sha256": base_digest,
        "adapter_sha256": digest,
        "steps": trainer.plan.steps,
        "pairs": len(trainer.plan.pairs),
        "replay": len(trainer.plan.replay),
        "kept_aside": len(trainer.plan.kept_aside),
        **trainer.fitted.counts,
        "left_out": trainer.fitted.left_out,
        "seconds": round(seconds, 3),
        "final": {key: last.get(key) for key in ("loss", "ce", "kl", "replay_loss", "kept_aside_loss")},
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "device": str(trainer.device),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "peft": peft.__version__,
        },
    }
