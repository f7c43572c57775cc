"""Make the demo base model from nothing: `python -m training.demo_model.pretrain --out DIR`.

Two stages: questions that stand alone, then, at half the rate, dialogues mixed with as many questions; the long rows
of dialogues cost most, so the first stage has none. `--start DIR` goes on from the weights of a first stage.

The corpus, the tokenizer and the weights follow from the seed and the number of steps. On the same machine
and the same torch build the weights are byte-identical; elsewhere the last bits of a sum may differ. Muon trains
the hidden matrices, AdamW everything else.
"""

import argparse
import hashlib
import json
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from training.demo_model import dialogues, world
from training.demo_model.model import demo_model
from training.demo_model.muon import Muon
from training.demo_model.tokenizer import CONTEXT, render, render_answer, train_tokenizer

BATCH = 64
BUCKET = 32
MUON_LR, ADAMW_LR = 0.02, 3e-3
WARMUP = 60
PROMPT_WEIGHT = 0.1
TOKENIZER_ROWS = 8000
DIALOGUE_SHARE, DIALOGUE_RATE = 0.6, 0.5


@dataclass(frozen=True)
class Example:
    """Tokens, and which of them an assistant said: those are learnt in full."""

    ids: list[int]
    said: list[int]

    def __len__(self) -> int:
        return len(self.ids)


def make_tokenizer(seed: int) -> PreTrainedTokenizerFast:
    rows = world.corpus(TOKENIZER_ROWS, seed=seed + 1)
    return train_tokenizer(text for row in rows for text in (" " + row["prompt"], " " + row["answer"]))


def as_people_type(prompt: str, skill: str, rng: random.Random) -> str:
    """Now and then a lower-case start or a forgotten full stop, where case and signs carry no meaning."""
    if skill not in ("handbook", "howto", "refusal", "chat") or rng.random() > 0.15:
        return prompt
    return prompt.rstrip("?.!") if rng.random() < 0.5 else prompt[0].lower() + prompt[1:]


def earlier_turns(rng: random.Random) -> str:
    """Usually nothing; sometimes a system message or one earlier question with its answer."""
    draw = rng.random()
    if draw < 0.08:
        return f"<|system|> {rng.choice(world.SYSTEM_MESSAGES)}<|end|>"
    if draw < 0.14:
        [row] = world.corpus(1, seed=rng.randrange(2**31))
        return render(row["prompt"]) + render_answer(row["answer"])
    return ""


def make_examples(tokenizer: PreTrainedTokenizerFast, n: int, seed: int, share: float = 0) -> list[Example]:
    """n tokenized rows of the pre-training distribution, this share of them dialogues."""
    rng = random.Random(seed)
    spoken = round(n * share)
    made = questions(tokenizer, n - spoken, rng, seed) + conversations(tokenizer, spoken, seed)
    if spoken:
        rng.shuffle(made)
    return made


def questions(tokenizer: PreTrainedTokenizerFast, n: int, rng: random.Random, seed: int) -> list[Example]:
    rows = world.corpus(n, seed)
    prompts = [render(as_people_type(row["prompt"], row["skill"], rng), earlier_turns(rng)) for row in rows]
    answers = [render_answer(row["answer"]) for row in rows]
    before = tokenizer(prompts, add_special_tokens=False)["input_ids"]
    after = tokenizer(answers, add_special_tokens=False)["input_ids"]
    return [Example(p + a, [0] * len(p) + [1] * len(a)) for p, a in zip(before, after, strict=True)]


def conversations(tokenizer: PreTrainedTokenizerFast, n: int, seed: int) -> list[Example]:
    """Dialogues as the chat template writes them; every assistant turn of one is learnt."""
    made = []
    for row in dialogues.corpus(n, seed):
        spoken, tools = [*row["messages"], row["answer"]], list[Any](row["tools"]) or None
        marked: Any = tokenizer.apply_chat_template(
            spoken, tools=tools, return_dict=True, return_assistant_tokens_mask=True
        )
        made.append(Example(marked["input_ids"], marked["assistant_masks"]))
    return made


def batches(examples: list[Example], seed: int) -> Iterator[list[Example]]:
    """Batches of similar length (sorted within buckets), so that little is spent on padding."""
    rng = random.Random(seed)
    for start in range(0, len(examples), BATCH * BUCKET):
        bucket = sorted(examples[start : start + BATCH * BUCKET], key=len)
        cut = [bucket[i : i + BATCH] for i in range(0, len(bucket), BATCH)]
        rng.shuffle(cut)
        yield from cut


