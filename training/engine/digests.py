"""Hashes of models and adapters, from their files alone: no torch, so anything may call it."""

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

MODEL_FILES = ("*.safetensors", "*.bin", "*.json", "*.jinja", "*.txt", "*.model")
TOKENIZER_FILES = ("config.json", "tokenizer*", "chat_template*", "special_tokens_map.json", "vocab*", "merges.txt")
# They say where the adapter was made, not what it computes.
INCIDENTAL = ("base_model_name_or_path", "peft_version", "revision", "inference_mode")


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def base_sha256(folder: Path) -> str:
    """The identity of a base model: sha256 over the sorted (name, sha256) of its weights, configuration and
    tokenizer.

    `model.json`, which only describes, is left out.
    """
    names = {path for pattern in MODEL_FILES for path in folder.glob(pattern) if path.name != "model.json"}
    listing = [[path.name, file_sha256(path)] for path in sorted(names)]
    return hashlib.sha256(canonical(listing)).hexdigest()


def tokenizer_sha256(folder: Path) -> str:
    """The identity of how a base reads text: sha256 over its tokenizer's files and its configuration, no weights."""
    paths = sorted(path for name in TOKENIZER_FILES for path in folder.glob(name))
    return hashlib.sha256(canonical([[path.name, file_sha256(path)] for path in paths])).hexdigest()


def tensor_digests(path: Path) -> dict[str, list[Any]]:
    """Name → [dtype, shape, sha256 of the raw bytes] of each tensor in a safetensors file."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        digests = {}
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            file.seek(8 + length + begin)
            digests[name] = [
                entry["dtype"],
                entry["shape"],
                hashlib.sha256(file.read(end - begin)).hexdigest(),
            ]
    return digests


def adapter_config(path: Path) -> dict[str, Any]:
    """The part of `adapter_config.json` that decides what the adapter computes, with its lists sorted."""
    config = json.loads(path.read_text())
    kept = {key: value for key, value in config.items() if key not in INCIDENTAL}
    return {key: sorted(value) if isinstance(value, list) else value for key, value in kept.items()}


def adapter_sha256(folder: Path) -> str:
    """The identity of an adapter: sha256 of the canonical JSON of its tensors' digests and its sorted
    configuration.

    The header order and metadata of the safetensors file and the order of `target_modules` do not matter. Raises
    OSError where there is none, ValueError where its files are damaged.
    """
    try:
        identity = {
            "config": adapter_config(folder / "adapter_config.json"),
            "tensors": tensor_digests(folder / "adapter_model.safetensors"),
        }
    except (
        struct.error,
        LookupError,
        AttributeError,
        TypeError,
        MemoryError,
        OverflowError,
        RecursionError,
    ) as problem:
        raise ValueError(f"the adapter's files are damaged ({type(problem).__name__})") from problem
    return hashlib.sha256(canonical(identity)).hexdigest()
