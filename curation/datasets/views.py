"""Pairs, datasets and the freeze. Views validate, actions execute."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from cftapp.base.accounts import ROLES, account, has_role, role_required
from cftapp.base.jobs import Job
from cftapp.base.refusal import Refused
from conversation.words import words_of
from curation.datasets import actions, decontamination_report, freezing, plan
from curation.datasets.forms import FreezeForm
from curation.decontamination import overlap
from curation.decontamination.translation.languages import name_of
from curation.models import Blocker, Case, Dataset, DatasetRow, Pair, ReplayRow
from curation.triage import override_rules
from curation.triage.wording import Check, pointing, shown_checks
from feedback.models import Subject

A_PAGE = 25


@require_GET
@role_required(*ROLES)
def pairs(request: HttpRequest) -> HttpResponse:
    """All pairs, newest first, by state."""
    state = request.GET.get("state", "")
    state = state if state in Pair.State.values else ""
    rows = Pair.objects.with_questions().select_related("subject", "accepted_by").order_by("-accepted_at", "-id")
    page = Paginator(rows.filter(state=state) if state else rows, A_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "curation/datasets/pairs.html",
        {
            "page_obj": page,
            "state": state,
            "states": Pair.State.choices,
            "unfrozen": Pair.objects.accepted().unfrozen().capped_count(),
            "may_freeze": has_role(request.user, "engineer"),
        },
    )


@require_GET
@role_required(*ROLES)
def pair(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One pair: what it teaches, on whose consent, past which checks, and where it was used."""
    joined = Pair.objects.select_related(
        "subject__source", "accepted_by", "correction__case", "correction__interaction"
    )
    shown = get_object_or_404(joined, pk=pk)
    uses = DatasetRow.objects.filter(pair=shown).select_related("dataset").order_by("-dataset_id")[:50]
    learnt = learners(shown)
    checks = checks_of(shown.correction.case)
    stopping = [one.finding for one in checks if one.finding.blocking]
    marks = [mark for one in stopping for mark in pointing(one.get_check_name_display(), one.evidence)]
    said = words_of(shown.asked, shown.rejected_answer, shown.chosen_answer, marks, whole="whole" in request.GET)
    return render(
        request,
        "curation/datasets/pair.html",
        {
            "pair": shown,
            "case": shown.correction.case,
            "said": said,
            "whole": "?whole=1",
            "consented": Subject.objects.consented().filter(pk=shown.subject_id).exists(),
            "consent": shown.subject.consent_entries.select_related("wording").order_by("-id").first(),
            "checks": checks,
            "uses": [(row, learnt.get(row.dataset_id, [])) for row in uses],
        },
    )


def learners(shown: Pair) -> dict[int, list[tuple[int, bool | None]]]:
    """By dataset, its finished runs, and whether each learnt the pair: one that was too long for it is left out.

    None: it left rows out and is of before runs said which.
    """
    rows = DatasetRow.objects.filter(pair=shown, dataset__runs__state=Job.State.FINISHED).order_by("dataset__runs")
    found: dict[int, list[tuple[int, bool | None]]] = {}
    result = "dataset__runs__result"
    columns = "dataset_id", "position", "dataset__runs", f"{result}__left_out", f"{result}__rows_left_out"
    for dataset_id, position, run, left_out, count in rows.values_list(*columns):
        learnt = None if left_out is None and count else position + 1 not in (left_out or [])
        found.setdefault(dataset_id, []).append((run, learnt))
    return found


@require_GET
@role_required(*ROLES)
def replay_row(request: HttpRequest, pk: int) -> HttpResponse:
    """One row of what the base model already knows, and the datasets that it is in."""
    shown = get_object_or_404(ReplayRow, pk=pk)
    uses = DatasetRow.objects.filter(replay_row=shown).select_related("dataset").order_by("-dataset_id")
    context = {
        "row": shown,
        "said": words_of(shown.asked, shown.answered, None, whole="whole" in request.GET),
        "whole": "?whole=1",
        "uses": [(row, []) for row in uses[:50]],
    }
    return render(request, "curation/datasets/replay_row.html", context)


