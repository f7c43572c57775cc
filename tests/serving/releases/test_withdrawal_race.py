"""A thousand interleavings of a withdrawal with what relies on the consent: one of the two comes first, for everybody.

Each step runs in a transaction and a connection of its own, and dawdles before it commits, as the withdrawal does. If
the step was committed, its consent was still in force when it began to commit, or else it was refused and left nothing.
"""

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from cftapp.base.refusal import Refused
from curation.models import Case, Dataset, Pair
from evaluation.gates.actions import finish_gate, queue_gate, start_gate
from evaluation.models import Gate
from feedback.actions import withdraw_consent
from feedback.models import Subject
from serving.models import Promotion, Release
from serving.releases.actions import promote, roll_back
from serving.releases.champion import champion
from tests.support import serving_rows
from tests.support.people import person
from training.models import Run

pytestmark = [pytest.mark.django_db(transaction=True)]
LONGEST_PAUSE = 0.02
LONGEST_HEAD_START = 0.06
"""Seconds that the step may have before the withdrawal begins: some steps take that long, and both orders must come."""


class Steps:
    """What relies on consent: each makes the rows that it needs, and returns the step itself, and what it leaves."""

    def __init__(self, number):
        self.user, self.prompt = f"user-{number}", f"Where is town {number}?"

    def pair(self):
        self.made = serving_rows.accepted_pair(self.user, self.prompt)
        return self.made

    def accepted(self):
        """A pair that was undone, so that its subject has words and the case is open again."""
        pair = self.pair()
        Pair.objects.filter(pk=pair.pk).update(state=Pair.State.UNDONE)
        return lambda: Pair.objects.filter(pk=pair.pk).update(state=Pair.State.ACCEPTED)

    def frozen(self):
        pair = self.pair()
        return lambda: serving_rows.dataset(pair)

    def queued(self):
        rows = serving_rows.dataset(self.pair())
        return lambda: serving_rows.queued_run(rows)

    def prepared(self):
        run = serving_rows.queued_run(serving_rows.dataset(self.pair()))
        return lambda: Run.objects.filter(pk=run.pk).update(manifest={"rows": "written"})

    def finished(self):
        run = serving_rows.queued_run(serving_rows.dataset(self.pair()))
        return lambda: serving_rows.finish(run, f"{run.pk:064x}")

    def gated(self):
        run = serving_rows.finished_run(rows=serving_rows.dataset(self.pair()))
        return lambda: queue_gate(run, by="process:evaluator")

    def judged(self):
        run = serving_rows.finished_run(rows=serving_rows.dataset(self.pair()))
        gate = start_gate(queue_gate(run, by="process:evaluator").pk)
        return lambda: finish_gate(gate, [], "FAIL")

    def promoted(self):
        release, gate = serving_rows.candidate(rows=serving_rows.dataset(self.pair()), champion_run=champion().run)
        return lambda: promote(release, gate, by="process:test")

    def rolled_back(self):
        self.promoted()()
        learnt = champion()
        roll_back(by="process:test", to=Release.objects.get(number=0))
        return lambda: roll_back(by="process:test", to=learnt)


KINDS = [name for name in vars(Steps) if not name.startswith("_") and name != "pair"]


def in_a_thread(act, barrier, randomly, longest_wait):
    """Act, dawdle, commit. Returns when the commit began and when it was done, or None for a refusal."""
    try:
        barrier.wait()
        time.sleep(randomly.random() * longest_wait)
        with transaction.atomic():
            act()
            time.sleep(randomly.random() * LONGEST_PAUSE)
            began = time.monotonic()
        return began, time.monotonic()
    except (Refused, IntegrityError) as refused:
        assert "withdrawn" in str(refused) or "consent" in str(refused), refused
        return None
    finally:
        connection.close()


def interleave(number, kind):
    """Who came first: "step", "withdrawal", or "refused" where the step saw the withdrawal."""
    randomly = random.Random(number)
    steps = Steps(number)
    step = getattr(steps, kind)()
    subject = Subject.objects.get(pk=steps.made.subject_id)
    barrier = Barrier(2)
    acts = [step, lambda: withdraw_consent(subject, by="visitor")]
    waits = [LONGEST_PAUSE, LONGEST_HEAD_START]
    with ThreadPoolExecutor(2) as pool:
        stepped, withdrawn = pool.map(lambda act, wait: in_a_thread(act, barrier, randomly, wait), acts, waits)
    assert withdrawn is not None
    if stepped is None:
        return "refused"
    assert stepped[0] < withdrawn[1], f"{kind} was committed {stepped[0] - withdrawn[1]:.4f} s after the withdrawal"
    return "step"


def races(first, count):
    serving_rows.base_release()
    serving_rows.benchmark_versions()
    outcomes = Counter()
    for number in range(first, first + count):
        kind = KINDS[number % len(KINDS)]
        outcomes[kind, interleave(number, kind)] += 1
    return outcomes


def test_a_few_interleavings():
    outcomes = races(0, 3 * len(KINDS))
    assert sum(outcomes.values()) == 3 * len(KINDS)


@pytest.mark.slow
def test_a_thousand_interleavings():
    outcomes = races(1_000, 1_000)
    print(outcomes)
    for kind in KINDS:
        assert outcomes[kind, "step"] and outcomes[kind, "refused"], (kind, outcomes)
    assert not Pair.objects.filter(state="accepted", accepted_at__gt=timezone.now()).exists()
    assert Case.objects.exists() and Dataset.objects.exists() and Gate.objects.exists() and Promotion.objects.exists()


def test_consent_is_not_read_from_a_snapshot_of_before(connect_as):
    rows = serving_rows.dataset(serving_rows.accepted_pair())
    web = connect_as("web")
    web.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    with pytest.raises(psycopg.errors.RestrictViolation, match="READ COMMITTED, not REPEATABLE READ"):
        web.execute("SELECT curation_hold_consent(%s)", [rows.pk])


def test_a_withdrawal_waits_until_a_run_is_queued(connect_as):
    """The order of two commits, made visible: a lock that cannot be had at once."""
    pair = serving_rows.accepted_pair()
    rows = serving_rows.dataset(pair)
    web = connect_as("web")
    withdraw = """INSERT INTO feedback_consententry (subject_id, purpose, decision, wording_version, legal_basis,
        recorded_at, recorded_by) VALUES (%s, 'training', 'withdrawn', '2026-11', 'consent', now(), 'visitor')"""
    web.execute("SET lock_timeout = '200ms'")
    with transaction.atomic():
        serving_rows.queued_run(rows)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            web.execute(withdraw, [pair.subject_id])
    web.execute(withdraw, [pair.subject_id])
    person("mori", "engineer")
    with pytest.raises(IntegrityError, match="withdrawn or erased"):
        serving_rows.queued_run(rows)
