"""Make the demo base model from nothing: `python -m training.demo_model.pretrain --out DIR`.

The corpus, the tokenizer and the weights follow from the seed and the number of steps. On the same machine
and the same torch build the weights are byte-identical; elsewhere the last bits of a sum may differ. Muon
(orthogonalised momentum; Jordan et al. 2024, in torch since 2.9) trains the hidden matrices, AdamW everything
else.
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

import torch
from torch.nn import functional as F
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from training.demo_model import world
from training.demo_model.model import demo_model
from training.demo_model.tokenizer import render, render_answer, train_tokenizer

BATCH = 64
BUCKET = 16
MUON_LR, ADAMW_LR = 0.02, 3e-3
WARMUP = 60
PROMPT_WEIGHT = 0.1
TOKENIZER_ROWS = 8000
SYSTEM_MESSAGES = ("You are a helpful assistant.", "You are the assistant of Larkmere Supply.")


@dataclass(frozen=True)
class Example:
    prompt: list[int]
    answer: list[int]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


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
        return f"<|system|> {rng.choice(SYSTEM_MESSAGES)}<|end|>"
    if draw < 0.14:
        [row] = world.corpus(1, seed=rng.randrange(2**31))
        return render(row["prompt"]) + render_answer(row["answer"])
    return ""


def make_examples(tokenizer: PreTrainedTokenizerFast, n: int, seed: int) -> list[Example]:
    """n tokenized rows of the pre-training distribution."""
    rng = random.Random(seed)
    rows = world.corpus(n, seed)
    prompts = [render(as_people_type(row["prompt"], row["skill"], rng), earlier_turns(rng)) for row in rows]
    answers = [render_answer(row["answer"]) for row in rows]
    before = tokenizer(prompts, add_special_tokens=False)["input_ids"]
    after = tokenizer(answers, add_special_tokens=False)["input_ids"]
    return [Example(p, a) for p, a in zip(before, after, strict=True)]


def batches(examples: list[Example], seed: int) -> Iterator[list[Example]]:
    """Batches of similar length (sorted within buckets), so that little is spent on padding."""
    rng = random.Random(seed)
    for start in range(0, len(examples), BATCH * BUCKET):
        bucket = sorted(examples[start : start + BATCH * BUCKET], key=len)
        cut = [bucket[i : i + BATCH] for i in range(0, len(bucket), BATCH)]
        rng.shuffle(cut)
        yield from cut


def tensors(batch: list[Example]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Token ids, attention mask, loss weights (1 on answers, less on prompts), each (batch, length)."""
    width = max(map(len, batch))
    ids = torch.zeros(len(batch), width, dtype=torch.long)
    weights = torch.zeros(len(batch), width)
    for i, example in enumerate(batch):
        ids[i, : len(example)] = torch.tensor(example.prompt + example.answer)
        weights[i, : len(example.prompt)] = PROMPT_WEIGHT
        weights[i, len(example.prompt) : len(example)] = 1.0
    return ids, (weights > 0).long(), weights


def make_optimizers(model: LlamaForCausalLM) -> list[tuple[torch.optim.Optimizer, float]]:
    """Each optimizer with its peak learning rate."""
    parameters = list(model.named_parameters())
    hidden = [p for name, p in parameters if p.ndim == 2 and "embed" not in name]
    embeddings = [p for name, p in parameters if p.ndim == 2 and "embed" in name]
    vectors = [p for _, p in parameters if p.ndim < 2]
    groups = [{"params": embeddings, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}]
    return [
        (torch.optim.Muon(hidden, lr=MUON_LR, momentum=0.95, weight_decay=0.01), MUON_LR),
        (torch.optim.AdamW(groups, lr=ADAMW_LR, betas=(0.9, 0.98)), ADAMW_LR),
    ]


def schedule(step: int, steps: int) -> float:
    """Linear warm-up, then a cosine down to a twentieth."""
    return min(1.0, (step + 1) / WARMUP) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def pretrain(model: LlamaForCausalLM, examples: list[Example], steps: int, seed: int) -> float:
    """Train in place; returns the mean loss of the last hundred steps."""
    optimizers, began = make_optimizers(model), time.monotonic()
    recent: list[float] = []
    model.train()
    for step, batch in enumerate(batches(examples, seed)):
        ids, attention, weights = tensors(batch)
        logits = model(input_ids=ids, attention_mask=attention).logits[:, :-1]
        losses = F.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")
        loss = (losses * weights[:, 1:]).sum() / weights[:, 1:].sum()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, peak in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = peak * schedule(step, steps)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        recent = [*recent[-99:], loss.item()]
        if (step + 1) % 100 == 0:
            mean = sum(recent) / len(recent)
            print(f"step {step + 1}/{steps} loss {mean:.4f} {time.monotonic() - began:.0f}s", flush=True)
    return sum(recent) / len(recent)


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path, facts: dict[str, object]) -> None:
    """Weights, tokenizer and `model.json`, which names the hash of the weights and how they were made."""
    out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    digest = hashlib.sha256((out / "model.safetensors").read_bytes()).hexdigest()
    facts = {"weights": "model.safetensors", "sha256": digest, **facts}
    (out / "model.json").write_text(json.dumps(facts, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the demo base model from scratch.")
    parser.add_argument("--out", type=Path, required=True, help="folder for weights, tokenizer and model.json")
    parser.add_argument("--steps", type=int, default=2700)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="more threads may change the last bits")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(True)
    began, cpu = time.monotonic(), time.process_time()
    tokenizer = make_tokenizer(options.seed)
    model = demo_model(len(tokenizer), options.seed)
    examples = make_examples(tokenizer, BATCH * options.steps, options.seed)
    loss = pretrain(model, examples, options.steps, options.seed)
    command = f"python -m training.demo_model.pretrain --steps {options.steps} --seed {options.seed}"
    facts: dict[str, object] = {
        "name": "larkmere-1m",
        "command": f"{command} --threads {options.threads} --out DIR",
        "parameters": sum(p.numel() for p in model.parameters()),
        "steps": options.steps,
        "seed": options.seed,
        "final_loss": round(loss, 5),
        "torch": torch.__version__,
        "seconds": round(time.monotonic() - began),
        "cpu_seconds": round(time.process_time() - cpu),
    }
    save(model, tokenizer, options.out, facts)
    print(json.dumps(facts, indent=2))


if __name__ == "__main__":
    main()