def checks_of(case: Case) -> list[Check]:
    """What screening found of a case, with the measures and what people let pass."""
    findings = list(Blocker.objects.with_found().with_policy().filter(case=case).order_by("id"))
    held = case.overrides.in_force().with_found().select_related("requested_by", "settled_by")
    limits = overlap.limits(findings[0].policy_values if findings else None)
    return shown_checks(findings, limits, override_rules.by_finding(findings, held))


@require_GET
@role_required(*ROLES)
def datasets(request: HttpRequest) -> HttpResponse:
    rows = Dataset.objects.select_related("frozen_by").defer("report").order_by("-pk")
    page = Paginator(rows, A_PAGE).get_page(request.GET.get("page"))
    return render(
        request, "curation/datasets/datasets.html", {"page_obj": page, "may_freeze": has_role(request.user, "engineer")}
    )


@require_GET
@role_required(*ROLES)
def dataset(request: HttpRequest, pk: int) -> HttpResponse:
    """One dataset: its root, its report, its rows."""
    shown = get_object_or_404(Dataset.objects.select_related("frozen_by"), pk=pk)
    rows = shown.rows.with_questions().order_by("position")
    paginator = Paginator(rows, A_PAGE)
    paginator.count = shown.pair_count + shown.replay_count  # frozen, so it need not be counted
    page = paginator.get_page(request.GET.get("page"))
    return render(
        request,
        "curation/datasets/dataset.html",
        {
            "dataset": shown,
            "report": shown.report,
            "page_obj": page,
            "runs": shown.runs.order_by("-pk")[:20],
            "may_run": has_role(request.user, "engineer"),
        },
    )


@require_GET
@role_required(*ROLES)
def dataset_report(request: HttpRequest, pk: int) -> HttpResponse:
    """The decontamination report, to be read and printed, and whether it is the one of the freeze."""
    shown = get_object_or_404(Dataset.objects.select_related("frozen_by"), pk=pk)
    actual = decontamination_report.digest(shown.report)
    methods = shown.report.get("methods", {})
    compared = shown.report.get("languages", {}).get("pairs_compared", {})
    context = {
        "dataset": shown,
        "report": shown.report,
        "languages": [(name_of(code), pairs) for code, pairs in compared.items()],
        "methods": [(name, methods[name]) for name in decontamination_report.METHODS if name in methods],
        "actual": actual,
        "intact": actual == shown.report_sha256,
    }
    return render(request, "curation/datasets/report.html", context)


@require_GET
@role_required(*ROLES)
def report(request: HttpRequest, pk: int) -> HttpResponse:
    """The decontamination report as the very bytes whose SHA-256 stands in the dataset and in every manifest."""
    shown = get_object_or_404(Dataset, pk=pk)
    return HttpResponse(decontamination_report.encode(shown.report), content_type="application/json")


@require_http_methods(["GET", "POST"])
@role_required("engineer")
def freeze(request: HttpRequest) -> HttpResponse:
    """The recipe's form, with what it would select now; `preview` only counts, without it the dataset is frozen."""
    form = FreezeForm(request.POST or None)
    previewing = "preview" in request.POST
    if previewing:
        form.fields["name"].required = False
    recipe: dict[str, Any] = {}
    problem: Refused | None = None
    if form.is_bound and form.is_valid():
        recipe = form.recipe()
        if not previewing:
            try:
                made = actions.freeze_dataset(form.cleaned_data["name"], recipe, by=account(request))
            except Refused as refused:
                problem = refused
            else:
                messages.success(request, f"Frozen: {made.pair_count} pairs and {made.replay_count} replay rows.")
                return redirect("curation:dataset", made.pk)
    plan, reason = preview(recipe)
    context = {"form": form, "plan": plan, "problem": problem or reason, "presets": form["preset"]}
    if previewing and request.htmx:  # type: ignore[attr-defined]
        return render(request, "curation/datasets/preview.html", context)
    status = problem.status if problem else 422 if form.errors and not previewing else 200
    return render(request, "curation/datasets/freeze.html", context, status=status)


def preview(recipe: dict[str, Any]) -> tuple[plan.Plan | None, Refused | None]:
    """What freezing would take now, or why it would not."""
    try:
        return freezing.plan(freezing.parsed(recipe)), None
    except Refused as refused:
        return None, refused
