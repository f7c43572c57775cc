"""What is recorded about benchmarks and gates, and what pages call it."""

from audit.vocabulary import Kind

EVENTS = {
    "benchmark.proposed": "proposed",
    "benchmark.checking": "checking",
    "benchmark.overlapping": "overlapping",
    "benchmark.refused": "refused",
    "benchmark.unchanged": "unchanged",
    "benchmark.published": "published",
    "proposal.decided": "decided",
    "gate.queued": "queued",
    "gate.started": "started",
    "gate.requeued": "requeued",
    "gate.finished": "finished",
    "gate.failed": "failed",
    "waiver.requested": "requested",
    "waiver.confirmed": "confirmed",
}

KINDS = {
    "proposal": Kind("Curation"),
    "benchmark_version": Kind("Gate", words="benchmark"),
    "gate": Kind("Gate", page="evaluation:gate"),
    "waiver": Kind("Gate"),
}
