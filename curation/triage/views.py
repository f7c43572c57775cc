"""The triage bench: one case, one key. A verdict's answer is the next case, a few kilobytes."""

from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db.models import Count, Prefetch, Q, prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from cftapp.base.accounts import account, role_required
from cftapp.base.refusal import Refused
from conversation.layout import last_question
from conversation.words import Words, words_of
from curation.decontamination import overlap
from curation.models import Blocker, Case, CaseQuerySet, Override
from curation.triage import actions, override_rules, reviewing
from curation.triage.override_actions import request_override
from curation.triage.wording import pointing, shown_checks

QUEUE = 40
COUNTED = 10_000
LONGEST_SEARCH = 200  # characters
SHORT = {"correction": "correction", "bug_report": "bug", "taste_note": "taste", "comment": "comment"}
LONG = {short: kind for kind, short in SHORT.items()}
DONE = {"accepted": "Accepted", "taste": "Filed as taste", "bug": "Filed as bug", "rejected": "Rejected"}
KEYS = (
    ("accepted", "Accept as training pair", "a"),
    ("taste", "It is taste", "t"),
    ("bug", "It is a bug", "b"),
    ("rejected", "Reject", "r"),
)


@dataclass(frozen=True)
class Filter:
    """Which cases come next: of one kind, whose question holds some words. It lasts until it is taken away."""

    kind: str = ""
    words: str = ""

    @classmethod
    def of(cls, request: HttpRequest) -> Self:
        asked = request.POST if request.method == "POST" else request.GET
        kind, words = asked.get("kind", ""), asked.get("q", "").strip()[:LONGEST_SEARCH]
        return cls(kind if kind in LONG else "", words)

    @property
    def query(self) -> str:
        """As it stands in an address, such as kind=bug&q=refund."""
        return urlencode({name: value for name, value in (("kind", self.kind), ("q", self.words)) if value})

    def address(self, case: Case | None = None) -> str:
        """The bench under this filter, with this case."""
        parts = [f"case={case.pk}" if case else "", self.query]
        return f"{reverse('curation:bench')}?{'&'.join(filter(None, parts))}".rstrip("?")

    def claim_next(self, user: User, after: int | None = None) -> Case | None:
        return actions.claim_next_case(user, LONG.get(self.kind), after=after, words=self.words)

    def waiting(self, user: User) -> CaseQuerySet:
        """What this person may take; those that others hold are left out."""
        cases = Case.objects.with_questions().of_kind(LONG.get(self.kind)).asking(self.words)
        return cases.claimable_by(user, timezone.now())


@require_GET
@role_required("reviewer", "lead")
def bench(request: HttpRequest) -> HttpResponse:
    """The whole bench, with a case: the one asked for and no other, or the next under the filter."""
    filtered = Filter.of(request)
    wanted = request.GET.get("case", "")
    if wanted.isdecimal() and not Case.objects.filter(pk=int(wanted), state=Case.State.DECIDED).exists():
        current, problem = _claim(account(request), int(wanted))
        return _page(request, current, filtered, problem)
    return _page(request, filtered.claim_next(account(request)), filtered)


@require_GET
@role_required("reviewer", "lead")
def case(request: HttpRequest, case_id: int) -> HttpResponse:
    """One case, opened from the queue."""
    current, problem = _claim(account(request), case_id)
    return _answer(request, current, Filter.of(request), problem)


@require_POST
@role_required("reviewer", "lead")
def decide(request: HttpRequest, case_id: int) -> HttpResponse:
    """Give a verdict; answers with the next case, or with the same one and the reasons why not."""
    filtered = Filter.of(request)
    try:
        actions.decide_case(case_id, request.POST.get("verdict", ""), by=account(request))
    except Refused as refused:
        same, _ = _claim(account(request), case_id)
        return _answer(request, same or filtered.claim_next(account(request)), filtered, refused)
    return _answer(request, filtered.claim_next(account(request), after=case_id), filtered, gone=case_id)


