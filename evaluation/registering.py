"""The registry of protected items, built here and used by the screener: the vault's text in, keyed fingerprints out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from curation.registry import Registry
from evaluation.models import BenchmarkVersion
from evaluation.vault import actions as vault
from evaluation.vault.models import Item, ReferenceText


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A stored registry: its number is that of the epoch which adopts it."""

    number: int
    sha256: str
    items: int
    unprotected: int
    normaliser: str


def protected_versions() -> dict[str, str]:
    """The versions that must not be learnt, hash to label: the newest of each benchmark, and whatever a gate pinned.

    Called before the next version is published, so the one that it supersedes stays protected until the import after
    that: a gate which pins it meanwhile is covered.
    """
    versions = BenchmarkVersion.objects.select_related("benchmark")
    newest = versions.order_by("benchmark_id", "-number").distinct("benchmark_id")
    pinned = versions.filter(gates__isnull=False).order_by("pk").distinct("pk")
    return {version.sha256: str(version) for version in (*newest, *pinned)}


def next_label(benchmark: str) -> str:
    """What the next version of a benchmark will be called."""
    newest = BenchmarkVersion.objects.filter(benchmark__name=benchmark).order_by("-number").first()
    return f"{benchmark} v{newest.number + 1 if newest else 1}"


def build_snapshot(labels: Mapping[str, str]) -> Snapshot:
    """Fingerprint all items of the versions (hash to label) under the registry key; store the result in the vault."""
    key = registry_key()
    content = Registry.build(protected_items(labels), key, reference_texts())
    registry = Registry.from_bytes(content, key)
    stored = vault.store_snapshot(content)
    unprotected = len(registry.unprotected)
    return Snapshot(stored.number, stored.sha256, len(registry), unprotected, registry.header["normaliser"])


def registry_key() -> bytes:
    if settings.CFT_REGISTRY_KEY is None:
        raise ImproperlyConfigured("CFT_REGISTRY_KEY is not set: the items are fingerprinted under it.")
    return settings.CFT_REGISTRY_KEY


def protected_items(labels: Mapping[str, str]) -> Iterator[tuple[str, str, str, str]]:
    """(item id, label, question, answer) of every protected item, in an order that does not depend on the import."""
    rows = Item.objects.filter(version_sha256__in=labels).order_by("benchmark", "version_sha256", "position")
    for item in rows.iterator(chunk_size=2_000):
        yield str(item.pk), labels[item.version_sha256], item.question, item.answer


def reference_texts() -> Iterator[str]:
    yield from ReferenceText.objects.order_by("sha256").values_list("text", flat=True).iterator(chunk_size=2_000)
