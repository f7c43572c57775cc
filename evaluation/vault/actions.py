"""Writes to the vault: append only, and repeatable without effect. Each is one transaction of the second database.

No event is recorded here: the log is in the other database, and the action in `evaluation.benchmarks` that calls these
records one, with its own change. A crash in between leaves rows here that nothing refers to.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import connections, transaction
from django.db.models import Max

from evaluation.items import Draft
from evaluation.vault.models import Item, ItemScore, Offer, ReferenceText, RegistrySnapshot

VAULT = "vault"
IMPORT_LOCK = 0x63667465  # "cfte"
BATCH = 2_000


@contextmanager
def one_import_at_a_time() -> Iterator[None]:
    """Others wait: two imports at once would each build a snapshot without the other's items."""
    with connections[VAULT].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [IMPORT_LOCK])
    try:
        yield
    finally:
        with connections[VAULT].cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [IMPORT_LOCK])


def write_items(benchmark: str, version: str, drafts: Sequence[Draft]) -> None:
    """Store the items of a version (named by its sha256); what is there already stays as it is."""
    rows = (
        Item(
            benchmark=benchmark,
            version_sha256=version,
            position=position,
            question=draft.question,
            answer=draft.answer,
            category=draft.category,
            conversation=draft.conversation,
            answer_message=draft.answer_message,
            sha256=draft.sha256,
        )
        for position, draft in enumerate(drafts)
    )
    with transaction.atomic(using=VAULT):
        Item.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)


def add_reference_texts(texts: Iterable[str]) -> None:
    """Add clean texts that tell the registry which n-grams are common."""
    rows = {hashlib.sha256(text.encode()).hexdigest(): text for text in texts}
    with transaction.atomic(using=VAULT):
        ReferenceText.objects.bulk_create(
            (ReferenceText(sha256=sha256, text=text) for sha256, text in rows.items()),
            batch_size=BATCH,
            ignore_conflicts=True,
        )


def store_snapshot(content: bytes, *, after: int = 0) -> RegistrySnapshot:
    """Keep a registry under the next number, above that of the epoch `after`.

    The same bytes as the newest one, which no epoch has adopted, are not stored twice.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    with transaction.atomic(using=VAULT):
        newest = RegistrySnapshot.objects.defer("content").order_by("number").last()
        if newest is not None and newest.sha256 == sha256 and newest.number > after:
            return newest
        highest = RegistrySnapshot.objects.aggregate(Max("number"))["number__max"] or 0
        return RegistrySnapshot.objects.create(number=max(highest, after) + 1, sha256=sha256, content=content)


def offer(check_id: UUID, content: bytes) -> str:
    """Let the screener have a registry of items that may be published; returns the SHA-256 of what is on offer.

    What is on offer under this id already stays.
    """
    with transaction.atomic(using=VAULT):
        fresh = Offer(id=check_id, sha256=hashlib.sha256(content).hexdigest(), content=content)
        Offer.objects.bulk_create([fresh], ignore_conflicts=True)
        return Offer.objects.values_list("sha256", flat=True).get(pk=check_id)


def take_back(check_ids: Iterable[UUID]) -> int:
    """Remove offers that nobody needs any more; returns how many there were."""
    with transaction.atomic(using=VAULT):
        return Offer.objects.filter(pk__in=list(check_ids)).delete()[0]


def store_scores(model_sha256: str, scores: Iterable[Mapping[str, Any]], known: Mapping[str, UUID]) -> None:
    """Store the engine's score lines (`id`, `output`, `correct`); `known` maps the engine's ids to items."""
    rows = [
        ItemScore(
            model_sha256=model_sha256,
            item_id=known[line["id"]],
            output=line["output"].replace("\x00", "\ufffd"),
            correct=line["correct"],
        )
        for line in scores
    ]
    with transaction.atomic(using=VAULT):
        ItemScore.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)