@require_POST
@role_required("reviewer", "lead")
def override(request: HttpRequest, case_id: int) -> HttpResponse:
    """Ask a lead to let one finding pass; answers with the same case."""
    filtered, problem = Filter.of(request), None
    try:
        request_override(case_id, request.POST.get("check", ""), request.POST.get("reason", ""), by=account(request))
    except Refused as refused:
        problem = refused
    same, taken = _claim(account(request), case_id)
    return _answer(request, same, filtered, problem or taken, requeue=True)


@require_POST
@role_required("reviewer", "lead")
def skip(request: HttpRequest, case_id: int) -> HttpResponse:
    """Let a case go and take the one behind it."""
    filtered = Filter.of(request)
    return _answer(request, filtered.claim_next(account(request), after=case_id), filtered)


@require_POST
@role_required("reviewer", "lead")
def undo(request: HttpRequest, case_id: int) -> HttpResponse:
    """Take a verdict back; answers with that case."""
    filtered = Filter.of(request)
    try:
        actions.undo_verdict(case_id, by=account(request))
    except Refused as refused:
        return _answer(request, filtered.claim_next(account(request)), filtered, refused)
    back, problem = _claim(account(request), case_id)
    return _answer(request, back, filtered, problem, requeue=True)


def _claim(user: User, case_id: int) -> tuple[Case | None, Refused | None]:
    try:
        return actions.claim_case(user, case_id), None
    except Refused as refused:
        return None, refused


def _answer(
    request: HttpRequest,
    current: Case | None,
    filtered: Filter,
    problem: Refused | None = None,
    *,
    gone: int | None = None,
    requeue: bool = False,
) -> HttpResponse:
    """What changed, for htmx; without it, the whole page (a POST that went well is followed by a redirect)."""
    if not request.htmx:  # type: ignore[attr-defined]
        if request.method == "GET" or problem:
            return _page(request, current, filtered, problem, status=problem.status if problem else 200)
        return redirect(filtered.address(current))
    shown_to = (request.POST or request.GET).get("shown_to", "")
    behind = current is not None and (not shown_to.isdecimal() or current.pk > int(shown_to))
    context = _desk(account(request), current, filtered, problem)
    context |= {"gone": gone, "swapped": True, "requeue": requeue or behind, "shown_to": shown_to}
    if context["requeue"]:
        context |= _queue(account(request), filtered, current)
    context["counts"] = _counts(filtered)
    response = render(request, "curation/triage/swap.html", context)
    response["HX-Trigger"] = "counts"
    return response


def _page(
    request: HttpRequest, current: Case | None, filtered: Filter, problem: Refused | None = None, status: int = 200
) -> HttpResponse:
    context = _desk(account(request), current, filtered, problem, whole="whole" in request.GET)
    context |= _queue(account(request), filtered, current) | {"counts": _counts(filtered)}
    return render(request, "curation/triage/bench.html", context, status=status)


def _desk(
    user: User, current: Case | None, filtered: Filter, problem: Refused | None, *, whole: bool = False
) -> dict[str, Any]:
    """The case and its verdict pane."""
    context: dict[str, Any] = {
        "case": current,
        "kind": filtered.kind,
        "words": filtered.words,
        "filter": filtered,
        "problem": problem,
        "last": _last(user),
    }
    if current is None:
        return context | {"waiting": Case.objects.waiting().capped_count(COUNTED)}
    findings = list(Blocker.objects.with_found().with_policy().filter(case=current).order_by("id"))
    overrides = _overrides(current, findings)
    limits = overlap.limits(findings[0].policy_values if findings else None)
    checks = shown_checks(findings, limits, overrides)
    stopped = [check.finding for check in checks if check.finding.blocking and not check.covered]
    own = current.correction is not None and reviewing.is_own(current, user)
    return context | {
        "short": SHORT[current.kind],
        "interaction": current.feedback.interaction,
        "feedback": current.feedback,
        "said": _words(current, findings, whole),
        "whole": f"{filtered.address(current)}&whole=1",
        "checks": checks,
        "stopped": stopped,
        "askable": [
            finding for finding in stopped if finding.found is not None and finding.check_name not in overrides
        ],
        "overrides": [override for override in overrides.values() if override.state == Override.State.REQUESTED],
        "keys": KEYS,
        "own": reviewing.OWN if own else "",
        "may_accept": not (stopped or own) and current.correction is not None,
    }


