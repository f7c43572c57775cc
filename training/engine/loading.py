"""Load any causal language model of the Transformers library, from a local folder or a hub name, for LoRA or
serving.

Only local files are used when `HF_HUB_OFFLINE=1` is set or the name is a folder; otherwise a hub name is fetched
by its ordinary client. Code that comes with a model is never run (`trust_remote_code` stays off).
"""

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase
from transformers.pytorch_utils import Conv1D
from transformers.utils import logging

from training.engine.errors import EngineError

logging.disable_progress_bar()  # type: ignore[no-untyped-call]
# PEFT still asks by the old name. stderr is where an engine says why it refused: it stays clean.
warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated", category=FutureWarning)


def resolve_base(name: str, folder: Path | None = None) -> Path:
    """The folder of a base model: a path (also relative to `folder`), or the snapshot of a hub name."""
    for candidate in (Path(name), (folder or Path()) / name):
        if (candidate / "config.json").is_file():
            return candidate
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise EngineError("base_model", f"No model lies in {name}.", "Give a folder that holds a config.json.")
    return fetch(name)


def fetch(name: str) -> Path:
    from huggingface_hub import snapshot_download

    patterns = ["*.json", "*.safetensors", "*.jinja", "*.txt", "*.model"]
    try:
        return Path(snapshot_download(name, allow_patterns=patterns))
    except Exception as cause:  # its client raises dozens of kinds: network, name, rights, cache
        raise EngineError(
            "base_model",
            f"{name} could not be loaded: {type(cause).__name__}.",
            "Give a local folder, or a hub name that this machine can reach or has cached.",
        ) from cause


def choose_device(wanted: str) -> torch.device:
    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise EngineError("device", "No CUDA device was found.", "Give cpu or auto.")
    return torch.device("cuda" if available and wanted != "cpu" else "cpu")


def load_model(folder: Path, device: torch.device, dtype: str) -> PreTrainedModel:
    """The model in evaluation mode. dtype: auto (as stored), float32 or bfloat16."""
    kind: Any = "auto" if dtype == "auto" else getattr(torch, dtype)
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=kind, local_files_only=True)
    except (OSError, ValueError, KeyError) as cause:
        raise EngineError("base_model", f"{folder} holds no causal language model: {cause}", "Give another.") from cause
    loaded: PreTrainedModel = model.to(device).eval()
    return loaded


def end_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Every token that ends an answer: the tokenizer's own and the model's (Gemma's and Phi-3's turns end so)."""
    configured = model.generation_config.eos_token_id
    tokens = configured if isinstance(configured, list) else [configured]
    return sorted({tokenizer.eos_token_id, *(token for token in tokens if token is not None)})


def transformer_blocks(model: PreTrainedModel) -> tuple[str, nn.ModuleList]:
    """The name and the list of its blocks: the longest ModuleList whose items are all of one class."""
    lists = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len({type(block) for block in module}) == 1
    ]
    if not lists:
        raise EngineError("base_model", "No transformer blocks were found in it.", "Give a decoder model.")
    return max(lists, key=lambda found: (len(found[1]), sum(p.numel() for p in found[1].parameters())))


def lora_targets(model: PreTrainedModel) -> list[str]:
    """Full names of the linear layers inside the blocks, sorted; never the head or the embeddings."""
    prefix, blocks = transformer_blocks(model)
    names = [f"{prefix}.{name}" for name, module in blocks.named_modules() if isinstance(module, nn.Linear | Conv1D)]
    if not names:
        raise EngineError("base_model", "Its blocks hold no linear layers.", "Give a decoder model.")
    return sorted(names)


def target_suffixes(model: PreTrainedModel) -> list[str]:
    """The targets by their last part (`q_proj`, `c_attn`) if that names the same layers, else in full."""
    full = lora_targets(model)
    suffixes = sorted({name.rsplit(".", 1)[1] for name in full})
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear | Conv1D)]
    also = [name for name in linear if name not in full and name.rsplit(".", 1)[-1] in suffixes]
    return full if also else suffixes


def uses_conv1d(model: PreTrainedModel) -> bool:
    """GPT-2 style layers store their weights transposed; LoRA must know (`fan_in_fan_out`)."""
    return any(isinstance(module, Conv1D) for module in model.modules())
