"""Put LoRA on a model, and write the result where anything that speaks PEFT can load it."""

import json
import re
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import SafetensorError
from transformers import PreTrainedModel

from training.engine.digests import adapter_sha256
from training.engine.errors import no_room
from training.engine.files import replacing_folder
from training.engine.loading import target_suffixes, uses_conv1d
from training.engine.manifest import Recipe


def add_lora(model: PreTrainedModel, recipe: Recipe, seed: int) -> PeftModel:
    """LoRA (Hu et al. 2021, arXiv 2106.09685) on the linear layers of the blocks; the seed sets its start."""
    torch.manual_seed(seed)
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,  # type: ignore[arg-type]  # PEFT takes any number
        lora_dropout=0.0,
        target_modules=target_suffixes(model),
        fan_in_fan_out=uses_conv1d(model),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def save_adapter(model: PeftModel, folder: Path, base_name: str) -> str:
    """Write `adapter/` whole or not at all; returns its sha256 (see `digests.adapter_sha256`).

    PEFT writes the list of targets in the order of a set: it is sorted here, and paths of this machine are
    left out.
    """
    try:
        with replacing_folder(folder) as aside:
            model.save_pretrained(str(aside))
            (aside / "README.md").unlink(missing_ok=True)
            path = aside / "adapter_config.json"
            config = json.loads(path.read_text())
            config["base_model_name_or_path"] = base_name
            config["target_modules"] = sorted(config["target_modules"])
            path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    except (OSError, SafetensorError) as cause:
        raise no_room("the adapter", as_os_error(cause)) from cause
    return adapter_sha256(folder)


def as_os_error(cause: Exception) -> OSError:
    """safetensors names the number of a failed write only in its text."""
    number = re.search(r"os error (\d+)", str(cause))
    return cause if isinstance(cause, OSError) else OSError(int(number[1]) if number else 0, str(cause))