def _overrides(current: Case, findings: list[Blocker]) -> dict[str, Override]:
    """Those asked for or confirmed, by check; where nothing stops the case there is nothing to ask the database."""
    if not any(finding.blocking for finding in findings):
        return {}
    held = current.overrides.in_force().with_found().select_related("requested_by", "settled_by")
    return override_rules.by_finding(findings, held)


def _words(current: Case, findings: list[Blocker], whole: bool) -> Words:
    """What was asked, answered and corrected, with what is marked that checks stop or only point out."""
    interaction = current.feedback.interaction
    right = current.correction.right_answer if current.correction else None
    telling = [finding for finding in findings if finding.blocking or finding.check_name == Blocker.Check.OVERLAP]
    marks = [mark for finding in telling for mark in pointing(finding.get_check_name_display(), finding.evidence)]
    return words_of(interaction.asked, interaction.answered, right, marks, whole=whole)


def _last(user: User) -> dict[str, Any] | None:
    """The newest verdict of this person, which U takes back."""
    newest = next(iter(Case.objects.decided_by_last(user, 1)), None)
    return {"pk": newest.pk, "done": DONE[newest.verdict]} if newest else None


def _queue(user: User, filtered: Filter, current: Case | None) -> dict[str, Any]:
    """The next cases in order, the open one among them."""
    waiting = filtered.waiting(user)
    start = max(0, current.pk - 3) if current and not filtered.words else 0
    flags = Prefetch("findings", Blocker.objects.with_found().filter(blocking=True).order_by("id"))
    rows = list(waiting.filter(pk__gt=start).order_by("id").prefetch_related(flags)[:QUEUE])
    if current and current.pk not in [row.pk for row in rows]:
        prefetch_related_objects([current], flags)
        rows = [current, *rows[: QUEUE - 1]]
    stopped = [row for row in rows if row.findings.all()]
    prefetch_related_objects(stopped, Prefetch("overrides", Override.objects.in_force().with_found()))
    shown = [{"case": row, "short": SHORT[row.kind], **_asked(row), **_flag(row)} for row in rows]
    return {"rows": shown, "shown_to": max((row.pk for row in rows), default=0)}


def _asked(row: Case) -> dict[str, Any]:
    """What was asked last, and at which turn; of the open case, which came whole, from its conversation."""
    given = row.feedback
    question = getattr(given, "question", None)
    if question is None:
        question = last_question(given.interaction.asked)
    return {"question": question, "turn": given.interaction.turn}


def _flag(row: Case) -> dict[str, str]:
    """What stops a correction, in one word or two; muted where it waits for a lead or is let pass."""
    findings = list(row.findings.all())
    if row.correction_id is None or not findings:
        return {}
    overrides = override_rules.by_finding(findings, row.overrides.all())
    states = {
        finding.check_name: overrides[finding.check_name].state
        for finding in findings
        if finding.check_name in overrides
    }
    unanswered = [finding for finding in findings if states.get(finding.check_name) != Override.State.CONFIRMED]
    if not unanswered:
        return {"flag": "let pass", "tone": "mute"}
    if all(finding.check_name in states for finding in unanswered):
        return {"flag": "asked a lead", "tone": "mute"}
    return {"flag": unanswered[0].get_check_name_display().lower(), "tone": ""}


def _counts(filtered: Filter) -> list[dict[str, Any]]:
    """How many cases wait under the search, all and by kind, counted over at most 10,000."""
    first = Case.objects.reviewable().asking(filtered.words).order_by("id").values("pk")[:COUNTED]
    tally = Case.objects.filter(pk__in=first).aggregate(
        all=Count("pk"), **{short: Count("pk", filter=Q(**{f"{kind}__isnull": False})) for short, kind in LONG.items()}
    )
    names = {"": "All", "correction": "Correction", "bug": "Bug", "taste": "Taste", "comment": "Comment"}
    return [
        {
            "kind": short,
            "name": name,
            "count": tally[short or "all"],
            "more": tally["all"] == COUNTED,
            "address": Filter(short, filtered.words).address(),
        }
        for short, name in names.items()
        if short in ("", filtered.kind) or tally[short]
    ]
