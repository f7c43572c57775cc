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
from curation.thresholds.policies import PolicyState, as_policy, policy_state
from curation.thresholds.tuning import BadPolicy, Count, Group, Line, Measured, Threshold

MAY_SAVE = ("engineer", "lead")
VERSIONS = 20


@require_GET
@role_required(*ROLES)
def thresholds(request: HttpRequest) -> HttpResponse:
    """The page; with htmx only the measurements."""
    state = policy_state()
    values = {name: request.GET[name] for name in tuning.NAMES if request.GET.get(name, "") != ""}
    problem = None
    try:
        policy = actions.parse_policy(values, state.newest_policy)
    except Refused as refused:
        policy, problem = state.newest_policy, refused
    context = context_of(request, state, policy) | {"problem": problem, "note": request.GET.get("note", "")[:300]}
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "curation/thresholds/measured.html", context)
    return render(request, "curation/thresholds/tuning.html", context, status=problem.status if problem else 200)


@require_GET
@role_required(*ROLES)
def policy_status(request: HttpRequest) -> HttpResponse:
    """Which policy is in force and which comes next; polled while a policy is being adopted."""
    state = policy_state()
    settled = state.pending is None and not state.unscreened
    status = HTMX_STOP_POLLING if settled else 200
    return render(request, "curation/thresholds/status.html", {"state": state}, status=status)


@require_POST
@role_required(*MAY_SAVE)
def save_policy(request: HttpRequest) -> HttpResponse:
    """Save what is shown as the next version; refused if another was saved since the page was drawn."""
    values = {name: request.POST.get(name, "") for name in tuning.NAMES}
    note = request.POST.get("note", "")
    try:
        if not request.POST.get("confirmed"):
            raise Refused.because(
                "confirmed",
                "Screening every row again is not confirmed.",
                "Tick that every row is to be screened again.",
            )
        saved = actions.save_policy(values, note, replaces=number(request.POST.get("replaces")), by=account(request))
    except Refused as refused:
        state = policy_state()
        context = context_of(request, state, readable(values, state)) | {"problem": refused, "note": note}
        return render(request, "curation/thresholds/tuning.html", context, status=refused.status)
    messages.success(request, f"Saved as version {saved.version}. The evaluator puts it in force.")
    return redirect("curation:thresholds")


def number(text: str | None) -> int:
    """-1, which no version is, for what is no number."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 9 else -1


def readable(values: Mapping[str, str], state: PolicyState) -> Policy:
    try:
        return tuning.parse(values, state.newest_policy)
    except BadPolicy:
        return state.newest_policy


# --- what the page shows ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Slider:
    """A threshold on the page."""

    threshold: Threshold
    value: float
    in_force: float

    @property
    def moved(self) -> bool:
        return self.value != self.in_force

    @property
    def in_force_text(self) -> str:
        return self.threshold.as_text(self.in_force)


@dataclass(frozen=True, slots=True)
class ComparedLine:
    """A line under the proposed policy, beside its half to tune on under the policy in force."""

    line: Line
    in_force: Count

    @property
    def change(self) -> float:
        """In percentage points of the half to tune on."""
        return round(100 * ((self.line.tuning.share or 0.0) - (self.in_force.share or 0.0)), 1)


@dataclass(frozen=True)
class Comparison:
    """The proposed policy beside the policy in force, both measured, and the leaks that only the latter blocks."""

    proposed: Measured
    in_force: Measured
    lost: Mapping[str, Count]

    def compared(self, leaks: bool) -> list[ComparedLine]:
        pairs = zip(self.proposed.lines, self.in_force.lines, strict=True)
        return [ComparedLine(line, current.tuning) for line, current in pairs if line.is_leak == leaks]

    @property
    def leaks(self) -> list[ComparedLine]:
        return self.compared(True)

    @property
    def negatives(self) -> list[ComparedLine]:
        return self.compared(False)

    @property
    def macro(self) -> dict[str, float | None]:
        return {
            "tuning": self.proposed.macro("tuning"),
            "reporting": self.proposed.macro("reporting"),
            "textbook": self.proposed.macro("textbook"),
            "in_force": self.in_force.macro("tuning"),
        }

    @property
    def false_positives(self) -> dict[str, Count]:
        return {
            "tuning": self.proposed.false_positives("tuning"),
            "reporting": self.proposed.false_positives("reporting"),
            "in_force": self.in_force.false_positives("tuning"),
        }

    @property
    def let_through(self) -> int:
        return sum(count.hits for count in self.lost.values())

    @property
    def words(self) -> str:
        """The announcement to screen readers after a threshold was moved."""
        recall, wrong = self.proposed.macro("tuning"), self.proposed.false_positives("tuning")
        return f"Mean recall {100 * (recall or 0.0):.1f} percent, {wrong.hits} of {wrong.rows} false positives"


def context_of(request: HttpRequest, state: PolicyState, policy: Policy) -> dict[str, Any]:
    snapshot = labelled_set.newest_snapshot()
    groups = labelled_set.groups(snapshot)
    base = state.newest_policy
    sliders = sliders_of(policy, state.in_force)
    chosen = curve_name(request, sliders)
    return {
        "state": state,
        "sliders": sliders,
        "moved": policy != base,
        "url": reverse("curation:thresholds"),
        "values": asdict(policy),
        "snapshot": snapshot,
        "comparison": compare(groups, policy, state.in_force) if groups else None,
        "beyond": tuning.unsafe(policy, base),
        "may_save": has_role(request.user, *MAY_SAVE),
        "is_lead": has_role(request.user, "lead"),
        "curves": curve_links(sliders, policy, chosen.name),
        "chosen": chosen,
        "charts": charts_of(groups, policy, chosen) if groups else [],
        "versions": versions_of(state),
    }


def sliders_of(policy: Policy, in_force: Policy) -> list[Slider]:
    values, current = asdict(policy), asdict(in_force)
    return [Slider(threshold, values[threshold.name], current[threshold.name]) for threshold in tuning.thresholds()]


def compare(groups: tuple[Group, ...], policy: Policy, in_force: Policy) -> Comparison:
    lost = tuning.let_through(groups, policy, in_force)
    return Comparison(tuning.measure(groups, policy), tuning.measure(groups, in_force), lost)


def curve_name(request: HttpRequest, sliders: Sequence[Slider]) -> Threshold:
    """The threshold whose curve is drawn: the requested one, else the first that was moved, else the first."""
    name = request.GET.get("curve", "")
    drawn = [slider for slider in sliders if slider.threshold.on_leaks]
    requested = [slider for slider in drawn if slider.threshold.name == name]
    moved = [slider for slider in drawn if slider.moved]
    return (requested or moved or drawn)[0].threshold


def curve_links(sliders: Sequence[Slider], policy: Policy, chosen: str) -> list[tuple[str, str, bool]]:
    """(label, address, whether it is shown) of every threshold's curve."""
    return [
        (
            slider.threshold.label,
            "?" + urlencode({**asdict(policy), "curve": slider.threshold.name}),
            slider.threshold.name == chosen,
        )
        for slider in sliders
        if slider.threshold.on_leaks
    ]


