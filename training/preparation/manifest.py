"""The manifest: everything that decides the bytes of an adapter, and nothing else, as RFC 8785 bytes.

Two runs that ask the same question have the same manifest, on any machine: it names no path, time, person or run.
What PostgreSQL answered when the run tried to open the vault is evidence, not a cause, so it stands beside the
manifest (`vault.json`, `Run.vault_refusal`) and outside of its hash.
"""

import platform
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import rfc8785

SCHEMA = 1
ROWS_FILE = "rows.jsonl"
LIBRARIES = ("torch", "transformers", "peft", "safetensors", "tokenizers", "numpy")


def build(
    *,
    dataset: Mapping[str, Any],
    rows_sha256: str,
    recipe: Mapping[str, Any],
    base_sha256: str,
    seed: int,
    threads: int,
    device: str,
    dtype: str,
    versions: Mapping[str, str],
) -> dict[str, Any]:
    """The manifest as the engine reads it. `dataset` says merkle_root, report_sha256, pairs and replay.

    `base_model` is the name of the link to the base model in the run folder (see `base_link`); `run` is a name that
    follows from all other values.
    """
    question: dict[str, Any] = {
        "schema": SCHEMA,
        "dataset": dict(dataset),
        "rows": ROWS_FILE,
        "rows_sha256": rows_sha256,
        "recipe": dict(recipe),
        "base_model": base_link(base_sha256),
        "base_sha256": base_sha256,
        "seed": seed,
        "threads": threads,
        "device": device,
        "dtype": dtype,
        "versions": dict(versions),
    }
    return question | {"run": digest(question)[:16]}


def encode(manifest: Mapping[str, Any]) -> bytes:
    """RFC 8785 bytes: one text for one meaning, whoever writes it."""
    return rfc8785.dumps(dict(manifest))


def digest(manifest: Mapping[str, Any]) -> str:
    """sha256 of the manifest's bytes, in hexadecimal."""
    return sha256(encode(manifest)).hexdigest()


def base_link(base_sha256: str) -> str:
    """A base model's name inside run folders: by content, so that it is the same on every machine."""
    return f"base-{base_sha256[:12]}"


def library_versions() -> dict[str, str]:
    """Versions of what computes the adapter. Arithmetic differs between kinds of processor: named too."""
    versions = {name: installed(name) for name in LIBRARIES}
    return versions | {"python": platform.python_version(), "machine": platform.machine()}


def installed(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What changed between two manifests, one readable line a value: `versions.torch: 2.12 → 2.13`."""
    lines: list[str] = []
    for key in sorted({*before, *now} - {"run"}):
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            lines += [f"{key}.{line}" for line in difference(old, new)]
        elif old != new:
            lines.append(f"{key}: {old} → {new}")
    return lines
