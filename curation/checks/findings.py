"""What stands between a row and training: facts in, findings out. No database, no Django.

Every check answers, also when it passes, so that a page can show each measure against its limit.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from curation.checks import commentary, personal_data, secrets
from curation.checks.duplicates import BLOCKING, METHODS, Twins
from curation.decontamination import meaning
from curation.decontamination.overlap import Overlap

AUTHOR_MOST = 500  # pairs of one subject, however many there are
AUTHOR_SHARE = 0.2  # of all pairs
AUTHOR_FREE = 25  # pairs a subject may have before shares mean anything
STEP = 0.05  # of what a clean row's measures tell


@dataclass(frozen=True)
class Facts:
    """All that screening needs to know of one case."""

    kind: str
    prompt: str = ""
    answer: str = ""
    lane: str = "training"
    environment: str = "production"
    origin_lane: str = "training"
    origin_environment: str = "production"
    consented: bool = False
    overlap: Overlap | None = None
    twins: Twins | None = None
    author_pairs: int = 0
    all_pairs: int = 0


@dataclass(frozen=True)
class Finding:
    """One check's answer. `evidence` names method, opaque ids and ranges of the row itself, never an exam's text."""

    check: str
    blocking: bool
    score: float | None = None
    limit: float | None = None
    message: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)


def screen(facts: Facts) -> list[Finding]:
    """All findings on a case. Only a correction can pass: the other kinds have nothing to learn from."""
    if facts.kind != "correction":
        word = facts.kind.replace("_", " ")
        return [Finding("kind", True, message=f"A {word} is never trained on.")]
    return list(correction_findings(facts))


def correction_findings(facts: Facts) -> Iterator[Finding]:
    yield Finding("kind", False)
    yield consent(facts)
    yield environment(facts)
    yield private(facts)
    yield secret(facts)
    yield overlap(facts)
    yield duplicate(facts)
    yield other_answer(facts)
    yield author_share(facts)
    yield reads_like_commentary(facts)


def consent(facts: Facts) -> Finding:
    message = "" if facts.consented else "No consent to training is in force for this person. Unknown is no."
    return Finding("consent", not facts.consented, message=message)


def environment(facts: Facts) -> Finding:
    """Lane and environment. A replayed trace is what its original was, wherever it was replayed."""
    evidence = {"environment": facts.environment, "origin": facts.origin_environment}
    if "held_out" in (facts.lane, facts.origin_lane):
        return Finding("environment", True, message="It belongs to the held-out lane: an exam.", evidence=evidence)
    if facts.origin_environment == "replay":
        message = "It is a replay, and what it replays is not known."
    elif facts.origin_environment != "production":
        message = f"It began in {facts.origin_environment}; only production rows train."
    else:
        message = ""
    return Finding("environment", bool(message), message=message, evidence=evidence)


def private(facts: Facts) -> Finding:
    return pattern_finding("personal_data", "Personal data", personal_data, facts)


def secret(facts: Facts) -> Finding:
    return pattern_finding("secret", "A secret", secrets, facts)


def pattern_finding(check: str, what: str, rules: Any, facts: Facts) -> Finding:
    """Hits of a rule set (`scan`, `VERSION`) in the prompt and in the answer."""
    hits = [
        {"field": part, "start": hit.start, "end": hit.end, "rule": hit.rule}
        for part, text in (("prompt", facts.prompt), ("answer", facts.answer))
        for hit in rules.scan(text)
    ]
    names = sorted({str(hit["rule"]).replace("_", " ") for hit in hits})
    message = f"{what} in the text: {', '.join(names)}."[:300] if hits else ""
    evidence = {"rules": rules.VERSION, "spans": hits[:50]}
    return Finding(check, bool(hits), float(len(hits)), 1.0, message, evidence)


def overlap(facts: Facts) -> Finding:
    found = facts.overlap
    if found is None:
        return Finding("overlap", True, message="Not compared with the exam yet.")
    evidence: dict[str, Any] = {"method": found.method, "scores": found.scores, "policy": found.policy}
    if found.encoder:
        evidence["encoder"] = found.encoder
        if not meaning.is_read_completely(facts.prompt, facts.answer):
            evidence["not_checked"] = ["the_meaning_of_parts_of_long_texts"]
    if not found.blocked:
        evidence["scores"] = {name: coarse(score) for name, score in found.scores.items()}
        return Finding("overlap", False, coarse(found.score), found.limit, evidence=evidence)
    evidence |= {
        "item": found.item_id,
        "benchmark": found.benchmark,
        "spans": [{"field": span.part, "start": span.start, "end": span.end} for span in found.spans],
    }
    message = (
        f"It overlaps with an item of {found.benchmark} ({found.method} {found.score:.2f}, limit {found.limit:g})."
    )
    return Finding("overlap", True, found.score, found.limit, message[:300], evidence)


def coarse(score: float) -> float:
    """A measure of a clean row in steps of STEP, downwards: finer ones would lead who posts towards an item."""
    return round(math.floor(score / STEP + 1e-9) * STEP, 2)


def duplicate(facts: Facts) -> Finding:
    """Another row that teaches the same. One that says it in other words is named, and blocks nothing."""
    twins = facts.twins
    if twins is None:
        return Finding("duplicate", False, message="Not compared with other corrections.")
    unchecked = [method for method in METHODS if method not in twins.checked]
    evidence: dict[str, Any] = {"not_checked": unchecked} if unchecked else {}
    if twins.kept is None and twins.close is None:
        return Finding("duplicate", False, 0.0, 1.0, evidence=evidence)
    if twins.kept is None:
        close = twins.close
        assert close is not None
        evidence |= {"close": close.case, "method": close.method, "differs": close.differs}
        message = f"Close to case {close.case} ({close.score:.0%} of {close.limit:.0%}), but {close.differs}."
        return Finding("duplicate", False, 0.0, 1.0, message, evidence)
    kept = twins.kept
    evidence |= {"case": kept.case, "method": kept.method}
    message = DUPLICATE[kept.method].format(case=kept.case)
    return Finding("duplicate", kept.method in BLOCKING, kept.score, kept.limit, message, evidence)


DUPLICATE = {
    "exact": "The same correction came before, as case {case}; the first one stays.",
    "near": "Nearly the same correction came before, as case {case}; the first one stays.",
    "semantic": "Case {case} says the same in other words. A freeze that drops such rows keeps only that one.",
}


def other_answer(facts: Facts) -> Finding:
    """Accepted corrections that answer the same question otherwise: they may contradict this one."""
    cases = list(facts.twins.other_answers) if facts.twins else []
    if not cases:
        return Finding("other_answer", False)
    named = ", ".join(map(str, cases))
    message = f"Another answer to the same question was accepted: case{'s' if len(cases) > 1 else ''} {named}."
    return Finding("other_answer", False, message=message, evidence={"cases": cases})


def author_limit(all_pairs: int) -> int:
    """Pairs that one subject may have among `all_pairs`: an absolute cap and a share, above a free allowance."""
    return min(AUTHOR_MOST, max(AUTHOR_FREE, int(AUTHOR_SHARE * all_pairs)))


def author_share(facts: Facts) -> Finding:
    limit = author_limit(facts.all_pairs)
    blocking = facts.author_pairs >= limit
    message = f"This person already has {facts.author_pairs} of {facts.all_pairs} pairs; {limit} are allowed."
    return Finding("author_share", blocking, float(facts.author_pairs), float(limit), message if blocking else "")


def reads_like_commentary(facts: Facts) -> Finding:
    found = commentary.read(facts.answer)
    message = f"It talks about the answer instead of giving one: {found.reason}." if found.blocked else ""
    evidence = {
        "rules": commentary.VERSION,
        "spans": [{"field": "answer", "start": start, "end": end} for start, end in found.spans],
    }
    return Finding("commentary", found.blocked, found.score, commentary.LIMIT, message, evidence)
