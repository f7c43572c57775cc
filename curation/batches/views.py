"""Batches of rows: what is queued, how far it is, what was found. Views validate, actions execute."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HTMX_STOP_POLLING

from cftapp.base.accounts import ROLES, account, has_role, role_required
from cftapp.base.refusal import Refused
from curation.batches import actions
from curation.batches.row_texts import Fields, split_names
from curation.models import BatchScreening

A_PAGE = 25


class Columns(forms.CharField):
    """Names of columns with commas between."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, max_length=2_000, **options)

    def clean(self, value: Any) -> tuple[str, ...]:
        return split_names(super().clean(value))


class BatchForm(forms.Form):
    """Two files below the folder of batches; the screener, not the web, opens them."""

    input_name = forms.CharField(
        label="Rows", max_length=200, help_text="A file below CFT_VAR/batches: JSON lines, JSON, CSV or Parquet."
    )
    output_name = forms.CharField(
        label="Report", max_length=200, help_text="Written when every row has its verdict: .jsonl, .jsonl.gz, .parquet."
    )
    columns = Columns(label="Columns", help_text="With commas between. Nothing: every text, in whatever column.")
    left_out = Columns(label="Columns to leave out", help_text="Texts there are not compared with the exam.")


@require_GET
@role_required(*ROLES)
def batches(request: HttpRequest) -> HttpResponse:
    """All batches, newest first, and for engineers the form of the next one."""
    return listed(request, BatchForm())


@require_POST
@role_required("engineer")
def queue(request: HttpRequest) -> HttpResponse:
    form, status = BatchForm(request.POST), 422
    if form.is_valid():
        try:
            queued = actions.queue_batch(
                form.cleaned_data["input_name"],
                form.cleaned_data["output_name"],
                fields=Fields(form.cleaned_data["columns"], form.cleaned_data["left_out"]),
                by=account(request),
            )
        except Refused as refused:
            refused.mark(form)
            status = refused.status
        else:
            messages.success(request, f"Batch {queued.pk} is queued.")
            return redirect("curation:batch", queued.pk)
    return listed(request, form, status)


def listed(request: HttpRequest, form: BatchForm, status: int = 200) -> HttpResponse:
    rows = BatchScreening.objects.select_related("queued_by").order_by("-pk")
    page = Paginator(rows, A_PAGE).get_page(request.GET.get("page"))
    context = {"page_obj": page, "form": form, "may_queue": has_role(request.user, "engineer")}
    return render(request, "curation/batches/batches.html", context, status=status)


@require_GET
@role_required(*ROLES)
def batch(request: HttpRequest, pk: int) -> HttpResponse:
    return render(request, "curation/batches/batch.html", about(pk))


@require_GET
@role_required(*ROLES)
def batch_progress(request: HttpRequest, pk: int) -> HttpResponse:
    """What changes while a batch is worked on; its end ends the polling and shows the whole page."""
    context = about(pk)
    if context["live"]:
        return render(request, "curation/batches/progress.html", context)
    ended = render(request, "curation/batches/progress.html", context, status=HTMX_STOP_POLLING)
    ended["HX-Refresh"] = "true"
    return ended


def about(pk: int) -> dict[str, Any]:
    """One batch: how many rows are done, how many of them are blocked, by which method."""
    shown = get_object_or_404(BatchScreening.objects.select_related("queued_by"), pk=pk)
    done = shown.parts.finished_ranges()
    rows = shown.rows or 0 if shown.state == BatchScreening.State.FINISHED else done.row_count()
    blocked = shown.blocked if shown.state == BatchScreening.State.FINISHED else done.blocked_rows()
    methods = sorted(blocked.items(), key=lambda count: -count[1])
    fields = Fields(tuple(shown.columns), tuple(shown.left_out))
    return {
        "batch": shown,
        "live": not shown.ended,
        "rows_done": rows,
        "blocked": sum(blocked.values()),
        "unnamed": fields.unnamed(shown.unread),
        "methods": [(method, count, count / rows) for method, count in methods],
    }
