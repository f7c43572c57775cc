"""The triage bench: one case, one key. A verdict's answer is the next case, a few kilobytes."""

from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from audit.refusal import Refused
from cftapp.accounts import role_required
from curation import actions
from curation.diff import word_diff
from curation.models import Blocker, Case
from curation.querysets import CaseQuerySet
from curation.wording import shown_checks

QUEUE = 40
COUNTED = 10_000
SHORT = {"correction": "correction", "bug_report": "bug", "taste_note": "taste", "comment": "comment"}
LONG = {short: kind for kind, short in SHORT.items()}
DONE = {"accepted": "Accepted", "taste": "Filed as taste", "bug": "Filed as bug", "rejected": "Rejected"}
KEYS = (
    ("accepted", "Accept as training pair", "a"),
    ("taste", "It is taste", "t"),
    ("bug", "It is a bug", "b"),
    ("rejected", "Reject", "r"),
)


@require_GET
@role_required("reviewer", "lead")
def bench(request: HttpRequest) -> HttpResponse:
    """The whole bench, with a case: the one asked for, the first whose question holds the words, or the next."""
    kind, words = _kind(request), request.GET.get("q", "").strip()
    found, problem = _asked_for(request, kind, words)
    if found is None:
        found = actions.claim_next_case(request.user, LONG.get(kind))
    return _page(request, found, kind, problem, words=words)


@require_GET
@role_required("reviewer", "lead")
def case(request: HttpRequest, case_id: int) -> HttpResponse:
    """One case, opened from the queue."""
    found, problem = _claim(request.user, case_id)
    return _answer(request, found, _kind(request), problem)


@require_POST
@role_required("reviewer", "lead")
def decide(request: HttpRequest, case_id: int) -> HttpResponse:
    """Give a verdict; answers with the next case, or with the same one and the reasons why not."""
    kind = _kind(request)
    try:
        actions.decide_case(case_id, request.POST.get("verdict", ""), by=request.user)
    except Refused as refused:
        same, _ = _claim(request.user, case_id)
        return _answer(request, same or actions.claim_next_case(request.user, LONG.get(kind)), kind, refused)
    return _answer(request, actions.claim_next_case(request.user, LONG.get(kind), after=case_id), kind, gone=case_id)


@require_POST
@role_required("reviewer", "lead")
def skip(request: HttpRequest, case_id: int) -> HttpResponse:
    """Let a case go and take the one behind it."""
    kind = _kind(request)
    return _answer(request, actions.claim_next_case(request.user, LONG.get(kind), after=case_id), kind)


@require_POST
@role_required("reviewer", "lead")
def undo(request: HttpRequest, case_id: int) -> HttpResponse:
    """Take a verdict back; answers with that case."""
    kind = _kind(request)
    try:
        actions.undo_verdict(case_id, by=request.user)
    except Refused as refused:
        return _answer(request, actions.claim_next_case(request.user, LONG.get(kind)), kind, refused)
    back, problem = _claim(request.user, case_id)
    return _answer(request, back, kind, problem, requeue=True)


def _asked_for(request: HttpRequest, kind: str, words: str) -> tuple[Case | None, Refused | None]:
    """The case that the address names. One that has its verdict meanwhile is passed over: a reload is no mistake."""
    wanted = request.GET.get("case", "")
    if wanted.isdecimal():
        if Case.objects.filter(pk=int(wanted), state=Case.State.DECIDED).exists():
            return None, None
        return _claim(request.user, int(wanted))
    if not words:
        return None, None
    match = _waiting(request.user, kind, words).order_by("id").first()
    if match is None:
        return None, Refused.because("q", f"No waiting question holds “{words[:80]}”.", "This is the next in order.")
    return _claim(request.user, match.pk)


def _waiting(user: Any, kind: str, words: str = "") -> CaseQuerySet:
    """What this person may take; those that others hold are left out."""
    waiting = Case.objects.with_feedback().of_kind(LONG.get(kind)).claimable_by(user, timezone.now())
    return waiting.asking(words) if words else waiting


def _kind(request: HttpRequest) -> str:
    asked = request.POST.get("kind") or request.GET.get("kind", "")
    return asked if asked in LONG else ""


def _claim(user: Any, case_id: int) -> tuple[Case | None, Refused | None]:
    try:
        return actions.claim_case(user, case_id), None
    except Refused as refused:
        return None, refused


