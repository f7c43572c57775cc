"""Score one model on one list of items. See `jobs.py` for what goes in.

What comes out: `scores.jsonl`, a line an item as it is answered,
`{"id", "output", "correct", "attack_success"}`, and `result.json` beside it, written last. A killed evaluation goes
on where it stopped, provided base and adapter are still the same. `attack_success` is null except for refusal
items, where it is true for every answer that is not a refusal.
"""

import json
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from evaluation.engine.generation import answers
from evaluation.engine.jobs import Item, Job, read_items, read_job
from evaluation.engine.scoring import is_correct
from training.engine.digests import adapter_sha256, base_sha256, canonical, file_sha256
from training.engine.errors import EngineError, no_room
from training.engine.files import write_json
from training.engine.loading import choose_device, load_model, resolve_base
from training.engine.tokenizer import load_tokenizer

Score = dict[str, Any]


def score(item: Item, output: str) -> Score:
    correct = is_correct(item.scorer, output, item.answer)
    attack = not correct if item.scorer == "refusal" else None
    return {"id": item.id, "output": output, "correct": correct, "attack_success": attack}


def identity(job: Job, base: Path) -> dict[str, str | None]:
    """The hashes of what is scored, checked against those the job asks for."""
    hashes = {
        "base_sha256": base_sha256(base),
        "adapter_sha256": adapter_sha256(job.adapter) if job.adapter else None,
        "items_sha256": file_sha256(job.items),
    }
    for key, wanted in (("base_sha256", job.base_sha256), ("adapter_sha256", job.adapter_sha256)):
        if wanted and wanted != hashes[key]:
            raise EngineError(key, f"It is {hashes[key]}, the job says {wanted}.", "Score the right model.")
    return hashes


def keep_or_restart(job: Job, hashes: dict[str, str | None]) -> dict[str, Score]:
    """The scores a killed run left, by id; none if they came from other models, items or settings."""
    seal = job.output.with_suffix(".seal.json")
    mark = {**hashes, "max_new_tokens": job.max_new_tokens, "dtype": job.dtype}
    if not seal.exists() or canonical(json.loads(seal.read_text())) != canonical(mark):
        job.output.unlink(missing_ok=True)
        job.output.with_name("result.json").unlink(missing_ok=True)
        write_json(seal, mark)
    return read_scores(job.output)


def read_scores(path: Path) -> dict[str, Score]:
    """The whole lines of a scores file, by id; a half-written last line is cut off."""
    if not path.exists():
        return {}
    complete = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    path.write_text("".join(complete))
    scores: list[Score] = [json.loads(line) for line in complete]
    return {known["id"]: known for known in scores}


def load(job: Job, base: Path) -> Any:
    """The base model, with its adapter if the job names one."""
    model: Any = load_model(base, choose_device(job.device), job.dtype)
    return PeftModel.from_pretrained(model, job.adapter).eval() if job.adapter else model


def score_items(job: Job, base: Path, items: Sequence[Item], output: Path) -> None:
    """Answer and score the items, appending each line as soon as its batch is done."""
    if not items:
        return
    tokenizer, model = load_tokenizer(base), load(job, base)
    asked = [item.asked for item in items]
    stream = answers(model, tokenizer, asked, size=job.batch_size, most=job.max_new_tokens)
    try:
        with output.open("a") as file:
            for position, answer in stream:
                file.write(json.dumps(score(items[position], answer)) + "\n")
                file.flush()
    except OSError as cause:
        raise no_room(output.name, cause) from cause


def evaluate(path: Path) -> dict[str, object]:
    """Run or resume the job at `path`; returns what `result.json` holds. Raises EngineError."""
    began = time.monotonic()
    job = read_job(path)
    items = read_items(job.items)
    torch.set_num_threads(job.threads)
    torch.manual_seed(job.seed)
    base = resolve_base(job.base_model, job.folder)
    hashes = identity(job, base)
    done = keep_or_restart(job, hashes)
    score_items(job, base, [item for item in items if item.id not in done], job.output)
    result = summary(items, read_scores(job.output), hashes, len(done), time.monotonic() - began)
    write_json(job.output.with_name("result.json"), result)
    return result


def summary(
    items: Sequence[Item],
    scores: dict[str, Score],
    hashes: dict[str, str | None],
    resumed: int,
    seconds: float,
) -> dict[str, object]:
    attacks = [score["attack_success"] for score in scores.values() if score["attack_success"] is not None]
    return {
        **hashes,
        "items": len(items),
        "resumed": resumed,
        "correct": sum(scores[item.id]["correct"] for item in items),
        "probes": len(attacks),
        "attack_successes": sum(attacks),
        "seconds": round(seconds, 3),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "torch": torch.__version__,
    }
