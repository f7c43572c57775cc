"""The labelled set on which thresholds are tuned: leaks of protected items, and texts that are none, as scores alone.

Made here, where items may be read, in parts of a few seconds, so that a gate never waits long. Part 0 is the negatives,
the others are leaks of `CHUNK` items each in every form of `thresholds.leaks`. What leaves the vault is numbers:
no text and no item's id. All forms of an item are in the same half, by its hash, so what is reported was not tuned on.
"""

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

import structlog
from django.conf import settings

from curation.decontamination.overlap import Overlap
from curation.decontamination.registry import Registry
from curation.models import LabelledScores
from curation.screening import current_epoch
from curation.thresholds import leaks, tuning
from curation.thresholds.actions import store_labelled_scores
from curation.thresholds.tuning import Group
from evaluation.benchmarks import registry_snapshot
from evaluation.benchmarks.protected_texts import texts_of
from evaluation.vault.models import Item, ReferenceText

log = structlog.get_logger(__name__)

CHUNK = 5  # items whose leaks are scored in one task
LEFT_OUT = 100  # items, and as many clean texts, that a registry is built without
KEPT_IN = 300  # items, and as many clean texts, of which that registry is built
FILLER = (
    "The office is closed on the first Monday of every month, and mail is answered on the day after.",
    "A short walk along the canal leads to the old mill, where the path turns north towards the village.",
    "Bread, butter and a pot of tea were on the table when the guests came in from the rain.",
    "Please keep your ticket until you have left the station; a new one costs as much as the first.",
    "The committee met twice in spring and once in autumn, and agreed to paint the fence green.",
)


@dataclass
class Scored:
    """One form's rows so far."""

    is_leak: bool
    rows: list[tuple[dict[str, float], bool, bool]] = field(default_factory=list)

    def group(self, form: str) -> Group:
        columns = tuning.columns_of(self.rows)
        return Group.of_columns(form, self.is_leak, columns)


def label_next(*, by: str) -> bool:
    """Make and store the next part of the current snapshot's labelled set; whether another one is left to do."""
    current = current_epoch.open_registry()
    if current is None:
        return False
    snapshot = snapshot_of(current)
    sample = sampled(settings.CFT_LABELLED_ITEMS)
    left = parts_left(snapshot, len(sample))
    if not left:
        return False
    part = left[0]
    if part == 0:
        groups = negatives(current)
    else:
        groups = leaked(current, sample[(part - 1) * CHUNK : part * CHUNK], random.Random(part))
    rows = store_labelled_scores(snapshot, part, groups, by=by)
    log.info("labelling.stored", snapshot=snapshot, part=part, rows=rows)
    return len(left) > 1


def snapshot_of(current: Registry) -> int:
    from curation.models import RegistryEpoch

    return int(RegistryEpoch.objects.values_list("snapshot_number", flat=True).get(number=current.number))


def parts_left(snapshot: int, items: int) -> list[int]:
    """The parts that are not there: leaks first, because they are what a page without negatives can still show."""
    if not items:
        return []
    have = set(LabelledScores.objects.filter(snapshot_number=snapshot).values_list("part", flat=True))
    every = [*range(1, 1 + math.ceil(items / CHUNK)), 0]
    return [part for part in every if part not in have]


# --- the sample -------------------------------------------------------------------------------------------------------


def order_of(sha256: str) -> bytes:
    """Where a text stands in the order in which texts are drawn: the same one in every snapshot."""
    return blake2b(sha256.encode(), person=b"labelled", digest_size=8).digest()


def in_reporting_half(sha256: str) -> bool:
    return bool(order_of(sha256)[-1] & 1)


def sampled(most: int) -> list[Item]:
    """So many protected items, by the order of their hashes; each text once."""
    versions = registry_snapshot.protected_versions()
    rows = Item.objects.filter(version_sha256__in=versions).values_list("sha256", "pk").order_by("version_sha256")
    once = dict(rows.iterator(chunk_size=5_000))
    chosen = [once[sha256] for sha256 in sorted(once, key=order_of)[:most]]
    items = Item.objects.in_bulk(chosen)
    return [items[pk] for pk in chosen]


def clean_texts(most: int) -> list[tuple[str, str]]:
    """(hash, text) of so many reference texts, by the order of their hashes."""
    hashes = sorted(ReferenceText.objects.values_list("sha256", flat=True).iterator(chunk_size=5_000), key=order_of)
    texts = ReferenceText.objects.in_bulk(hashes[:most])
    return [(sha256, texts[sha256].text) for sha256 in hashes[:most]]


def scored_by(against: Registry, rows: Sequence[tuple[str, str]]) -> list[Overlap]:
    """Every measure of each row, under limits so low that none is cut short.

    The margin stays, for it decides which of two items is the nearer one in meaning.
    """
    policy = replace(tuning.widest(), meaning_margin=against.policy.meaning_margin)
    return against.with_policy(policy).screen(rows, spans=False, every_method=True)


