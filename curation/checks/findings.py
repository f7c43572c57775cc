"""The checks that a row must pass to train: facts in, findings out. No database, no Django.

Every check answers, also when it passes, so that a page can show each measure against its limit.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

from conversation import Conversation, Message, answer_of
from conversation.shape import content_text, functions_of
from curation.checks import commentary, pattern_places, personal_data, sameness, secrets
from curation.checks.duplicates import BLOCKING, METHODS, Duplicates
from curation.checks.lengths import Length
from curation.checks.lesson import Lesson, calls_of
from curation.checks.passages import texts_of
from curation.decontamination.meaning.passages import is_read_completely, joined_text
from curation.decontamination.overlap import MOST_SPANS, Overlap, Span
from curation.decontamination.translation.languages import is_untold, name_of

AUTHOR_MOST = 500  # pairs of one subject, however many there are
AUTHOR_SHARE = 0.2  # of all pairs
AUTHOR_FREE = 25  # pairs a subject may have before shares mean anything
UNTOLD = "translations_in_no_language_that_is_told_apart"  # of a text that no model read for its language
STEP = 0.05  # of what a clean row's measures tell


@dataclass(frozen=True)
class Facts:
    """All that screening needs to know of one case. `conversation` and the messages: JSON, "" for a text."""

    kind: str
    prompt: str = ""
    answer: str = ""
    rejected: str = ""
    conversation: str = ""
    message: str = ""
    rejected_message: str = ""
    lane: str = "training"
    environment: str = "production"
    origin_lane: str = "training"
    origin_environment: str = "production"
    consented: bool = False
    overlap: Overlap | None = None
    duplicates: Duplicates | None = None
    author_pairs: int = 0
    all_pairs: int = 0
    length: Length | None = None

    @property
    def lesson(self) -> Lesson:
        return Lesson(self.prompt, self.answer, self.conversation, self.message)

    @cached_property
    def asked(self) -> Conversation:
        return self.lesson.asked

    @cached_property
    def answered(self) -> Message:
        return self.lesson.answered

    @cached_property
    def rejected_answer(self) -> Message:
        return answer_of(self.rejected, self.rejected_message)


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
    yield personal_data_finding(facts)
    yield secret_finding(facts)
    yield overlap(facts)
    yield duplicate(facts)
    yield other_answer(facts)
    yield author_share(facts)
    yield reads_like_commentary(facts)
    yield teaches_nothing(facts)
    yield length(facts)
    yield reference(facts)
    yield unknown_tool(facts)


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


def personal_data_finding(facts: Facts) -> Finding:
    return pattern_finding("personal_data", "Personal data", personal_data, facts)


def secret_finding(facts: Facts) -> Finding:
    return pattern_finding("secret", "A secret", secrets, facts)


def pattern_finding(check: str, what: str, rules: Any, facts: Facts) -> Finding:
    """Hits of a rule set (`scan`, `VERSION`) in the question and the answer, or in all texts of a conversation."""
    if facts.lesson.is_short:
        places = pattern_places.in_texts(rules, facts.prompt, facts.answer)
    else:
        places = pattern_places.in_conversation(rules, facts.asked, facts.answered)
    hits = [{"field": part, "start": start, "end": end, "rule": rule} for part, start, end, rule in places]
    names = sorted({str(hit["rule"]).replace("_", " ") for hit in hits})
    message = f"{what} in the text: {', '.join(names)}."[:300] if hits else ""
    evidence = {"rules": rules.VERSION, "spans": hits[:MOST_SPANS]}
    return Finding(check, bool(hits), float(len(hits)), 1.0, message, evidence)


def overlap(facts: Facts) -> Finding:
    result = facts.overlap
    if result is None:
        return Finding("overlap", True, message="Not compared with the exam yet.")
    evidence: dict[str, Any] = {"method": result.method, "scores": result.scores, "policy": result.policy}
    if result.encoder:
        evidence["encoder"] = result.encoder
        if not all(is_read_completely(text, "") for text in whole_texts(facts)):
            evidence["not_checked"] = ["the_meaning_of_parts_of_long_texts"]
    evidence |= languages_seen(result)
    if result.languages and not result.translator:
        unread = [f"texts_in_{name_of(language)}" for language in result.languages]
        evidence["not_checked"] = [*evidence.get("not_checked", ()), *unread]
    if result.translator and not result.languages and any(map(is_untold, whole_texts(facts))):
        evidence["not_checked"] = [*evidence.get("not_checked", ()), UNTOLD]
    if not result.blocked:
        evidence["scores"] = {name: coarse(score) for name, score in result.scores.items()}
        message = ""
        if result.template:
            evidence["spans"] = spans_in(result.template.spans)
            message = f"It has the wording of an item of {result.template.benchmark}, with other numbers."
        return Finding("overlap", False, coarse(result.score), result.limit, message[:300], evidence)
    evidence |= {
        "item": result.item_id,
        "benchmark": result.benchmark,
        "spans": spans_in(result.spans),
    }
    evidence |= others_in(result)
    measured = f"{result.method} {result.score:.2f}, limit {result.limit:g}"
    message = f"It overlaps with an item of {result.benchmark} ({measured}){beside(result)}."
    return Finding("overlap", True, result.score, result.limit, message[:300], evidence)


def others_in(result: Overlap) -> dict[str, Any]:
    """Further items that were found, each with what found it, and whether there are more than these."""
    others = [
        {
            "method": match.method,
            "score": match.score,
            "limit": match.limit,
            "item": match.item_id,
            "benchmark": match.benchmark,
            "spans": spans_in(match.spans),
        }
        for match in result.others
    ]
    more = {} if result.more_in_epoch is None else {"more_in_epoch": result.more_in_epoch}
    return ({"others": others} if others else {}) | more


def beside(result: Overlap) -> str:
    """How many further items there are."""
    if not result.others:
        return ""
    count = len(result.others)
    least = "" if result.more_in_epoch is None else "more than "
    return f", and with {least}{count} other item{'s' if count > 1 else ''}"


def spans_in(spans: Iterable[Span]) -> list[dict[str, Any]]:
    return [{"field": span.part, "start": span.start, "end": span.end} for span in islice(spans, MOST_SPANS)]


def languages_seen(result: Overlap) -> dict[str, Any]:
    """In which languages, other than the items', the row is, and the model that compared it in them."""
    said: dict[str, Any] = {"languages": list(result.languages)} if result.languages else {}
    return said | ({"translator": result.translator} if result.translator else {})


