"""Thresholds: move one, see what the labelled set says, save it as the next version. The state is in the address."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HTMX_STOP_POLLING

from cftapp.base.accounts import ROLES, account, has_role, role_required
from cftapp.base.refusal import Refused
from curation.decontamination.overlap import Policy
from curation.models import ScreeningPolicy
from curation.thresholds import actions, labelled_set, tuning
from curation.thresholds.labelled_set import Standing
from curation.thresholds.tuning import BadPolicy, Count, Group, Line, Measured, Threshold

MAY_SAVE = ("engineer", "lead")
VERSIONS = 20


@require_GET
@role_required(*ROLES)
def thresholds(request: HttpRequest) -> HttpResponse:
    """The page; with htmx only what was measured."""
    now = labelled_set.standing()
    asked = {name: request.GET[name] for name in tuning.NAMES if request.GET.get(name, "") != ""}
    problem = None
    try:
        policy = tuning.parse(asked, labelled_set.as_policy(now.newest))
    except BadPolicy as bad:
        policy, problem = labelled_set.as_policy(now.newest), Refused.because(bad.field, bad.message, bad.remedy)
    context = context_of(request, now, policy) | {"problem": problem, "note": request.GET.get("note", "")[:300]}
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "curation/thresholds/measured.html", context)
    return render(request, "curation/thresholds/tuning.html", context, status=422 if problem else 200)


@require_GET
@role_required(*ROLES)
def policy_status(request: HttpRequest) -> HttpResponse:
    """Which policy is in force and which one comes: asked for while something is under way."""
    now = labelled_set.standing()
    settled = now.adopting is None and not now.unscreened
    status = HTMX_STOP_POLLING if settled else 200
    return render(request, "curation/thresholds/status.html", {"now": now}, status=status)


@require_POST
@role_required(*MAY_SAVE)
def save_policy(request: HttpRequest) -> HttpResponse:
    """Save what is shown as the next version; refused if another was saved since the page was drawn."""
    values = {name: request.POST.get(name, "") for name in tuning.NAMES}
    note = request.POST.get("note", "")
    try:
        if not request.POST.get("confirmed"):
            raise Refused.because("confirmed", "Not confirmed.", "Tick that every row is to be screened again.")
        saved = actions.save_policy(values, note, shown=number(request.POST.get("shown")), by=account(request))
    except Refused as refused:
        now = labelled_set.standing()
        context = context_of(request, now, readable(values, now)) | {"problem": refused, "note": note}
        return render(request, "curation/thresholds/tuning.html", context, status=409)
    messages.success(request, f"Saved as version {saved.version}. The evaluator puts it in force.")
    return redirect("curation:thresholds")


def number(text: str | None) -> int:
    """-1, which no version is, for what is no number."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 9 else -1


def readable(values: Mapping[str, str], now: Standing) -> Policy:
    try:
        return tuning.parse(values, labelled_set.as_policy(now.newest))
    except BadPolicy:
        return labelled_set.as_policy(now.newest)


# --- what the page shows ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Slider:
    """One threshold as it stands on the page."""

    threshold: Threshold
    value: float
    in_force: float

    @property
    def moved(self) -> bool:
        return self.value != self.in_force

    @property
    def in_force_words(self) -> str:
        return self.threshold.shown(self.in_force)


@dataclass(frozen=True, slots=True)
class Compared:
    """A line under the policy that is shown, beside the same line under the one in force."""

    line: Line
    was: Count

    @property
    def change(self) -> float:
        """In percentage points of the half to tune on."""
        return round(100 * ((self.line.tuning.share or 0.0) - (self.was.share or 0.0)), 1)


@dataclass(frozen=True)
class Shown:
    """All that was measured, for the template."""

    now: Measured
    was: Measured
    lost: Mapping[str, Count]

    def compared(self, leaks: bool) -> list[Compared]:
        pairs = zip(self.now.lines, self.was.lines, strict=True)
        return [Compared(line, was.tuning) for line, was in pairs if line.is_leak == leaks]

    @property
    def leaks(self) -> list[Compared]:
        return self.compared(True)

    @property
    def negatives(self) -> list[Compared]:
        return self.compared(False)

    @property
    def macro(self) -> dict[str, float | None]:
        return {
            "tuning": self.now.macro("tuning"),
            "reporting": self.now.macro("reporting"),
            "textbook": self.now.macro("textbook"),
            "was": self.was.macro("tuning"),
        }

    @property
    def false_positives(self) -> dict[str, Count]:
        return {
            "tuning": self.now.false_positives("tuning"),
            "reporting": self.now.false_positives("reporting"),
            "was": self.was.false_positives("tuning"),
        }

    @property
    def let_through(self) -> int:
        return sum(one.found for one in self.lost.values())

    @property
    def words(self) -> str:
        """What is read out when a threshold was moved."""
        recall, wrong = self.now.macro("tuning"), self.now.false_positives("tuning")
        return f"Mean recall {100 * (recall or 0.0):.1f} percent, {wrong.found} of {wrong.rows} false positives"