# --- leaks ------------------------------------------------------------------------------------------------------------


def leaked(current: Registry, items: Sequence[Item], rng: random.Random) -> list[Group]:
    """Every form of leak of these items, scored."""
    filler = [text for _, text in clean_texts(KEPT_IN)] or list(FILLER)
    material = leaks.Material(filler=filler, rng=rng)
    made = list(leaks_of(items, material))
    scored = {form: Scored(is_leak=True) for form in leaks.FORMS}
    overlaps = scored_by(current, [(text, "") for _, _, text in made])
    same = hashes_of({overlap.item_id for overlap in overlaps if overlap.item_id})
    for (form, item, text), overlap in zip(made, overlaps, strict=True):
        scores = dict(overlap.scores) | {"textbook": textbook(text, item)}
        scored[form].rows.append((scores, same.get(overlap.item_id) == item.sha256, in_reporting_half(item.sha256)))
    return [rows.group(form) for form, rows in scored.items() if rows.rows]


def leaks_of(items: Iterable[Item], material: leaks.Material) -> Iterator[tuple[str, Item, str]]:
    """(form, item, leaked text), without the forms that do not apply to an item."""
    for item in items:
        for form, make in leaks.FORMS.items():
            text = make(*texts_of(item)[0], material)
            if text is not None and text.strip():
                yield form, item, text


def hashes_of(item_ids: Iterable[str]) -> Mapping[str, str]:
    """Text hashes by item id: the same text may be protected under several ids."""
    rows = Item.objects.filter(pk__in=list(item_ids)).values_list("pk", "sha256")
    return {str(pk): sha256 for pk, sha256 in rows}


def textbook(text: str, item: Item) -> float:
    """Jaccard of the lower-cased texts' character 5-grams, with the item's question or with all of it."""
    own = characters(text)
    return max(
        len(own & other) / (len(own | other) or 1)
        for question, answer in texts_of(item)[:1]
        for other in (characters(question), characters(f"{question}\n{answer}"))
    )


def characters(text: str, n: int = 5) -> set[str]:
    lower = " ".join(text.lower().split())
    return {lower[i : i + n] for i in range(len(lower) - n + 1)}


# --- texts that are no leak -------------------------------------------------------------------------------------------


def negatives(current: Registry) -> list[Group]:
    """Clean texts against the current registry, and what a registry was built without against that one.

    The first is kind: the registry learnt from those texts which phrases are common. The other two are honest, with
    fewer items to be mistaken for.
    """
    clean = clean_texts(LEFT_OUT + KEPT_IN)
    items = sampled(LEFT_OUT + KEPT_IN)
    cut_items, cut_clean = left_out(len(items)), left_out(len(clean))
    asked = {item.question for item in items[:cut_items]}  # another version may ask it again with another answer
    kept = [item for item in items[cut_items:] if item.question not in asked]
    smaller = registry_without(kept, [text for _, text in clean[cut_clean:]], current)
    sets: dict[str, tuple[Registry, list[tuple[str, str, str]]]] = {
        "clean reference texts": (current, [(sha256, text, "") for sha256, text in clean]),
        "clean texts, left out": (smaller, [(sha256, text, "") for sha256, text in clean[:cut_clean]]),
        "other items, left out": (smaller, [(item.sha256, *texts_of(item)[0]) for item in items[:cut_items]]),
    }
    return [scored_negatives(form, against, rows) for form, (against, rows) in sets.items() if rows]


def left_out(rows: int) -> int:
    """How many of so many to leave out: a quarter, at most LEFT_OUT."""
    return min(LEFT_OUT, rows // 4)


def registry_without(items: Sequence[Item], clean: Sequence[str], current: Registry) -> Registry:
    """A throw-away registry of these items alone, made like the current one."""
    key = registry_snapshot.registry_key()
    rows = [(str(item.pk), item.benchmark, *text) for item in items for text in texts_of(item)]
    encoder = current.encoder if current.header["encoder"] else None
    return Registry.from_bytes(Registry.build(rows, key, clean, encoder=encoder), key, encoder=encoder)


def scored_negatives(form: str, against: Registry, rows: Sequence[tuple[str, str, str]]) -> Group:
    """Scores of (hash, prompt, answer) rows that overlap with nothing they should be blamed for."""
    overlaps = scored_by(against, [(prompt, answer) for _, prompt, answer in rows])
    scored = Scored(is_leak=False)
    for (sha256, *_), overlap in zip(rows, overlaps, strict=True):
        scored.rows.append((dict(overlap.scores), False, in_reporting_half(sha256)))
    return scored.group(form)
