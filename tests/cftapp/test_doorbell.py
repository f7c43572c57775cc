"""Redis is a doorbell: while nobody can ring it, what was written stays written and nobody gets an error."""

import signal

from audit.actions import Announcement
from cftapp import pipeline


def test_a_broker_that_is_down_costs_no_work(services, db):
    services.stop("redis", signal.SIGKILL)
    try:
        pipeline.wake(Announcement(1, "comment.submitted", (), (("comment", "7"),), {}))
    finally:
        services.start(services.redis)
