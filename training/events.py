"""What is recorded about runs, and what pages call it."""

from audit.vocabulary import Kind

EVENTS = {
    "run.queued": "queued",
    "run.started": "started",
    "run.requeued": "requeued",
    "run.resumed": "resumed",
    "run.stop_requested": "stop requested",
    "run.stopped": "stopped",
    "run.finished": "finished",
    "run.failed": "failed",
}
LEFT_OUT = {"run.finished": "run"}
SAID_OF = {"run.finished": {"adapter": "trained"}}

KINDS = {"run": Kind("Run", page="training:run"), "adapter": Kind("Run")}
