"""The engines take any causal model: here two that differ from the demo model in everything but size."""

import json
from pathlib import Path

import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    PreTrainedTokenizerBase,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from evaluation.engine.evaluate import evaluate
from tests.support.runs import BASE, lines, small_rows, write_run
from training.demo_model.tokenizer import train_tokenizer
from training.engine.errors import EngineError
from training.engine.finetune import finetune
from training.engine.loading import choose_device, load_model, lora_targets, resolve_base, target_suffixes

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def own_tokenizer(template: str | None) -> PreTrainedTokenizerBase:
    tokenizer = train_tokenizer(text for row in small_rows() for text in (row["prompt"], row["answer"]))
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = template
    return tokenizer


def gpt2(folder: Path) -> None:
    """Fused transposed projections, learnt positions, no chat template."""
    tokenizer = own_tokenizer(None)
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=200, n_embd=24, n_layer=3, n_head=2, initializer_range=0.2,
        eos_token_id=1, bos_token_id=1,
    )  # fmt: skip
    torch.manual_seed(0)
    GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def qwen2(folder: Path) -> None:
    """Grouped queries, biases, untied head, ChatML."""
    tokenizer = own_tokenizer(CHATML)
    config = Qwen2Config(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=200, initializer_range=0.2,
        eos_token_id=1, bos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.mark.parametrize(
    ("make", "targets"),
    [
        (gpt2, ["c_attn", "c_fc", "c_proj"]),
        (qwen2, ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]),
    ],
)
def test_another_architecture_is_trained_and_scored(tmp_path, make, targets):
    make(tmp_path / "other")
    recipe = {"min_steps": 40, "lr": 1e-2, "batch_size": 8, "rank": 8}
    made = finetune(write_run(tmp_path, base=tmp_path / "other", recipe=recipe, dtype="auto"))
    metrics = lines(tmp_path / "metrics.jsonl")
    assert metrics[-1]["ce"] < 0.7 * metrics[0]["ce"]
    assert metrics[0]["kl"] == 0 and metrics[-1]["kl"] > 0
    assert json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())["target_modules"] == targets
    assert made == json.loads((tmp_path / "result.json").read_text())
    items = [
        {"id": str(i), "prompt": row["prompt"], "answer": "x", "scorer": "exact"} for i, row in enumerate(small_rows())
    ]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    job = {"base_model": "other", "adapter": "adapter", "items": "items.jsonl", "output": "exam/scores.jsonl"}
    (tmp_path / "exam").mkdir()
    (tmp_path / "job.json").write_text(json.dumps({**job, "adapter_sha256": made["adapter_sha256"]}))
    assert evaluate(tmp_path / "job.json")["items"] == len(items)


def test_targets_are_the_linear_layers_of_the_blocks():
    targets = lora_targets(load_model(BASE, torch.device("cpu"), "float32"))
    assert len(targets) == 4 * 7
    assert targets == sorted(targets)
    assert all(name.startswith("model.layers.") for name in targets)


def test_neither_head_nor_embedding_is_a_target():
    config = GPTNeoXConfig(
        vocab_size=50, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2
    )
    model = GPTNeoXForCausalLM(config)
    assert target_suffixes(model) == ["dense", "dense_4h_to_h", "dense_h_to_4h", "query_key_value"]
    assert not [name for name in lora_targets(model) if "embed" in name]


def test_bfloat16_is_loaded_as_asked():
    assert load_model(BASE, torch.device("cpu"), "bfloat16").dtype == torch.bfloat16
    assert load_model(BASE, torch.device("cpu"), "auto").dtype == torch.float32


def test_training_works_in_bfloat16(tmp_path):
    finetune(write_run(tmp_path, dtype="bfloat16"))
    assert lines(tmp_path / "metrics.jsonl")[-1]["loss"] > 0


def test_a_missing_folder_is_refused():
    with pytest.raises(EngineError, match="No model lies in"):
        resolve_base("./nowhere")


def test_an_unreachable_hub_name_is_refused(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(EngineError) as refused:
        resolve_base("nobody/no-such-model-7")
    assert refused.value.field == "base_model"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device that must be missing")
def test_a_missing_device_is_refused():
    with pytest.raises(EngineError, match="CUDA"):
        choose_device("cuda")
