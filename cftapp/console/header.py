"""The console's header: the pipeline as navigation, each stage with what is going on there, and each person's work."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.urls import NoReverseMatch, resolve, reverse

from cftapp.base.accounts import roles_of
from cftapp.console.counts import Counts, counts

SECTIONS: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "feedback": (
        "Feedback",
        [
            ("Triage", "curation:bench"),
            ("All feedback", "feedback:list"),
            ("Bugs", "feedback:bugs"),
            ("Consent", "feedback:consent"),
            ("Wordings", "feedback:wordings"),
            ("Sources", "feedback:sources"),
            ("API", "feedback:api"),
        ],
    ),
    "curation": (
        "Curation",
        [
            ("Pairs", "curation:pairs"),
            ("Duplicates", "curation:duplicates"),
            ("Overrides", "curation:overrides"),
            ("Datasets", "curation:datasets"),
            ("Thresholds", "curation:thresholds"),
            ("Batch screening", "curation:batches"),
            ("Check a text", "curation:check"),
            ("Check alerts", "curation:check_alerts"),
        ],
    ),
    "training": ("Training", [("Runs", "training:runs"), ("New run", "training:new")]),
    "evaluation": (
        "Evaluation",
        [
            ("Gates", "evaluation:gates"),
            ("Benchmarks", "evaluation:benchmarks"),
        ],
    ),
    "serving": ("Serving", [("Releases", "serving:releases")]),
    "audit": ("Audit", [("Log", "audit:log"), ("Verify", "audit:verify")]),
}
PARENTS = {
    "feedback:give": "feedback:list",
    "feedback:bug": "feedback:bugs",
    "feedback:wording": "feedback:wordings",
    "curation:pair": "curation:pairs",
    "curation:dataset": "curation:datasets",
    "curation:dataset_report": "curation:datasets",
    "curation:freeze": "curation:datasets",
    "curation:replay_row": "curation:datasets",
    "curation:checked": "curation:check",
    "curation:batch": "curation:batches",
    "curation:queue_batch": "curation:batches",
    "training:run": "training:runs",
    "evaluation:gate": "evaluation:gates",
    "evaluation:benchmark": "evaluation:benchmarks",
    "evaluation:propose": "evaluation:benchmarks",
    "evaluation:proposal": "evaluation:benchmarks",
    "audit:event": "audit:log",
    "audit:lineage": "audit:log",
}


@dataclass(frozen=True)
class Status:
    """One line under a stage, its figure alone for phones, and how it sounds: due (yours), bad or nothing."""

    text: str
    short: str
    tone: str = ""


@dataclass(frozen=True)
class Stage:
    key: str
    name: str
    url: str
    current: str
    status: str
    short: str
    tone: str


@dataclass(frozen=True)
class Tab:
    name: str
    url: str
    current: bool


def feedback_status(now: Counts, roles: frozenset[str]) -> Status:
    if now.to_triage:
        return Status(f"{now.to_triage:,} waiting", f"{now.to_triage:,}", "due" if "reviewer" in roles else "")
    if coming := now.screening + now.caseless:
        return Status(f"{coming:,} in screening", f"{coming:,}")
    return Status("all triaged", "0")


def curation_status(now: Counts, roles: frozenset[str]) -> Status:
    if now.overrides and "lead" in roles:
        what = "override" if now.overrides == 1 else "overrides"
        return Status(f"{now.overrides:,} {what} to answer", f"{now.overrides:,}", "due")
    tone = "due" if now.new_pairs and "engineer" in roles else ""
    count, what = (now.new_pairs, "to freeze") if now.new_pairs else (now.pairs, "accepted")
    return Status(f"{count:,} pair{'' if count == 1 else 's'} {what}", f"{count:,}", tone)


def training_status(now: Counts, roles: frozenset[str]) -> Status:
    if now.live_run:
        return Status(f"run {now.live_run} · live", f"#{now.live_run}", "due" if "engineer" in roles else "")
    if now.queued_runs:
        return Status(f"{now.queued_runs} queued", f"{now.queued_runs}")
    if now.last_run:
        tone = "bad" if now.last_run_state == "failed" else ""
        return Status(f"run {now.last_run} {now.last_run_state}", f"#{now.last_run}", tone)
    return Status("no run yet", "–")


def evaluation_status(now: Counts, roles: frozenset[str]) -> Status:
    if now.waivers and not roles.isdisjoint({"lead", "compliance"}):
        return Status(f"{now.waivers} to confirm", f"{now.waivers}", "due")
    if now.open_gates:
        return Status(f"{now.open_gates} grading", f"{now.open_gates}")
    if now.last_verdict == "PASS":
        return Status(f"gate {now.last_gate} passed", "✓")
    if now.last_verdict == "INCONCLUSIVE":
        return Status(f"gate {now.last_gate} undecided", "?", "bad")
    if now.last_verdict:
        return Status(f"gate {now.last_gate} failed", "✕", "bad")
    return Status(f"{now.benchmarks} benchmark{'' if now.benchmarks == 1 else 's'}", f"{now.benchmarks}")


def serving_status(now: Counts, roles: frozenset[str]) -> Status:
    if now.champion is None:
        return Status("nothing served", "–")
    if now.champion_marked or now.champion_learnt_exam:
        return Status(f"v{now.champion} marked", f"v{now.champion}", "bad")
    if now.promotable and "engineer" in roles:
        return Status(f"{now.promotable} to promote", f"{now.promotable}", "due")
    return Status(f"champion v{now.champion}", f"v{now.champion}")


def audit_status(now: Counts, roles: frozenset[str]) -> Status:
    if now.sealed is None:
        return Status("not sealed yet", "–")
    return Status(f"sealed {now.sealed:,}", f"{now.sealed:,}")


STATUS: dict[str, Callable[[Counts, frozenset[str]], Status]] = {
    "feedback": feedback_status,
    "curation": curation_status,
    "training": training_status,
    "evaluation": evaluation_status,
    "serving": serving_status,
    "audit": audit_status,
}


@lru_cache(maxsize=256)
def page(name: str) -> tuple[str, frozenset[str]]:
    """URL of a page and the roles its view asks for; no URL where the page is not mounted."""
    try:
        url = reverse(name)
    except NoReverseMatch:
        return "", frozenset()
    return url, getattr(resolve(url).func, "needs_roles", frozenset())


def section_of(view_name: str) -> str:
    """The stage a view belongs to on screen: by its namespace, except that triage is where feedback goes."""
    namespace = view_name.partition(":")[0]
    parent = PARENTS.get(view_name, view_name)
    if namespace == "curation" and parent not in {name for _, name in SECTIONS["curation"][1]}:
        return "feedback"
    return namespace if namespace in SECTIONS else ""


class Console:
    """The header of one request. Reads the counts only where the pipeline is drawn."""

    def __init__(self, request: HttpRequest, at: str | None = None) -> None:
        match = request.resolver_match
        self.view_name = match.view_name if match else ""
        self.at = self.view_name.partition(":")[2] or self.view_name
        self.key = section_of(self.view_name) if at is None else at
        self.user = getattr(request, "user", None) or AnonymousUser()  # none yet where the request cannot be read

    @property
    def held(self) -> frozenset[str]:
        return roles_of(self.user)

    @property
    def roles(self) -> list[str]:
        return ["superuser"] if getattr(self.user, "is_superuser", False) else sorted(self.held)

    @property
    def section(self) -> str:
        return SECTIONS[self.key][0] if self.key in SECTIONS else ""

    @property
    def playground(self) -> str:
        return page("playground")[0]

    @property
    def mine(self) -> str:
        return page("feedback:mine")[0]

    def may(self, name: str) -> bool:
        """Whether the page exists and its view would let this account in."""
        url, needs = page(name)
        return bool(url) and (not needs or not needs.isdisjoint(self.held))

    @property
    def tabs(self) -> list[Tab]:
        """The pages of the current section that this account may open."""
        if not self.user.is_authenticated or self.key not in SECTIONS:
            return []
        here = PARENTS.get(self.view_name, self.view_name)
        names = [(title, name) for title, name in SECTIONS[self.key][1] if self.may(name)]
        return [Tab(title, page(name)[0], name == here) for title, name in names] if len(names) > 1 else []

    def entry(self, key: str) -> str:
        """The first page of a section that this account may open, or home."""
        names = (name for _, name in SECTIONS[key][1])
        return next((page(name)[0] for name in names if self.may(name)), reverse("home"))

    @property
    def stages(self) -> list[Stage]:
        now = counts()
        return [self.stage(key, STATUS[key](now, self.held)) for key in SECTIONS]

    def stage(self, key: str, status: Status) -> Stage:
        url = self.entry(key)
        current = "" if key != self.key else "page" if page(self.view_name)[0] == url else "true"
        return Stage(key, SECTIONS[key][0], url, current, status.text, status.short, status.tone)

    @property
    def seen(self) -> str:
        """A short digest of what the header says, so that an unchanged one is answered with 204."""
        words = "|".join(f"{stage.status}{stage.tone}" for stage in self.stages)
        return hashlib.sha256(words.encode()).hexdigest()[:12]

    @property
    def poll(self) -> str:
        return f"{reverse('pipeline')}?{urlencode({'at': self.key, 'seen': self.seen})}"


@dataclass(frozen=True)
class Todo:
    """One thing that needs this person now: how many, what, why, and where."""

    figure: str
    what: str
    why: str
    url: str
    urgent: bool = False


def todos(now: Counts, roles: frozenset[str]) -> list[Todo]:
    """What needs a holder of `roles` now, the urgent first."""
    open_todos = [todo for role, work in WORK.items() if role in roles for todo in work(now)]
    unique = {(todo.what, todo.url): todo for todo in open_todos if todo.url}
    return sorted(unique.values(), key=lambda todo: not todo.urgent)


def link(name: str, *args: Any) -> str:
    if not args:
        return page(name)[0]
    return reverse(name, args=args)


def reviewer_work(now: Counts) -> list[Todo]:
    if not now.to_triage:
        return []
    what = "case to triage" if now.to_triage == 1 else "cases to triage"
    return [Todo(f"{now.to_triage:,}", what, "One key a case; screening is done.", link("curation:bench"))]


def lead_work(now: Counts) -> list[Todo]:
    work = []
    if now.waivers and now.last_gate:
        what = "waiver to confirm" if now.waivers == 1 else "waivers to confirm"
        why = "A second person takes responsibility for a candidate that did not pass."
        work.append(Todo(f"{now.waivers}", what, why, link("evaluation:gates"), urgent=True))
    if now.overrides:
        what = "override to answer" if now.overrides == 1 else "overrides to answer"
        why = "A reviewer says that a blocked case may train all the same."
        work.append(Todo(f"{now.overrides}", what, why, link("curation:overrides"), urgent=True))
    if now.to_triage > 100:
        why = "The queue grows faster than it is triaged."
        work.append(Todo(f"{now.to_triage:,}", "cases in the queue", why, link("curation:bench")))
    return work


def marked_work(now: Counts) -> list[Todo]:
    """What a withdrawal, or an exam that was published later, asks of an engineer."""
    work = []
    if now.champion_marked or now.champion_learnt_exam:
        what = "learnt words whose consent was withdrawn" if now.champion_marked else "learnt rows of an exam"
        why = f"It {what}, and answers people now. Train a successor without them, or roll back."
        work.append(Todo(f"v{now.champion}", "champion to replace", why, link("serving:releases"), urgent=True))
    if now.marked_lessons:
        why = "The newest dataset holds rows that may not be learnt any more. Freezing leaves them out."
        work.append(
            Todo(f"#{now.marked_lessons}", "dataset to freeze again", why, link("curation:freeze"), urgent=True)
        )
    return work


def engineer_work(now: Counts) -> list[Todo]:
    work = marked_work(now)
    if now.broken_gate:
        why = "It ended without a verdict. The reason is on its page; open it again."
        url = link("evaluation:gate", now.broken_gate)
        work.append(Todo(f"#{now.broken_gate}", "gate broke off", why, url, urgent=True))
    if now.last_run and now.last_run_state == "failed":
        why = "The reason is on its page; it can be resumed."
        work.append(Todo(f"#{now.last_run}", "run failed", why, link("training:run", now.last_run), urgent=True))
    if now.promotable:
        what = "release to promote" if now.promotable == 1 else "releases to promote"
        work.append(Todo(f"{now.promotable}", what, "The gate passed.", link("serving:releases")))
    if now.live_run:
        why = "It is training now."
        work.append(Todo(f"#{now.live_run}", "run to watch", why, link("training:run", now.live_run)))
    if now.last_gate and now.last_verdict != "PASS" and not now.last_gate_waived:
        why = f"{now.last_verdict}: read the reasons, then train a better candidate or ask two people for a waiver."
        work.append(
            Todo(f"#{now.last_gate}", "gate to answer", why, link("evaluation:gate", now.last_gate), urgent=True)
        )
    if now.untrained_dataset:
        why = "Frozen and clean, no run has learnt from it."
        url = link("curation:dataset", now.untrained_dataset)
        work.append(Todo(f"#{now.untrained_dataset}", "dataset to train on", why, url))
    if now.bugs:
        what = "open bug" if now.bugs == 1 else "open bugs"
        why = "Reported by people, or filed by reviewers; nobody works on them yet."
        work.append(Todo(f"{now.bugs:,}", what, why, link("feedback:bugs")))
    if now.new_pairs:
        what = "new pair to freeze" if now.new_pairs == 1 else "new pairs to freeze"
        why = "Accepted since the last dataset."
        work.append(Todo(f"{now.new_pairs:,}", what, why, link("curation:datasets")))
    return work


def compliance_work(now: Counts) -> list[Todo]:
    work = []
    if now.check_alerts:
        what = "check alert" if now.check_alerts == 1 else "check alerts"
        why = "Somebody's checks look like a search for the exam; they are paused."
        work.append(Todo(f"{now.check_alerts}", what, why, link("curation:check_alerts"), urgent=True))
    if now.champion_marked or now.champion_learnt_exam:
        whose = "someone whose words it learnt has withdrawn consent" if now.champion_marked else "it learnt an exam"
        why = f"It answers people now, and {whose}. Engineers are asked to replace it."
        work.append(Todo(f"v{now.champion}", "champion is marked", why, link("serving:releases"), urgent=True))
    if now.waivers:
        what = "waiver open" if now.waivers == 1 else "waivers open"
        work.append(Todo(f"{now.waivers}", what, "Waits for a second name.", link("evaluation:gates")))
    if now.marked_datasets:
        what = "marked dataset" if now.marked_datasets == 1 else "marked datasets"
        why = "They hold rows whose consent was withdrawn."
        work.append(Todo(f"{now.marked_datasets}", what, why, link("curation:datasets")))
    if now.sealed is None:
        why = "No signed checkpoint yet: the sealer may be down."
        work.append(Todo("–", "log not sealed", why, link("audit:verify"), urgent=True))
    return work


def examiner_work(now: Counts) -> list[Todo]:
    if now.benchmarks:
        return []
    why = "Without one no case can be screened and no gate can pass."
    return [Todo("0", "benchmarks published", why, link("evaluation:benchmarks"), urgent=True)]


def admin_work(now: Counts) -> list[Todo]:
    work = []
    if now.account_requests:
        what = "request about an account" if now.account_requests == 1 else "requests about accounts"
        why = "A role, or a link to choose a password, waits for an admin other than who asked."
        work.append(Todo(f"{now.account_requests}", what, why, link("accounts:people"), urgent=True))
    if now.roleless:
        what = "account without a role" if now.roleless == 1 else "accounts without a role"
        work.append(Todo(f"{now.roleless}", what, "They can sign in but do nothing.", link("accounts:people")))
    if not now.api_keys:
        why = f"{now.sources} sources, and no application can send feedback."
        work.append(Todo("0", "API keys in use", why, link("feedback:sources")))
    return work


WORK: dict[str, Callable[[Counts], list[Todo]]] = {
    "reviewer": reviewer_work,
    "lead": lead_work,
    "engineer": engineer_work,
    "compliance": compliance_work,
    "examiner": examiner_work,
    "admin": admin_work,
}
