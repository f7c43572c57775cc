"""Whether a "replacement" is an answer at all, or a remark about the old one ("this is wrong, should be 30 days").

A heuristic, and a careful one: a false alarm costs a reviewer a retype, a miss teaches the model to complain. Signs are
counted in the first sentences only, each with a weight; a text is commentary when they reach LIMIT. An answer that
merely contains such words ("The wrong fuse is a common fault.") does not: the signs are about *the answer*, or address
its author, or open the text as a remark.
"""

import re
from dataclasses import dataclass, field

VERSION = "commentary-1"
LIMIT = 1.0

_ANSWER_NOUN = r"(?:answer|reply|response)"
_ABOUT = rf"(?:this|that|it|the (?:above|model|bot|assistant)|(?:the|your) {_ANSWER_NOUN}|the old one)"
_BAD = (
    r"(?:wrong|incorrect|outdated|out of date|false|not (?:right|correct|true|accurate|up to date)"
    r"|inaccurate|misleading|incomplete|nonsense|useless|unhelpful|bad|old|stale)"
)
_SIGNS: tuple[tuple[str, float, re.Pattern[str]], ...] = tuple(
    (reason, weight, re.compile(pattern, re.IGNORECASE))
    for reason, weight, pattern in (
        (
            "it calls the answer wrong",
            1.0,
            rf"^\W*(?:no,?\s+|sorry,?\s+|hm+,?\s+)?{_ABOUT}(?:'s| is| was| seems| looks| sounds)"
            r"(?: just| simply| totally| completely| clearly| still| a bit| very)?"
            rf" {_BAD}\b(?! with| for| because of| to| that)",
        ),
        ("it opens with a verdict", 1.0, rf"^\W*(?:totally |completely |simply )?{_BAD}\b\s*(?:[.!,:;–—-]|$)"),
        (
            "it says what the answer should be",
            1.0,
            r"^\W*(?:(?:should|must)(?: actually| really)? (?:be|say|read)\b(?! \w+\?)"
            r"|(?:it|this|that|the (?:correct |right )?answer) (?:should|must|ought to)(?: actually| really)?"
            r" (?:say|read|have (?:said|been)|be (?=[\d\"'“$€£]))\b)",
        ),
        (
            "it says what the answer should be",
            0.6,
            r"\b(?:it|this|that|the (?:answer|reply|response)|you|the (?:model|bot))"
            r" (?:should|must|ought to)(?: actually| really)?"
            r" (?:be(?! \w+ed\b)|say|have (?:said|been)|mention|explain|answer)\b",
        ),
        (
            "it tells somebody to change the answer",
            1.0,
            r"^\W*(?:please |pls |can you |could you )?(?:fix|correct|update|change|rephrase|rewrite|reword|shorten)"
            r" (?:this|that|it|the (?:answer|reply|response|wording))\b",
        ),
        (
            "it speaks of the answer's author",
            0.6,
            r"\b(?:you|the (?:model|bot|assistant|ai)) (?:said|wrote|got|forgot|missed|hallucinated|made (?:this|it) up"
            r"|didn't|did not|failed to|keeps?)\b",
        ),
        ("it calls the answer wrong", 0.5, rf"\b(?:this|the|your) (?:answer|reply|response) is (?:\w+ )?{_BAD}\b"),
        (
            "it is a remark",
            0.5,
            r"^\W*(?:i (?:think|believe|would|checked|don't like|do not like)|imo|imho|nope|wtf)\b",
        ),
        ("it compares with the answer", 0.5, r"\b(?:instead of|rather than|and not) (?:what (?:it|you)|the answer)\b"),
    )
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n")
READ_SENTENCES, READ_CHARACTERS = 2, 600


@dataclass(frozen=True)
class Commentary:
    """The sum of the signs found (LIMIT or more: commentary), the heaviest one, and where they are."""

    score: float
    reason: str = ""
    spans: list[tuple[int, int]] = field(default_factory=list)

    @property
    def blocked(self) -> bool:
        return self.score >= LIMIT


def read(text: str) -> Commentary:
    """Look for signs of commentary in the first sentences of a replacement answer."""
    if not text.strip():
        return Commentary(LIMIT, "it is empty")
    head = opening(text)
    signs = [(weight, reason, match) for reason, weight, sign in _SIGNS if (match := sign.search(head))]
    if not signs:
        return Commentary(0.0)
    heaviest = max(signs, key=lambda sign: sign[0])
    return Commentary(
        round(min(sum(weight for weight, _, _ in signs), 2.0), 2),
        heaviest[1],
        sorted({match.span() for _, _, match in signs}),
    )


def opening(text: str) -> str:
    """The first sentences, where a remark gives itself away."""
    head = text[:READ_CHARACTERS]
    ends = [match.start() for match in _SENTENCE_END.finditer(head)]
    return head[: ends[READ_SENTENCES - 1]] if len(ends) >= READ_SENTENCES else head
