"""Check a text: does it overlap the exam? The page that asks the screener, and the alerts about a search for items."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HTMX_STOP_POLLING

from cftapp.base.accounts import account, role_required
from cftapp.base.refusal import Refused
from curation.inquiries import actions, rules
from curation.inquiries.actions import TooOften
from curation.models import Inquiry, InquiryAlert

ASKERS = ("reviewer", "engineer", "lead")
SHOWN = 10
A_PAGE = 25


class InquiryForm(forms.Form):
    """The limit of length is the action's: prompt and answer count together."""

    prompt = forms.CharField(
        label="Question or passage",
        strip=False,
        required=False,
        help_text="Or a conversation as JSON: its messages.",
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    answer = forms.CharField(
        strip=False,
        required=False,
        help_text="Where the text is a question with its answer.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def clean(self) -> dict[str, Any]:
        """Line ends as they were typed: browsers send two characters for one, which would shift every range."""
        cleaned = super().clean() or {}
        return {name: text.replace("\r\n", "\n") for name, text in cleaned.items()}


@require_http_methods(["GET", "POST"])
@role_required(*ASKERS)
def check(request: HttpRequest) -> HttpResponse:
    """The form and one's last checks; a POST asks, and leads to the answer."""
    form = InquiryForm(request.POST or None)
    if form.is_bound and form.is_valid():
        try:
            inquiry = actions.ask_overlap(**form.cleaned_data, by=account(request))
        except Refused as refused:
            refused.mark(form)
            return refusal(request, form, refused)
        if request.htmx:  # type: ignore[attr-defined]
            return render(request, "curation/inquiries/answer.html", {"inquiry": inquiry})
        return redirect("curation:checked", inquiry.pk)
    return page(request, form, status=422 if form.errors else 200)


def refusal(request: HttpRequest, form: InquiryForm, refused: Refused) -> HttpResponse:
    """The refusal: beside the button for htmx, which shows no error page, else on the page with the form."""
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "curation/inquiries/answer.html", {"problem": refused})
    response = page(request, form, status=refused.status)
    if isinstance(refused, TooOften):
        response["Retry-After"] = str(refused.seconds)
    return response


def page(request: HttpRequest, form: InquiryForm, inquiry: Inquiry | None = None, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "inquiry": inquiry,
        "last": Inquiry.objects.filter(asked_by=account(request).pk).order_by("-asked_at")[:SHOWN],
        "longest": rules.LONGEST,
        "a_minute": rules.A_MINUTE,
        "a_day": rules.A_DAY,
    }
    return render(request, "curation/inquiries/check.html", context, status=status)


@require_GET
@role_required(*ASKERS)
def checked(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One's own inquiry: its answer, or that it waits; polled every two seconds."""
    inquiry = get_object_or_404(Inquiry, pk=pk, asked_by=account(request).pk)
    if not request.htmx:  # type: ignore[attr-defined]
        return page(request, InquiryForm(), inquiry)
    over = inquiry.state != Inquiry.State.WAITING
    return render(
        request, "curation/inquiries/answer.html", {"inquiry": inquiry}, status=HTMX_STOP_POLLING if over else 200
    )


@require_GET
@role_required("compliance")
def alerts(request: HttpRequest) -> HttpResponse:
    """Whose checks look like a search for the exam, the open ones first."""
    rows = InquiryAlert.objects.select_related("asked_by", "settled_by")
    rows = rows.order_by(F("settled_at").desc(nulls_first=True), "-raised_at")
    page_obj = Paginator(rows, A_PAGE).get_page(request.GET.get("page"))
    return render(request, "curation/inquiries/alerts.html", {"page_obj": page_obj})


@require_POST
@role_required("compliance")
def settle(request: HttpRequest, pk: int) -> HttpResponse:
    """Close an alert: the person may ask again."""
    try:
        alert = actions.settle_alert(pk, by=account(request))
    except Refused as refused:
        messages.error(request, refused.words)
    else:
        messages.success(request, f"{alert.asked_by.username} may check texts again.")
    return redirect("curation:check_alerts")
