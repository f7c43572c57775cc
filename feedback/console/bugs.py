"""The bug list: a page with state and filter, the same as CSV, and the buttons that move a bug."""

import csv
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from cftapp.base.accounts import account, has_role, role_required
from cftapp.base.refusal import Refused
from conversation.words import words_of
from feedback.actions import move_bug
from feedback.models import Bug, BugReport, Correction, Lane, Receipt, with_words
from feedback.models.bugs import BugQuerySet

READERS = ("reviewer", "lead", "engineer", "compliance", "admin")
PAGE_SIZE = 50
CHUNK = 500
MARKS = {"bug_report": "bug", "taste_note": "taste"}
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes for the beginning of a formula, full-width forms included."""
COLUMNS = ("bug", "state", "filed_as", "words", "expected", "note", "model", "source", "environment", "since", "moved")


@require_GET
@role_required(*READERS)
def bugs(request: HttpRequest) -> HttpResponse:
    """Bugs, the newest first, by state and by the kind of feedback that they came as."""
    found, before = asked_for(request), request.GET.get("before", "")
    if before.isdecimal() and len(before) < 19:
        found = found.filter(pk__lt=int(before))
    rows = with_words(found.with_origin()[: PAGE_SIZE + 1])
    counts = {state: Bug.objects.filter(state=state).capped_count() for state in Bug.State.values}
    context = {
        "rows": [(bug, MARKS.get(bug.receipt.kind, bug.receipt.kind)) for bug in rows[:PAGE_SIZE]],
        "next": rows[PAGE_SIZE - 1].pk if len(rows) > PAGE_SIZE else None,
        "before": before,
        "state": state_of(request),
        "states": [(state, label, counts[state]) for state, label in Bug.State.choices],
        "kind": request.GET.get("kind", ""),
        "kinds": [(kind, label, MARKS.get(kind, kind)) for kind, label in Receipt.Kind.choices],
        "any": sum(counts.values()),
        "in_vault": reports_in_the_vault(),
        "may_move": has_role(request.user, "engineer"),
    }
    return render(request, "feedback/console/bugs.html", context)


@require_GET
@role_required(*READERS)
def bug(request: HttpRequest, pk: int) -> HttpResponse:
    """One bug: the report, and the conversation in which it happened."""
    found = Bug.objects.select_related("receipt__interaction__source", "receipt__interaction__subject")
    [shown] = with_words([get_object_or_404(found, pk=pk)])
    interaction = shown.receipt.interaction
    right = shown.feedback.right_answer if isinstance(shown.feedback, Correction) else None
    context = {
        "bug": shown,
        "mark": MARKS.get(shown.receipt.kind, shown.receipt.kind),
        "interaction": interaction,
        "said": words_of(interaction.asked, interaction.answered, right, whole="whole" in request.GET),
        "whole": "?whole=1",
        "may_move": has_role(request.user, "engineer") and shown.state != Bug.State.DROPPED,
    }
    return render(request, "feedback/console/bug.html", context)


def asked_for(request: HttpRequest) -> BugQuerySet:
    """The bugs under the page's filters."""
    found = Bug.objects.in_state(state_of(request))
    kind = request.GET.get("kind", "")
    return found.filter(receipt__kind=kind) if kind in Receipt.Kind.values else found


def state_of(request: HttpRequest) -> str:
    """What is open, unless another state is asked for."""
    return request.GET.get("state", Bug.State.OPEN)


def reports_in_the_vault() -> int:
    """Reports on the exam: nobody may read them, so they are on no list."""
    reports = Receipt.objects.filter(kind=Receipt.Kind.BUG_REPORT, interaction__lane=Lane.HELD_OUT)
    return reports.capped_count(1_000)


@require_POST
@role_required("engineer")
def move(request: HttpRequest, pk: int) -> HttpResponse:
    try:
        bug = move_bug(pk, request.POST.get("state", ""), request.POST.get("note", ""), by=account(request))
        messages.success(request, f"Bug {bug.pk}: {bug.get_state_display().lower()}.")
    except Refused as refused:
        messages.error(request, refused.words)
    back = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(back, allowed_hosts=None) and back.startswith(reverse("feedback:bugs"))
    return redirect(back if ours else "feedback:bugs")


@require_GET
@role_required(*READERS)
def bugs_csv(request: HttpRequest) -> StreamingHttpResponse:
    """All bugs under the page's filters, for another tracker; streamed, and harmless in a spreadsheet."""
    headers = {"Content-Disposition": 'attachment; filename="bugs.csv"'}
    return StreamingHttpResponse(lines(asked_for(request)), content_type="text/csv; charset=utf-8", headers=headers)


class Echo:
    """A file that gives back what is written to it."""

    def write(self, line: str) -> str:
        return line


def lines(found: BugQuerySet) -> Iterator[str]:
    """A heading, then one line a bug; read in chunks, each from where the last one ended."""
    writer = csv.writer(Echo(), quoting=csv.QUOTE_ALL)
    yield writer.writerow(COLUMNS)
    chunk = with_words(found.with_origin()[:CHUNK])
    while chunk:
        yield from (writer.writerow([harmless(cell) for cell in cells(bug)]) for bug in chunk)
        chunk = with_words(found.filter(pk__lt=chunk[-1].pk).with_origin()[:CHUNK])


def cells(bug: Bug) -> list[Any]:
    interaction = bug.receipt.interaction
    return [
        bug.pk,
        bug.state,
        bug.receipt.kind,
        bug.words,
        bug.feedback.expected if isinstance(bug.feedback, BugReport) else "",
        bug.note,
        interaction.model_name,
        interaction.source.name,
        interaction.environment,
        bug.opened_at.isoformat(timespec="seconds"),
        bug.changed_at.isoformat(timespec="seconds") if bug.changed_at else "",
    ]


def harmless(cell: Any) -> str:
    """A cell that a spreadsheet shows and does not run: what would begin a formula gets an apostrophe before it."""
    text = str(cell)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text
