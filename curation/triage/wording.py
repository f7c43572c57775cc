"""The checks in words, the same ones wherever a case or its pair is shown."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from conversation.lines import place_name
from curation.checks.findings import UNTOLD
from curation.decontamination.overlap import Policy, limit_of_meaning
from curation.decontamination.translation.languages import name_of
from curation.models import Blocker, Override

# A passed kind goes without saying: the case shows what it is.
PASSED = {
    "consent": "to training",
    "environment": "production",
    "personal_data": "none found",
    "secret": "none found",
    "overlap": "none",
    "duplicate": "none",
    "author_share": "within its cap",
    "commentary": "no",
    "length": "not counted",
}

# How an overlap was found, in the order in which a reader meets them: what each measure says when it is the reason.
METHODS = {
    "exact": ("Word for word", "A whole question or answer of an item stands here word for word."),
    "sequence": ("Short item inside", "A short item stands inside this row, word for word."),
    "containment": ("Rare word sequences", "Rare sequences of three words of one item stand close together here."),
    "jaccard": ("Shared word sequences", "Nearly all sequences of five words are those of one item."),
    "template": ("Same template", "The wording of one item stands here, with other numbers."),
    "structure": ("Structure of code", "Code of an item stands here, built alike whatever its names say."),
    "meaning": ("Meaning", "It says what an item says, in other words."),
    "translation": ("Other languages", "It says what an item says, in another language."),
}
YES_OR_NO = ("exact", "sequence")
NOT_CHECKED = "not checked"
NOTHING_TO_COMPARE = {"structure": "no code to compare"}


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of a row against the exam: what it was and from where on it blocks."""

    name: str
    value: str
    limit: str
    hit: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """An item of the exam that an overlap is with: of which benchmark, what found it, how surely, and where."""

    benchmark: str
    how: str
    value: str  # empty where it stands word for word
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """A finding with its words; `top` is the end of its meter, where something is measured against a limit."""

    finding: Blocker
    words: str
    top: float | None = None
    how: str = ""
    measures: tuple[Measure, ...] = ()
    override: Override | None = None
    items: tuple[Item, ...] = ()

    @property
    def covered(self) -> bool:
        """Whether two people let it pass."""
        return self.override is not None and self.override.state == Override.State.CONFIRMED

    @property
    def places(self) -> list[str]:
        """The messages of a conversation, and its tools, that it points at, where it stops the case."""
        return list(places_of(self.finding.evidence)) if self.finding.blocking else []

    @property
    def more(self) -> bool:
        """Whether the row holds parts of more items than are listed."""
        return "more_in_epoch" in self.finding.evidence

    @property
    def tone(self) -> str:
        """The class of its line: stopped, let pass or only said, or nothing."""
        if not self.finding.blocking:
            return "warn" if self.finding.message else ""
        return "warn" if self.covered else "stop"


def shown_checks(
    findings: Iterable[Blocker],
    limits: Mapping[str, float] | None = None,
    overrides: Mapping[str, Override] | None = None,
) -> list[Check]:
    """The findings worth a line. `limits`: the policy's thresholds by name; `overrides`: by check."""
    return [
        check(finding, limits or {}, (overrides or {}).get(finding.check_name))
        for finding in findings
        if finding.blocking or finding.check_name in PASSED or finding.message
    ]


def check(finding: Blocker, limits: Mapping[str, float], override: Override | None = None) -> Check:
    score, limit = finding.score or 0.0, finding.limit or 0.0
    if finding.check_name == "overlap" and limit:
        evidence = finding.evidence
        benchmark = evidence.get("benchmark") if finding.blocking else ""
        words = f"{score:.0%} of {limit:.0%}" + (f" · {benchmark}" if benchmark else "")
        how = METHODS.get(evidence.get("method", ""), ("", ""))[1] if finding.blocking else finding.message
        if finding.message and not finding.blocking:
            words = f"Same template, {evidence.get('scores', {}).get('template', 0.0):.0%}"
        measured = tuple(measures(evidence, limits, finding.blocking))
        return Check(finding, words, 1.0, how, measured, override, items_of(finding.evidence, score, limit))
    if finding.check_name == "author_share" and limit:
        return Check(finding, f"{score:.0f} of {limit:.0f} pairs", top=1.25 * limit)
    if finding.check_name == "length" and finding.score:
        return length(finding)
    if finding.check_name in ("duplicate", "other_answer") and finding.message:
        return alike(finding, override)
    words = "stopped" if finding.blocking else PASSED[finding.check_name]
    return Check(finding, words, override=override)