def charts_of(groups: tuple[Group, ...], policy: Policy, chosen: Threshold) -> list[tuple[str, Any]]:
    """(title, series for `line_chart`) of recall and of false positives over one threshold; all in percent."""
    points = tuning.curve(groups, policy, chosen.name)
    value = 100 * asdict(policy)[chosen.name]
    recall = [(100 * point.limit, 100 * point.recall) for point in points]
    wrong = [(100 * point.limit, 100 * point.false_positives) for point in points]
    label = chosen.label.lower()
    return [
        (f"Mean recall by {label}, %", chart_of("recall", "s2", recall, value)),
        (f"False positives by {label}, %", chart_of("blocked", "s4", wrong, value)),
    ]


def chart_of(name: str, css: str, line: list[tuple[float, float]], value: float) -> list[Any]:
    """One line, and an upright one where the threshold stands; nothing for a line that is 0 all along."""
    heights = [y for _, y in line if y == y]
    if not heights or not max(heights):
        return []
    crossing = min(line, key=lambda point: abs(point[0] - value))[1]
    upright = [(value, min(heights)), (value, max(heights)), (value, crossing)]
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


def versions_of(state: PolicyState) -> list[Version]:
    """The newest versions, what each changed against the one before, and the way back to it."""
    rows = list(ScreeningPolicy.objects.select_related("saved_by")[: VERSIONS + 1])
    older = [*rows[1:], *([] if len(rows) > VERSIONS else [None])]
    versions = [version_of(row, before, state) for row, before in zip(rows, older, strict=False)][:VERSIONS]
    return versions if len(rows) > VERSIONS else [*versions, version_of(None, None, state)]


def version_of(saved: ScreeningPolicy | None, before: ScreeningPolicy | None, state: PolicyState) -> Version:
    number = saved.version if saved else 0
    values, old = asdict(as_policy(saved)), asdict(as_policy(before))
    changes = [
        f"{threshold.label} {threshold.as_text(old[threshold.name])} → {threshold.as_text(values[threshold.name])}"
        for threshold in tuning.thresholds()
        if values[threshold.name] != old[threshold.name]
    ]
    status = "in force" if number == state.version else "being adopted" if number == state.newest_version else ""
    back = urlencode({**values, "note": f"Back to version {number}" if number else "Back to the built-in policy"})
    return Version(number, saved, changes, status, f"{reverse('curation:thresholds')}?{back}")