def whole_texts(facts: Facts) -> list[str]:
    """What is compared as a whole: question and answer together, or each text of a conversation."""
    if facts.lesson.is_short:
        return [joined_text(facts.prompt, facts.answer)]
    return [text.text for text in texts_of(facts.asked, facts.answered)]


def coarse(score: float) -> float:
    """A measure of a clean row in steps of STEP, downwards: finer ones would lead who posts towards an item."""
    return round(math.floor(score / STEP + 1e-9) * STEP, 2)


def duplicate(facts: Facts) -> Finding:
    """Whether another row says the same. A duplicate in other words is named, and blocks nothing."""
    duplicates = facts.duplicates
    if duplicates is None:
        return Finding("duplicate", False, message="Not compared with other corrections.")
    unchecked = [method for method in METHODS if method not in duplicates.checked]
    evidence: dict[str, Any] = {"not_checked": unchecked} if unchecked else {}
    if duplicates.kept is None and duplicates.close is None:
        return Finding("duplicate", False, 0.0, 1.0, evidence=evidence)
    if duplicates.kept is None:
        close = duplicates.close
        assert close is not None
        evidence |= {"close": close.case, "method": close.method, "differs": close.difference}
        message = f"Close to case {close.case} ({close.score:.0%} of {close.limit:.0%}), but {close.difference}."
        return Finding("duplicate", False, 0.0, 1.0, message, evidence)
    kept = duplicates.kept
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
    cases = list(facts.duplicates.other_answers) if facts.duplicates else []
    if not cases:
        return Finding("other_answer", False)
    case_list = ", ".join(map(str, cases))
    message = f"Another answer to the same question was accepted: case{'s' if len(cases) > 1 else ''} {case_list}."
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
    """Of an answer that calls and says nothing there is nothing to read."""
    field, text = "answer", facts.answer
    if not facts.lesson.is_short:
        field, text = "answer.content", content_text(facts.answered.get("content"))
        if not text and facts.answered.get("tool_calls"):
            return Finding("commentary", False, 0.0, commentary.LIMIT)
    result = commentary.read(text)
    message = f"It talks about the answer instead of giving one: {result.reason}." if result.blocked else ""
    spans = [{"field": field, "start": start, "end": end} for start, end in result.spans]
    return Finding(
        "commentary",
        result.blocked,
        result.score,
        commentary.LIMIT,
        message,
        {"rules": commentary.VERSION, "spans": spans},
    )