def items_of(evidence: Mapping[str, Any], score: float, limit: float) -> tuple[Item, ...]:
    """Every item that an overlap is with, the one that decided first; none where it is with that one only."""
    if not evidence.get("others"):
        return ()
    found = [{**evidence, "score": score, "limit": limit}, *evidence["others"]]
    return tuple(
        Item(
            benchmark=one["benchmark"],
            how=METHODS.get(one["method"], ("", ""))[0],
            value="" if one["method"] in YES_OR_NO else f"{one['score']:.0%}",
            places=places_of(one),
        )
        for one in found
    )


def places_of(evidence: Mapping[str, Any]) -> tuple[str, ...]:
    """The messages of a conversation in their order, and its tools, that evidence points at."""
    fields = [span["field"] for span in evidence.get("spans", ())]
    paths = sorted({field for field in fields if "." in field or "[" in field}, key=in_order)
    return tuple(dict.fromkeys(map(place_name, paths)))


def in_order(path: str) -> tuple[bool, list[str | int]]:
    """Sorts paths as they are read: `messages[9]` before `messages[10]`, the answer last."""
    return path.startswith("answer"), [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path)]


def pointing(name: str, evidence: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """A finding as it is marked in a text, under its check's name: that of each further item says whose it is."""
    others: list[Mapping[str, Any]] = evidence.get("others", [])
    first = f"{name}: {evidence['benchmark']}" if others else name
    return [(first, evidence), *((f"{name}: {other['benchmark']}", other) for other in others)]


def length(finding: Blocker) -> Check:
    """The row's tokens of those that the base takes, where it says how many."""
    if not finding.limit:
        return Check(finding, f"{finding.score:,.0f} tokens")
    return Check(finding, f"{finding.score:,.0f} of {finding.limit:,.0f} tokens", 1.25 * finding.limit, finding.message)


def alike(finding: Blocker, override: Override | None) -> Check:
    """A duplicate, a row that comes close to one, or another answer to the question: which case, and how alike."""
    cases = [finding.evidence.get("case"), finding.evidence.get("close"), *finding.evidence.get("cases", [])]
    named = "case " + ", ".join(str(case) for case in cases if case)
    how = "" if finding.blocking else finding.message
    if not finding.score or finding.evidence.get("method") == "exact":
        return Check(finding, named, how=how, override=override)
    return Check(finding, f"{finding.score:.0%} of {finding.limit:.0%} · {named}", 1.0, how, override=override)


def measures(evidence: Mapping[str, Any], limits: Mapping[str, float], blocking: bool) -> Iterable[Measure]:
    """Every measure of an overlap; one without a score did not run on this row."""
    scores: Mapping[str, float] = evidence.get("scores", {})
    for method, (name, _) in METHODS.items():
        hit = blocking and evidence.get("method") == method
        score, limit = scores.get(method), limit_of(method, scores, limits)
        if method == "translation" and not hit:
            yield Measure(name, in_languages(evidence, score), "" if not score or limit is None else f"{limit:.0%}")
        elif score is None and not hit:
            yield Measure(name, NOTHING_TO_COMPARE.get(method, NOT_CHECKED), "")
        elif method in YES_OR_NO:
            yield Measure(name, "yes" if hit or score else "no", "", hit)
        else:
            shown = score if score is not None else 1.0
            yield Measure(name, f"{shown:.0%}", "" if limit is None else "off" if limit > 1 else f"{limit:.0%}", hit)


def in_languages(evidence: Mapping[str, Any], score: float | None) -> str:
    """What is said of a row's languages: how near it comes to an item in another one, or why nobody looked."""
    names = ", ".join(map(name_of, evidence.get("languages", ())))
    if not evidence.get("translator"):
        return f"{NOT_CHECKED}: {names}" if names else NOT_CHECKED
    if UNTOLD in evidence.get("not_checked", ()):
        return "not told"
    return f"{names}: {score or 0.0:.0%}" if names else "none"


def limit_of(method: str, scores: Mapping[str, float], limits: Mapping[str, float]) -> float | None:
    """From where on a measure blocks; that of meaning is the item's own."""
    if method == "meaning" and limits and method in scores:
        return limit_of_meaning(scores, Policy.of(limits))
    if method == "translation":
        return scores.get("translation_limit")
    return limits.get(f"{method}_limit")
