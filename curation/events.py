"""What is recorded about screening, triage, datasets and exposure to the exam, and what pages call it."""

from audit.vocabulary import ANY, Kind

EVENTS = {
    "case.opened": "opened",
    "cases.opened": "opened",
    "case.screened": "screened",
    "cases.screened": "screened",
    "cases.rescanned": "rescanned",
    "cases.signed": "signed",
    "cases.recalled": "recalled",
    "case.decided": "decided",
    "case.reopened": "reopened",
    "pairs.withdrawn": "withdrawn",
    "override.requested": "requested",
    "override.confirmed": "confirmed",
    "override.declined": "declined",
    "override.withdrawn": "withdrawn",
    "epoch.adopted": "adopted",
    "policy.saved": "saved",
    "labelled.stored": "stored",
    "items.offered": "offered",
    "items.compared": "compared",
    "items.not_compared": "not compared",
    "inquiry.asked": "asked",
    "inquiry.answered": "answered",
    "inquiry.suspected": "suspected",
    "inquiry_alert.settled": "settled",
    "inquiries.expired": "expired",
    "inquiries.forgotten": "forgotten",
    "batch.queued": "queued",
    "batch.started": "started",
    "batch.repeated": "repeated",
    "batch.finished": "finished",
    "batch.failed": "failed",
    "file.screened": "screened",
    "replay.imported": "imported",
    "replay.screened": "screened",
    "dataset.frozen": "frozen",
}
SAID_OF = {
    "case.decided": {"pair": "accepted", "correction": "decided"},
    "cases.recalled": {ANY: "recalled"},
    "pairs.withdrawn": {ANY: "withdrawn"},
}
MARKS = ["pairs.withdrawn"]

KINDS = {
    "case": Kind("Curation"),
    "override": Kind("Curation"),
    "epoch": Kind("Curation", words="held-out index"),
    "pair": Kind("Curation", page="curation:pair"),
    "reverse_check": Kind("Curation"),
    "inquiry": Kind("Curation"),
    "inquiry_alert": Kind("Curation"),
    "dataset": Kind("Dataset", page="curation:dataset"),
    "batch": Kind(),
    "policy": Kind(),
}