def teaches_nothing(facts: Facts) -> Finding:
    """Whether a question, an answer to it, or the difference to the model's own is missing: the three of a lesson."""
    if not sameness.seen(facts.prompt):
        return Finding("teaches_nothing", True, message="The question is empty: there is nothing to answer.")
    said, calls = content_text(facts.answered.get("content")), calls_of(facts.answered)
    if not calls and not sameness.seen(said):
        return Finding("teaches_nothing", True, message="The replacement holds nothing that can be read.")
    other = facts.rejected_answer
    same = calls == calls_of(other) and sameness.is_same(content_text(other.get("content")), said)
    return Finding("teaches_nothing", same, message="The replacement is the answer itself: it teaches nothing." * same)


def length(facts: Facts) -> Finding:
    """The row's tokens and how many the base takes. One that is too long is said: a freeze leaves it out."""
    counted = facts.length
    if counted is None:
        return Finding("length", False)
    evidence = {"base": counted.base, "tokenizer": counted.tokenizer}
    if counted.tokens is None:
        return Finding("length", counted.unwritable, message=counted.problem[:300], evidence=evidence)
    limit = None if counted.limit is None else float(counted.limit)
    message = (
        f"It has {counted.tokens:,} tokens; the base model {counted.base[:100]} takes {counted.limit:,}."
        " Accepted or not, datasets leave it out."
    )
    return Finding("length", False, float(counted.tokens), limit, message * counted.too_long, evidence)


def reference(facts: Facts) -> Finding:
    """Whether something other than text stands in it."""
    path = ""
    if not facts.lesson.is_short:
        path = facts.asked.reference_path
        path = path or Conversation([facts.answered]).reference_path.replace("messages[0]", "answer", 1)
    message = f"It has an image, sound or file ({path}): not trainable yet." if path else ""
    spans = [{"field": path, "start": 0, "end": 0}]  # no text: a page marks the whole of it
    return Finding("reference", bool(path), message=message, evidence={"spans": spans} if path else {})


def unknown_tool(facts: Facts) -> Finding:
    """Whether the answer calls what the conversation does not offer; one without functions says nothing about it."""
    if facts.lesson.is_short:
        return Finding("unknown_tool", False)
    offered = functions_of(facts.asked.tools)
    for index, call in enumerate(facts.answered.get("tool_calls", ())):
        if offered and (name := call["function"]["name"]) not in offered:
            path = f"answer.tool_calls[{index}].function.name"
            message = f"It calls {name[:100]} ({path}), which the conversation does not offer."
            message = f"{message} It has {', '.join(offered)}"[:299] + "."
            spans = [{"field": path, "start": 0, "end": len(name)}]
            return Finding("unknown_tool", True, message=message, evidence={"spans": spans})
    return Finding("unknown_tool", False)
