"""Which base model a name means on this machine, and its content hash."""

import json
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from cftapp.base import files
from training.engine.digests import MODEL_FILES, TOKENIZER_FILES, base_sha256, tokenizer_sha256


class BaseMissing(Exception):
    """No base model of that name lies on this machine."""


def locate(name: str) -> Path:
    """The folder of a base model: a local folder, or the cached snapshot of a hub name. Downloads nothing."""
    folder = Path(name).expanduser()
    if (folder / "config.json").is_file():
        return folder.resolve()
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise BaseMissing(f"{name} holds no config.json.")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError) as problem:
        raise BaseMissing(f"{name} is not in this machine's cache: run `hf download {name}`.") from problem


def identify(folder: Path, cache: Path) -> str:
    """The base model's sha256. Kept in `cache` under its files' sizes and times: large weights are hashed once."""
    remembered = cache / f"{signature(folder)}.json"
    try:
        return str(json.loads(remembered.read_text())["sha256"])
    except (OSError, ValueError, KeyError):
        pass
    content_sha256 = base_sha256(folder)
    files.write(remembered, json.dumps({"sha256": content_sha256}), durable=False)
    return content_sha256


def tokenizer_of(folder: Path) -> str:
    """A short name for how the base reads text, the same on every machine: counts under two names do not compare."""
    return _tokenizer_of(folder, signature(folder, TOKENIZER_FILES))


@lru_cache(maxsize=8)
def _tokenizer_of(folder: Path, signature: str) -> str:
    return tokenizer_sha256(folder)[:12]


def signature(folder: Path, patterns: Iterable[str] = MODEL_FILES) -> str:
    """Changes whenever a file of the model is written: name, size, time and inode of each."""
    files = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    facts = [[path.name, (stat := path.stat()).st_size, stat.st_mtime_ns, stat.st_ino] for path in files]
    return sha256(json.dumps([str(folder), facts]).encode()).hexdigest()[:32]
