"""The current epoch's registry, opened for whoever holds its key: the screener and the evaluator."""

import hashlib
from pathlib import Path

from cftapp.base import files
from curation.decontamination.overlap import Policy
from curation.decontamination.registry import Registry
from curation.decontamination.snapshot import BadRegistry

_opened: dict[tuple[int, str], Registry] = {}


def open_registry() -> Registry | None:
    """The current epoch's snapshot, opened, under its policy; None before the first. Only screener and evaluator can.

    The epoch decides, not the newest snapshot in the vault: one whose import was killed before its epoch was adopted
    would otherwise leave every row screened under an epoch that does not exist.
    Its bytes are kept in CFT_VAR/registry, readable by this user only; one opened epoch is kept in memory.
    """
    from django.conf import settings

    from curation.models import RegistryEpoch

    if not settings.CFT_REGISTRY_KEY:
        raise BadRegistry("CFT_REGISTRY_KEY is not set in this process: only the screener and the evaluator hold it.")
    epoch = RegistryEpoch.objects.select_related("policy").current()
    if epoch is None:
        return None
    number, sha256 = epoch.number, epoch.sha256
    if (number, sha256) not in _opened:
        path = Path(settings.CFT_VAR) / "registry" / f"{epoch.snapshot_number:06d}-{sha256[:16]}.cftreg"
        if not is_whole(path, sha256):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            files.write(path, content_of(epoch.snapshot_number), private=True, durable=False)
        if not is_whole(path, sha256):
            raise BadRegistry(f"Epoch {number} in the vault does not have the SHA-256 it was adopted with.")
        opened = Registry.open(path, settings.CFT_REGISTRY_KEY, number)
        if epoch.policy is not None:
            opened = opened.with_policy(Policy.of(epoch.policy.values), epoch.policy.version)
        _opened.clear()
        _opened[number, sha256] = opened
    return _opened[number, sha256]


def content_of(number: int) -> bytes:
    """A snapshot's bytes, from the vault."""
    from django.db import connections

    with connections["vault"].cursor() as cursor:
        cursor.execute("SELECT content FROM vault_registrysnapshot WHERE number = %s", [number])
        row = cursor.fetchone()
    if row is None:
        raise BadRegistry(f"Epoch {number} was adopted, but its registry is not in the vault. Restore the vault.")
    return bytes(row[0])


def is_whole(path: Path, sha256: str) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256
