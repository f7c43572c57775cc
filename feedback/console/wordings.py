"""The published consent wordings: a page for everybody, on which compliance publishes another one."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from cftapp.base.accounts import account, has_role, role_required
from cftapp.base.refusal import Refused
from feedback.actions import publish_wording
from feedback.console.forms import WordingForm
from feedback.models import ConsentWording


@require_safe
def wordings(request: HttpRequest) -> HttpResponse:
    """Those of no source in particular; to compliance all of them, and the form that publishes another."""
    return page(request, WordingForm())


@require_safe
def wording(request: HttpRequest, version: str) -> HttpResponse:
    """One, to the letter: whoever agreed to it finds it here for good."""
    shown = get_object_or_404(ConsentWording.objects.select_related("source"), pk=version)
    return render(request, "feedback/console/wording.html", {"wording": shown})


@role_required("compliance")
@require_POST
def publish(request: HttpRequest) -> HttpResponse:
    form = WordingForm(request.POST)
    if not form.is_valid():
        return page(request, form, status=422)
    try:
        published = publish_wording(**form.cleaned_data, by=account(request))
    except Refused as refused:
        refused.mark(form)
        return page(request, form, status=refused.status)
    messages.success(request, f"Published for good: {published.version}.")
    return redirect("feedback:wordings")


def page(request: HttpRequest, form: WordingForm, *, status: int = 200) -> HttpResponse:
    may_publish = has_role(request.user, "compliance")
    every = ConsentWording.objects.select_related("source").order_by("-published_at", "-version")
    context = {
        "wordings": every if may_publish else every.filter(source=None),
        "form": form if may_publish else None,
    }
    return render(request, "feedback/console/wordings.html", context, status=status)
