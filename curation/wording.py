"""The checks in words, the same ones wherever a case or its pair is shown."""

from collections.abc import Iterable
from dataclasses import dataclass

from curation.models import Blocker

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
}


@dataclass(frozen=True, slots=True)
class Check:
    """A finding with its words; `top` is the end of its meter, where something is measured against a limit."""

    finding: Blocker
    words: str
    top: float | None = None


def shown_checks(findings: Iterable[Blocker]) -> list[Check]:
    """The findings worth a line."""
    return [check(finding) for finding in findings if finding.blocking or finding.check_name in PASSED]


def check(finding: Blocker) -> Check:
    score, limit = finding.score or 0.0, finding.limit or 0.0
    if finding.check_name == "overlap" and limit:
        benchmark = finding.evidence.get("benchmark")
        words = f"{score:.0%} of {limit:.0%}" + (f" · {benchmark}" if benchmark and finding.blocking else "")
        return Check(finding, words, top=1.0)
    if finding.check_name == "author_share" and limit:
        return Check(finding, f"{score:.0f} of {limit:.0f} pairs", top=1.25 * limit)
    return Check(finding, "stopped" if finding.blocking else PASSED[finding.check_name])