def context_of(request: HttpRequest, now: Standing, policy: Policy) -> dict[str, Any]:
    snapshot = labelled_set.newest_snapshot()
    groups = labelled_set.groups(snapshot)
    base = labelled_set.as_policy(now.newest)
    sliders = sliders_of(policy, now.in_force)
    chosen = curve_name(request, sliders)
    return {
        "now": now,
        "sliders": sliders,
        "moved": policy != base,
        "url": reverse("curation:thresholds"),
        "values": asdict(policy),
        "snapshot": snapshot,
        "shown": shown_of(groups, policy, now.in_force) if groups else None,
        "beyond": tuning.unsafe(policy, base),
        "may_save": has_role(request.user, *MAY_SAVE),
        "is_lead": has_role(request.user, "lead"),
        "curves": curve_links(sliders, policy, chosen.name),
        "chosen": chosen,
        "charts": charts_of(groups, policy, chosen) if groups else [],
        "versions": versions_of(now),
    }


def sliders_of(policy: Policy, in_force: Policy) -> list[Slider]:
    shown, then = asdict(policy), asdict(in_force)
    return [Slider(one, shown[one.name], then[one.name]) for one in tuning.thresholds()]


def shown_of(groups: tuple[Group, ...], policy: Policy, in_force: Policy) -> Shown:
    lost = tuning.let_through(groups, policy, in_force)
    return Shown(tuning.measure(groups, policy), tuning.measure(groups, in_force), lost)


def curve_name(request: HttpRequest, sliders: Sequence[Slider]) -> Threshold:
    """The threshold whose curve is drawn: the one asked for, else the first that was moved, else the first."""
    asked = request.GET.get("curve", "")
    drawn = [one for one in sliders if one.threshold.on_leaks]
    found = [one for one in drawn if one.threshold.name == asked] or [one for one in drawn if one.moved] or drawn
    return found[0].threshold


def curve_links(sliders: Sequence[Slider], policy: Policy, chosen: str) -> list[tuple[str, str, bool]]:
    """(label, address, whether it is shown) of every threshold's curve."""
    return [
        (
            one.threshold.label,
            "?" + urlencode({**asdict(policy), "curve": one.threshold.name}),
            one.threshold.name == chosen,
        )
        for one in sliders
        if one.threshold.on_leaks
    ]


def charts_of(groups: tuple[Group, ...], policy: Policy, chosen: Threshold) -> list[tuple[str, Any]]:
    """(title, series for `line_chart`) of recall and of false positives over one threshold; all in percent."""
    points = tuning.curve(groups, policy, chosen.name)
    here = 100 * asdict(policy)[chosen.name]
    recall = [(100 * one.limit, 100 * one.recall) for one in points]
    wrong = [(100 * one.limit, 100 * one.false_positives) for one in points]
    label = chosen.label.lower()
    return [
        (f"Mean recall by {label}, %", chart_of("recall", "s2", recall, here)),
        (f"False positives by {label}, %", chart_of("blocked", "s4", wrong, here)),
    ]


def chart_of(name: str, css: str, line: list[tuple[float, float]], here: float) -> list[Any]:
    """One line, and an upright one where the threshold stands; nothing for a line that is 0 all along."""
    heights = [y for _, y in line if y == y]
    if not heights or not max(heights):
        return []
    crossing = min(line, key=lambda point: abs(point[0] - here))[1]
    upright = [(here, min(heights)), (here, max(heights)), (here, crossing)]
    return [(name, css, line), ("shown", "s1", upright)]


@dataclass(frozen=True, slots=True)
class Version:
    """A line of the history; number 0 is the built-in policy."""

    number: int
    saved: ScreeningPolicy | None
    changes: list[str]
    state: str
    url: str

    @property
    def recall(self) -> float | None:
        """Mean recall on the half to tune on, as it was measured when the version was saved."""
        return self.saved.measured.get("tuning", {}).get("macro_recall") if self.saved else None


def versions_of(now: Standing) -> list[Version]:
    """The newest versions, what each changed against the one before, and the way back to it."""
    rows = list(ScreeningPolicy.objects.select_related("saved_by")[: VERSIONS + 1])
    older = [*rows[1:], *([] if len(rows) > VERSIONS else [None])]
    found = [version_of(row, before, now) for row, before in zip(rows, older, strict=False)][:VERSIONS]
    return found if len(rows) > VERSIONS else [*found, version_of(None, None, now)]


def version_of(saved: ScreeningPolicy | None, before: ScreeningPolicy | None, now: Standing) -> Version:
    number = saved.version if saved else 0
    values, old = asdict(labelled_set.as_policy(saved)), asdict(labelled_set.as_policy(before))
    changes = [
        f"{one.label} {one.shown(old[one.name])} → {one.shown(values[one.name])}"
        for one in tuning.thresholds()
        if values[one.name] != old[one.name]
    ]
    state = "in force" if number == now.version else "being adopted" if number == now.shown else ""
    back = urlencode({**values, "note": f"Back to version {number}" if number else "Back to the built-in policy"})
    return Version(number, saved, changes, state, f"{reverse('curation:thresholds')}?{back}")
