"""What a process measures of itself, in Prometheus' terms. `cftapp.operations.metrics` shows it to who may see it.

Instruments stand here, on the floor below every app, so that anything may count. Labels are of few values: a route's
pattern, a task's name; never an id, a person or an address.
"""

from prometheus_client import Counter, Histogram

REQUESTS = Counter("cft_requests", "Requests answered.", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "cft_request_seconds", "Seconds from a request to its answer, or to the beginning of its stream.", ["route"]
)
TASK_SECONDS = Histogram(
    "cft_task_seconds",
    "Seconds that a task took: screening a batch, training a run, grading a gate.",
    ["task", "outcome"],
    buckets=(0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0, 6 * 3600.0),
)
LEASES_LOST = Counter("cft_leases_lost", "Jobs whose lease ran out, or went to another, while this worker held them.")