def _answer(
    request: HttpRequest,
    found: Case | None,
    kind: str,
    problem: Refused | None = None,
    *,
    gone: int | None = None,
    requeue: bool = False,
) -> HttpResponse:
    """What changed, for htmx; without it, the whole page (a POST that went well is followed by a redirect)."""
    if not request.htmx:  # type: ignore[attr-defined]
        if request.method == "GET" or problem:
            return _page(request, found, kind, problem, status=409 if problem else 200)
        return redirect(
            f"{reverse('curation:bench')}?{f'kind={kind}&' if kind else ''}case={found.pk if found else ''}"
        )
    shown_to = (request.POST or request.GET).get("shown_to", "")
    behind = found is not None and (not shown_to.isdecimal() or found.pk > int(shown_to))
    context = _desk(request.user, found, kind, problem)
    context |= {"gone": gone, "swapped": True, "requeue": requeue or behind, "shown_to": shown_to}
    if context["requeue"]:
        context |= _queue(request.user, kind, found)
    context["counts"] = _counts()
    response = render(request, "curation/bench_swap.html", context)
    response["HX-Trigger"] = "counts"
    return response


def _page(
    request: HttpRequest, found: Case | None, kind: str, problem: Refused | None, status: int = 200, words: str = ""
) -> HttpResponse:
    context = _desk(request.user, found, kind, problem) | _queue(request.user, kind, found, words)
    context |= {"counts": _counts(), "words": words}
    return render(request, "curation/bench.html", context, status=status)


def _desk(user: Any, found: Case | None, kind: str, problem: Refused | None) -> dict[str, Any]:
    """The case and its verdict pane."""
    context: dict[str, Any] = {"case": found, "kind": kind, "problem": problem, "last": _last(user)}
    if found is None:
        return context | {"waiting": Case.objects.waiting().capped_count(COUNTED)}
    told = found.feedback.interaction
    findings = list(found.findings.order_by("id"))
    stopped = [finding for finding in findings if finding.blocking]
    return context | {
        "short": SHORT[found.kind],
        "told": told,
        "feedback": found.feedback,
        "diff": word_diff(told.answer, found.correction.replacement) if found.correction else [],
        "checks": shown_checks(findings),
        "stopped": stopped,
        "evidence": [row for finding in stopped for row in _evidence(finding, found)],
        "keys": KEYS,
        "may_accept": not stopped and found.correction is not None,
    }


def _evidence(finding: Blocker, found: Case) -> list[dict[str, str]]:
    """The row's own words that a check points at, never an exam's."""
    texts = {"prompt": found.feedback.interaction.prompt}
    if found.correction:
        texts["answer"] = found.correction.replacement
    rows = []
    for span in finding.evidence.get("spans", [])[:5]:
        text = texts.get(span["field"], "")
        start, end = span["start"], span["end"]
        rows.append(
            {
                "check": finding.get_check_name_display(),
                "before": ("…" if start > 40 else "") + text[max(0, start - 40) : start],
                "words": text[start:end],
                "after": text[end : end + 40] + ("…" if end + 40 < len(text) else ""),
            }
        )
    return rows


def _last(user: User) -> dict[str, Any] | None:
    """The newest verdict of this person, which U takes back."""
    newest = next(iter(Case.objects.decided_by_last(user, 1)), None)
    return {"pk": newest.pk, "done": DONE[newest.verdict]} if newest else None


def _queue(user: Any, kind: str, found: Case | None, words: str = "") -> dict[str, Any]:
    """The next cases in order, the open one among them."""
    waiting = _waiting(user, kind, words)
    start = max(0, found.pk - 3) if found and not words else 0
    rows = list(waiting.filter(pk__gt=start).order_by("id").prefetch_related("findings")[:QUEUE])
    if found and found.pk not in [row.pk for row in rows]:
        rows = [found, *rows[: QUEUE - 1]]
    shown = [{"case": row, "short": SHORT[row.kind], "flag": _flag(row)} for row in rows]
    return {"rows": shown, "shown_to": max((row.pk for row in rows), default=0)}


def _flag(row: Case) -> str:
    blocking = [finding for finding in row.findings.all() if finding.blocking]
    if row.correction_id is None or not blocking:
        return ""
    return blocking[0].get_check_name_display().lower()


def _counts() -> list[dict[str, Any]]:
    """How many cases wait, all and by kind, counted over at most 10,000."""
    first = Case.objects.reviewable().order_by("id").values("pk")[:COUNTED]
    tally = Case.objects.filter(pk__in=first).aggregate(
        all=Count("pk"), **{short: Count("pk", filter=Q(**{f"{kind}__isnull": False})) for short, kind in LONG.items()}
    )
    names = {"": "All", "correction": "Correction", "bug": "Bug", "taste": "Taste", "comment": "Comment"}
    return [
        {"kind": short, "name": name, "count": tally[short or "all"], "more": tally["all"] == COUNTED}
        for short, name in names.items()
        if short == "" or tally[short]
    ]
