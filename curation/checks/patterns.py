"""What the rule sets share: a hit, and looking for candidates with a check behind each pattern."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple


class Hit(NamedTuple):
    """A rule matched the characters start..end of a text, under this version of its rule set."""

    rule: str
    start: int
    end: int
    version: str


class Rule(NamedTuple):
    """A pattern for candidates (group "value" if it has one, else all of it) and what a candidate must satisfy."""

    name: str
    pattern: re.Pattern[str]
    is_real: Callable[[str], bool] = bool


def apply(rules: Iterable[Rule], text: str, version: str) -> Iterator[Hit]:
    """All hits of all rules."""
    for rule in rules:
        group: str | int = "value" if "value" in rule.pattern.groupindex else 0
        for match in rule.pattern.finditer(text):
            if rule.is_real(match.group(group)):
                yield Hit(rule.name, match.start(group), match.end(group), version)


def without_nested(hits: Iterable[Hit]) -> list[Hit]:
    """Hits in order of position, without those that lie inside an earlier, longer one."""
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.end)):
        if not kept or hit.end > kept[-1].end:
            kept.append(hit)
    return kept
