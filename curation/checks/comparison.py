"""Conversations beside the exam: every reading is compared, the strongest match decides, with its place in the row.

What many rows carry (a system prompt, tools, the turns before) is compared and embedded once: results are remembered by
the text itself, for one registry under one policy, so nothing is carried from one epoch to the next.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from conversation import Conversation, Message
from curation.checks.passages import Reading, readings
from curation.checks.remembered import Remembered, digest
from curation.decontamination.overlap import MOST_OTHERS, MOST_SPANS, Match, Overlap, Span, Template, merge_ranges

if TYPE_CHECKING:
    from curation.decontamination.registry import Registry

METHODS = ("exact", "sequence", "containment", "jaccard", "template", "structure", "meaning", "translation")
"""In the order of how much each proves."""
WORDS = METHODS[:6]
CHARACTERS_AT_ONCE = 4_000_000

_known: Remembered[Overlap] = Remembered()


def compare(
    rows: Iterable[tuple[Conversation, Message | None]], registry: "Registry", since: int = 0
) -> Iterator[Overlap]:
    """For each conversation and answer what it shares with the exam, or with items first protected after `since`.

    `spans` of the result name the paths of the row's texts.
    """
    for chunk in chunks([readings(*row) for row in rows]):
        yield from (strongest_of(row, known, registry.number) for row, known in compared(chunk, registry, since))


def chunks(rows: Iterable[list[Reading]]) -> Iterator[list[list[Reading]]]:
    """Rows in lists that hold few characters."""
    waiting: list[list[Reading]] = []
    characters = 0
    for row in rows:
        waiting.append(row)
        characters += sum(len(reading.text) for reading in row)
        if characters >= CHARACTERS_AT_ONCE:
            yield waiting
            waiting, characters = [], 0
    if waiting:
        yield waiting


def compared(
    rows: Sequence[list[Reading]], registry: "Registry", since: int = 0
) -> Iterator[tuple[list[Reading], list[Overlap]]]:
    """The rows, each with the results of its readings."""
    results: dict[tuple[bool, bytes], Overlap] = {}
    keys = [[(reading.by_meaning, digest(reading.text)) for reading in row] for row in rows]
    for by_meaning, against in ((True, registry), (False, registry.without_meaning())):
        texts = {
            key: reading.text
            for row, row_keys in zip(rows, keys, strict=True)
            for reading, key in zip(row, row_keys, strict=True)
            if key[0] == by_meaning
        }
        results |= remembered(texts, against, since)
    for row, row_keys in zip(rows, keys, strict=True):
        yield row, [results[key] for key in row_keys]


def remembered(
    texts: Mapping[tuple[bool, bytes], str], registry: "Registry", since: int
) -> dict[tuple[bool, bytes], Overlap]:
    """What the registry says of each text, by key; asked only where it has not been asked before."""
    asked_of = identity(registry, since)
    results = {key: known for key in texts if (known := _known.get((asked_of, key))) is not None}
    new = {key: text for key, text in texts.items() if key not in results}
    overlaps = registry.screen([(text, "") for text in new.values()], since) if new else []
    for key, overlap in zip(new, overlaps, strict=True):
        results[key] = overlap
        _known.keep((asked_of, key), overlap)
    return results


def identity(registry: "Registry", since: int) -> Hashable:
    """All that decides what a registry says of a text."""
    encoder = registry.header["encoder"]
    model = (encoder["name"], encoder["revision"]) if encoder else None
    policy = tuple(asdict(registry.policy).values())
    snapshot = (registry.header["sha256"], registry.header["key_check"], registry.header["normaliser"])
    return registry.number, registry.policy_version, policy, *snapshot, model, registry.translator, since


def strongest_of(row: Sequence[Reading], overlaps: Sequence[Overlap], epoch: int = 0) -> Overlap:
    """The overlap that decides about a conversation, its spans as ranges of the texts that are stored.

    With it all further items that its texts hold something of. One without any says the highest of each measure.
    """
    best = strongest(overlaps)
    if not best.blocked:
        nearest = max(overlaps, key=lambda overlap: overlap.scores.get("meaning", -1.0))
        measured = {name for overlap in overlaps for name in overlap.scores if name in WORDS}
        highest = {
            name: max(overlap.scores.get(name, 0.0) for overlap in overlaps) for name in WORDS if name in measured
        }
        template = template_of(row, overlaps)
        scores, said = nearest.scores | of_translation(overlaps) | highest, languages_of(overlaps)
        return replace(best, scores=scores, encoder=nearest.encoder, template=template, **said)
    first, *others = matches_of(row, overlaps, best)
    more = epoch if len(others) > MOST_OTHERS or any(each.more_in_epoch is not None for each in overlaps) else None
    return replace(
        best,
        spans=list(first.spans),
        others=tuple(others[:MOST_OTHERS]),
        more_in_epoch=more,
        **languages_of(overlaps),
    )


def matches_of(row: Sequence[Reading], overlaps: Sequence[Overlap], best: Overlap) -> list[Match]:
    """Every item that the readings hold something of, that of the best first, the others by how sure they are.

    Each as it was found most surely, and with all its places in the texts that are stored.
    """
    found: dict[tuple[str, str], list[Match]] = {}
    for reading, overlap in zip(row, overlaps, strict=True):
        for match in overlap.matches:
            placed = match._replace(spans=tuple(spans_of(reading, match.spans[:MOST_SPANS])))
            found.setdefault((match.benchmark, match.item_id), []).append(placed)
    own = best.benchmark, best.item_id
    united = [united_in(sorted(matches, key=sureness)) for matches in found.values()]
    return sorted(united, key=lambda match: ((match.benchmark, match.item_id) != own, sureness(match)))


def sureness(match: Match) -> tuple[int, float]:
    """Sorts matches: those that prove most come first."""
    return METHODS.index(match.method), -match.score


def united_in(matches: Sequence[Match]) -> Match:
    """The first of the matches with one item, with the places of all; where these meet they are one."""
    ranges: dict[str, list[tuple[int, int]]] = {}
    for match in matches:
        for span in match.spans:
            ranges.setdefault(span.part, []).append((span.start, span.end))
    joined = [Span(part, *place) for part, places in ranges.items() for place in merge_ranges(places, gap=0)]
    return matches[0]._replace(spans=tuple(joined))


def template_of(row: Sequence[Reading], overlaps: Sequence[Overlap]) -> Template | None:
    """The template that most of stands in one of the readings."""
    found = [(overlap.template, reading) for overlap, reading in zip(overlaps, row, strict=True) if overlap.template]
    if not found:
        return None
    template, reading = max(found, key=lambda each: each[0].score)
    return template._replace(spans=tuple(spans_of(reading, template.spans)))


def spans_of(reading: Reading, spans: Iterable[Span]) -> list[Span]:
    """Ranges of a reading as ranges of the texts that are stored, each once."""
    return list(dict.fromkeys(span for found in spans for span in reading.spans(found.start, found.end)))


def of_translation(overlaps: Sequence[Overlap]) -> dict[str, float]:
    """What was measured of the text that came nearest to an item in another language."""
    nearest = max(overlaps, key=lambda overlap: overlap.scores.get("translation", -9.0))
    return {name: value for name, value in nearest.scores.items() if name.startswith("translation")}


def languages_of(overlaps: Sequence[Overlap]) -> dict[str, Any]:
    """In which other languages than the items' the texts are, and what compared them: no model unless it read all."""
    foreign = [overlap for overlap in overlaps if overlap.languages]
    languages = tuple(sorted({language for overlap in foreign for language in overlap.languages}))
    models = [overlap.translator for overlap in foreign]
    model = min(models) if models else max(overlap.translator for overlap in overlaps)
    return {"languages": languages, "translator": model}


def strongest(overlaps: Sequence[Overlap]) -> Overlap:
    """Of the overlaps of a row's texts the one that decides about the row: the first of the strongest."""
    if len(overlaps) == 1:
        return overlaps[0]
    return max(overlaps, key=lambda each: (each.blocked, each.blocked and -METHODS.index(each.method), each.score))
