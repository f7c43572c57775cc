"""What was found to teach the same: every kept correction with those that it makes superfluous."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import Count, Exists, OuterRef, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from cftapp.base.accounts import has_role, role_required
from curation.models import Case, Duplicate
from feedback.models import WORDS, LastQuestion

A_PAGE = 10
SHOWN = 25  # duplicates of one case


def shown(rows: QuerySet[Any], correction: str) -> QuerySet[Any]:
    """With what a line shows of a correction: of the conversation what was asked last, as `question`."""
    interaction = f"{correction}interaction__"
    joined = rows.select_related(interaction.removesuffix("__"), f"{correction}pair")
    unread = [f"{interaction}{column}" for column in WORDS]
    unread += [f"{correction}pair__{column}" for column in ("prompt", "conversation", "rejected", "rejected_message")]
    return joined.annotate(question=LastQuestion(interaction)).defer(*unread)


@require_GET
@role_required("reviewer", "lead", "engineer")
def duplicates(request: HttpRequest) -> HttpResponse:
    """Groups by method, the newest kept case first; with `kept`, one group."""
    method = request.GET.get("method", "")
    method = method if method in Duplicate.Method.values else ""
    kept = request.GET.get("kept", "")
    of_method = Duplicate.objects.filter(method=method) if method else Duplicate.objects.all()
    groups = Case.objects.filter(Exists(of_method.filter(kept=OuterRef("pk")))).order_by("-pk")
    if kept.isdecimal() and len(kept) < 19:
        groups = groups.filter(pk=kept)
    joined = shown(of_method, "case__correction__").order_by("case_id")
    rows = shown(groups, "correction__").prefetch_related(Prefetch("duplicates", joined[:SHOWN], to_attr="dropped"))
    paginator = Paginator(rows, A_PAGE)
    paginator.count = groups.capped_count()
    page = paginator.get_page(request.GET.get("page"))
    sizes = of_method.filter(kept__in=[case.pk for case in page]).values_list("kept").annotate(rows=Count("pk"))
    counts = dict(sizes.order_by())
    return render(
        request,
        "curation/datasets/duplicates.html",
        {
            "page_obj": page,
            "groups": [(case, case.dropped, counts[case.pk]) for case in page],
            "method": method,
            "methods": Duplicate.Method.choices,
            "kept": kept,
            "reviews": has_role(request.user, "reviewer", "lead"),
        },
    )
