"""Who may speak for whom in the log: beside `roles`, the other table of what a process may do.

Each role says under its own name what only it can know, and for people or sources what they do through it. PostgreSQL
holds a login to this (`audit_append`); the owner is not bound. Provision writes the table into the database.

The web process speaks for whoever is signed in, which PostgreSQL cannot see: whoever holds its login can say what
people do, and nothing of what workers find. The evaluator publishes an upload in the name of who proposed it.
"""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from cftapp.access.roles import ROLES

# What is asked, told and consented to through a page, the API or the gateway.
FEEDBACK = ("interaction.*", "interactions.*", "feedback.*", "*.submitted", "consent.*")

# What people decide.
DECISIONS = (
    *("source.*", "api_key.*", "consent_wording.*", "bug.*", "subject.linked"),
    *("case.decided", "case.reopened", "override.*", "policy.saved", "inquiry.asked", "inquiry_alert.*"),
    *("batch.queued", "replay.imported", "dataset.frozen", "benchmark.proposed", "proposal.decided"),
    *("run.queued", "run.resumed", "run.stop_requested", "run.stopped", "gate.queued"),
    *("waiver.*", "roll_back_waiver.*", "champion.*"),
    *("account.created", "account.closed", "account.reopened", "account.role_*", "account.link_*"),
    *("account.request_*", "account.password_*"),
)

# What the owner alone records, whom nothing binds.
OWNER_ONLY = ("backup.restored", "account.set_up", "account.changed")

SPEAKERS: dict[str, dict[str, tuple[str, ...]]] = {
    "web": {
        "user": (*FEEDBACK, *DECISIONS),
        "source": FEEDBACK,
        "visitor": FEEDBACK,
        "process:web": ("source.created",),
    },
    "curator": {
        "process:curator": (
            *("release.created", "withdrawal.*", "contamination.*", "inquiries.expired", "run.stop_requested"),
        )
    },
    "screener": {
        "process:screener": (
            *("case.opened", "cases.*", "case.screened", "pairs.*", "replay.screened", "file.screened"),
            *("items.compared", "items.not_compared", "inquiry.answered", "inquiry.suspected", "inquiries.*"),
            *("batch.started", "batch.repeated", "batch.finished", "batch.failed"),
        )
    },
    "trainer": {
        "process:trainer": (
            *("run.started", "run.requeued", "run.finished", "run.failed", "run.stopped", "run.stop_requested"),
        )
    },
    "evaluator": {
        "process:evaluator": (
            *("gate.*", "benchmark.checking", "benchmark.overlapping", "benchmark.refused", "benchmark.unchanged"),
            *("benchmark.published", "items.offered", "epoch.adopted", "labelled.stored", "file.screened"),
        ),
        "user": ("benchmark.published", "benchmark.unchanged", "items.offered", "epoch.adopted"),
    },
    "sealer": {"process:sealer": ("log.opened",)},
}
"""Role → speaker → patterns of events. Who is not named says nothing: beat, the model server."""


def rows(events: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """(login, speaker, event), for every declared event that a pattern means."""
    names = sorted(events)
    for role, voices in SPEAKERS.items():
        for speaker, patterns in voices.items():
            for name in names:
                if any(fnmatchcase(name, pattern) for pattern in patterns):
                    yield ROLES[role].logins["default"], speaker, name