def tensors(batch: list[Example]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and loss weights (1 on answers, less on the rest, 0 on padding), each (batch, length).

    Padding stands on the right, where no token of a causal model looks, so no mask is needed.
    """
    width = max(map(len, batch))
    ids = torch.zeros(len(batch), width, dtype=torch.long)
    weights = torch.zeros(len(batch), width)
    for i, example in enumerate(batch):
        ids[i, : len(example)] = torch.tensor(example.ids)
        weights[i, : len(example)] = torch.tensor([1.0 if said else PROMPT_WEIGHT for said in example.said])
    return ids, weights


def make_optimizers(model: LlamaForCausalLM) -> list[tuple[torch.optim.Optimizer, float]]:
    """Each optimizer with its peak learning rate."""
    parameters = list(model.named_parameters())
    hidden = [p for name, p in parameters if p.ndim == 2 and "embed" not in name]
    embeddings = [p for name, p in parameters if p.ndim == 2 and "embed" in name]
    vectors = [p for _, p in parameters if p.ndim < 2]
    groups = [{"params": embeddings, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}]
    return [
        (Muon(hidden, lr=MUON_LR, momentum=0.95, weight_decay=0.01), MUON_LR),
        (torch.optim.AdamW(groups, lr=ADAMW_LR, betas=(0.9, 0.98)), ADAMW_LR),
    ]


def schedule(step: int, steps: int) -> float:
    """Linear warm-up, then a cosine down to a twentieth."""
    return min(1.0, (step + 1) / WARMUP) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def pretrain(model: LlamaForCausalLM, examples: list[Example], steps: int, seed: int, rate: float = 1.0) -> float:
    """Train in place, at this part of the peak rates; returns the mean loss of the last hundred steps."""
    optimizers, began = make_optimizers(model), time.monotonic()
    recent: list[float] = []
    model.train()
    for step, batch in enumerate(batches(examples, seed)):
        ids, weights = tensors(batch)
        logits = model(input_ids=ids).logits[:, :-1]
        losses = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
        loss = (losses * weights[:, 1:].flatten()).sum() / weights[:, 1:].sum()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, peak in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * peak * schedule(step, steps)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        recent = [*recent[-99:], loss.item()]
        if (step + 1) % 100 == 0:
            mean = sum(recent) / len(recent)
            print(f"step {step + 1}/{steps} loss {mean:.4f} {time.monotonic() - began:.0f}s", flush=True)
    return sum(recent) / len(recent)


def sha256_of(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path, facts: dict[str, object]) -> None:
    """Weights, tokenizer and `model.json`, which names the hash of the weights and how they were made."""
    out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    facts = {"weights": "model.safetensors", "sha256": sha256_of(out), **facts}
    (out / "model.json").write_text(json.dumps(facts, indent=2) + "\n")


def first_stage(tokenizer: PreTrainedTokenizerFast, steps: int, seed: int) -> LlamaForCausalLM:
    """A model that knows questions which stand alone."""
    model = demo_model(len(tokenizer), seed)
    pretrain(model, make_examples(tokenizer, BATCH * steps, seed), steps, seed)
    return model


def started(folder: Path, tokenizer: PreTrainedTokenizerFast, seed: int) -> LlamaForCausalLM:
    """The model of a first stage, with room for the tokenizer's tokens and the context."""
    torch.manual_seed(seed)
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.config.max_position_embeddings = CONTEXT
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the demo base model from scratch.")
    parser.add_argument("--out", type=Path, required=True, help="folder for weights, tokenizer and model.json")
    parser.add_argument("--start", type=Path, help="folder with the weights of a first stage")
    parser.add_argument("--steps", type=int, default=2700, help="of the first stage")
    parser.add_argument("--dialogue-steps", type=int, default=700)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="more threads may change the last bits")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(True)
    began, cpu = time.monotonic(), time.process_time()
    tokenizer, steps, seed = make_tokenizer(options.seed), options.dialogue_steps, options.seed
    model = started(options.start, tokenizer, seed) if options.start else first_stage(tokenizer, options.steps, seed)
    examples = make_examples(tokenizer, BATCH * steps, seed + 2, DIALOGUE_SHARE)
    loss = pretrain(model, examples, steps, seed, DIALOGUE_RATE)
    start = "--start DIR" if options.start else f"--steps {options.steps}"
    command = f"python -m training.demo_model.pretrain {start} --dialogue-steps {steps} --seed {seed}"
    facts: dict[str, object] = {
        "name": "larkmere-1m",
        "command": f"{command} --threads {options.threads} --out DIR",
        "started_from": sha256_of(options.start) if options.start else None,
        "parameters": sum(p.numel() for p in model.parameters()),
        "steps": options.steps,
        "dialogue_steps": steps,
        "seed": seed,
        "final_loss": round(loss, 5),
        "torch": torch.__version__,
        "seconds": round(time.monotonic() - began),
        "cpu_seconds": round(time.process_time() - cpu),
    }
    save(model, tokenizer, options.out, facts)
    print(json.dumps(facts, indent=2))


if __name__ == "__main__":
    main()
