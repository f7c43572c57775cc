"""The registry of protected items, built here and used by the screener: the vault's text in, keyed fingerprints out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from curation.decontamination.meaning.comparing import encoder_name
from curation.decontamination.registry import BadRegistry, Registry
from curation.models import RegistryEpoch, ScreeningPolicy
from curation.screening import current_epoch
from evaluation.benchmarks.protected_texts import texts_of
from evaluation.items import Draft
from evaluation.models import BenchmarkVersion
from evaluation.vault import actions as vault
from evaluation.vault.models import Item, ReferenceText

if TYPE_CHECKING:
    from curation.decontamination.engine.encoder import Encoder

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A stored registry: its number is that of the epoch which adopts it, after the epoch `follows` (0: the first).

    `comparable_since`: the oldest epoch that measured alike; rows screened since then meet the newer items only.
    `weak`: ids of the items that n-grams cannot protect. `encoder`: what compares by meaning, empty if nothing does.
    """

    number: int
    sha256: str
    items: int
    unprotected: int
    normaliser: str
    follows: int = 0
    comparable_since: int | None = None
    weak: frozenset[str] = frozenset()
    encoder: str = ""


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
    epoch, before = RegistryEpoch.objects.current(), current_registry()
    if epoch and before and not differs(before, labels):
        return Snapshot(
            number=epoch.number,
            sha256=epoch.sha256,
            items=epoch.items,
            unprotected=epoch.unprotected_items,
            normaliser=epoch.normaliser,
            follows=epoch.number,
            weak=frozenset(before.unprotected),
            encoder=encoder_name(before.header["encoder"]),
        )
    key, follows = registry_key(), epoch.number if epoch else 0
    content = Registry.build(
        protected_items(labels),
        key,
        reference_texts(),
        number=follows + 1,
        previous=before,
        encoder=encoder(),
        multilingual=multilingual(),
    )
    built = Registry.from_bytes(content, key)
    stored = vault.store_snapshot(content, after=follows)
    return Snapshot(
        number=stored.number,
        sha256=stored.sha256,
        items=len(np.unique(built.arrays["item_id"])),
        unprotected=len(set(built.unprotected)),
        normaliser=built.header["normaliser"],
        follows=follows,
        comparable_since=comparable_since(epoch, before, built),
        weak=frozenset(built.unprotected),
        encoder=encoder_name(built.header["encoder"]),
    )


def current_registry() -> Registry | None:
    """The current epoch's registry, where there is one that this program can still read."""
    try:
        return current_epoch.open_registry()
    except BadRegistry as problem:
        log.warning("registry.unreadable", problem=str(problem))
        return None


def differs(before: Registry, labels: Mapping[str, str]) -> bool:
    """Whether a registry of these versions would hold other items, or weigh them by other clean texts."""
    texts = before.header["background_documents"] + before.header.get("background_set_aside", 0)
    return set(before.header["benchmarks"]) != set(labels.values()) or texts != ReferenceText.objects.count()


def comparable_since(epoch: RegistryEpoch | None, before: Registry | None, built: Registry) -> int | None:
    """The oldest epoch that measures as the new registry does; None if already the current one does not.

    It does if nothing but the items changed: the same normaliser, parameters, clean texts, encoder and policy.
    """
    newest_policy = ScreeningPolicy.objects.values_list("pk", flat=True).first()
    if epoch is None or before is None or epoch.policy_id != newest_policy or measure(before) != measure(built):
        return None
    return epoch.number if epoch.comparable_since is None else epoch.comparable_since


ABOUT_ITEMS = {
    "background_common",
    "items",
    "benchmarks",
    "languages",
    "unprotected",
    "code_items",
    "code_too_short",
    "arrays",
    "sha256",
    "number",
}


def measure(built: Registry) -> dict[str, Any]:
    """All that a registry's header says but what its items make of it; what is not known here counts as a change."""
    return {name: value for name, value in built.header.items() if name not in ABOUT_ITEMS}


def build_offer(label: str, items: Mapping[int, Draft]) -> bytes:
    """A throw-away registry of items that may be published; the id of each is its place in the upload."""
    texts = [(str(place), label, *text) for place, item in items.items() for text in texts_of(item)]
    return Registry.build(
        texts, registry_key(), reference_texts(), number=1, encoder=encoder(), multilingual=multilingual()
    )


def encoder() -> "Encoder | None":
    """The embedding model that is configured; None if none is. Loaded here, when it is first needed."""
    from curation.decontamination.engine.encoder import Encoder

    return Encoder.default(settings.CFT_EMBEDDING_MODEL)


def multilingual() -> "Encoder | None":
    """The model by which translations are found, likewise."""
    from curation.decontamination.engine import multilingual

    return multilingual.default(settings.CFT_MULTILINGUAL_MODEL)


def registry_key() -> bytes:
    if settings.CFT_REGISTRY_KEY is None:
        raise ImproperlyConfigured("CFT_REGISTRY_KEY is not set: the items are fingerprinted under it.")
    return settings.CFT_REGISTRY_KEY


def protected_items(labels: Mapping[str, str]) -> Iterator[tuple[str, str, str, str]]:
    """(item id, label, question, answer) of every protected text, in an order that does not depend on the import.

    A conversation has several: see `protected_texts`.
    """
    rows = Item.objects.filter(version_sha256__in=labels).order_by("benchmark", "version_sha256", "position")
    for item in rows.iterator(chunk_size=2_000):
        for question, answer in texts_of(item):
            yield str(item.pk), labels[item.version_sha256], question, answer


def reference_texts() -> Iterator[str]:
    yield from ReferenceText.objects.order_by("sha256").values_list("text", flat=True).iterator(chunk_size=2_000)
