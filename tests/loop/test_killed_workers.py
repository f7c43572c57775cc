"""kill -9 of each process in the middle of its work: the loop still ends, nothing is lost, nothing is done twice."""

import pytest

from tests.support.company import Company
from tests.support.stack import wait_for
from training.demo_model import world

pytestmark = [pytest.mark.stack, pytest.mark.slow]


@pytest.fixture(scope="module")
def run(company: Company) -> int:
    """A run whose data, training and gate each lost their process half-way."""
    rows = world.corrections(240, seed=5)[96:]
    company.correct("kill", rows)
    company.stack.kill("screener")
    company.stack.kill("sealer")
    company.stack.kill("redis")
    company.correct("kill", rows)  # the application does not know what arrived, so it posts everything again
    company.stack.restart("web")
    wait_for(company.stack.is_ready, 90, "the stack after its processes were killed")
    company.await_screening()
    company.review("kill")
    run = company.queue_run("Killed", {"replay_count": 300})
    step = "SELECT step FROM training_run WHERE id = %s"
    wait_for(lambda: (company.value(step, run) or 0) >= 10, 200, "the run to be under way")
    company.stack.kill("trainer")
    grading = "SELECT count(*) FROM evaluation_gate WHERE run_id = %s AND state = 'running'"
    wait_for(lambda: company.value(grading, run), 400, "the gate to be under way")
    company.stack.kill("evaluator")
    company.stack.kill("curator")
    company.stack.kill("beat")
    company.await_verdict(run)
    return run


def test_every_correction_has_one_case_and_every_case_is_screened(company: Company, run: int) -> None:
    mine = "FROM feedback_interaction i WHERE i.external_id LIKE 'kill-%%'"
    posted = len(world.corrections(240, seed=5)[96:])
    assert company.value(f"SELECT count(*) {mine}") == posted
    training = company.value(f"SELECT count(*) {mine} AND i.lane = 'training'")
    corrections = f"SELECT count(*) FROM feedback_correction c WHERE c.interaction_id IN (SELECT i.id {mine})"
    assert company.value(corrections) == training
    cases = """SELECT count(*), count(DISTINCT k.correction_id) FROM curation_case k
        JOIN feedback_correction c ON c.id = k.correction_id JOIN feedback_interaction i ON i.id = c.interaction_id
        WHERE i.external_id LIKE 'kill-%%' AND k.state <> 'waiting'"""
    assert company.ask(cases) == [(training, training)]


def test_the_vault_got_each_held_out_text_once(company: Company, run: int) -> None:
    stubs = "SELECT count(*) FROM feedback_interaction WHERE lane = 'held_out' AND external_id LIKE 'kill-%%'"
    inside = """SELECT count(*) FROM vault_mailboxentry WHERE kind = 'interaction'
        AND interaction_id = ANY (%s)"""
    ids = [row[0] for row in company.ask(stubs.replace("count(*)", "id"))]
    assert company.ask(inside, ids, database="VAULT_DATABASE_URL") == [(len(ids),)]


@pytest.mark.parametrize(
    ("event", "kind"), [("run.finished", "run"), ("gate.finished", "gate"), ("release.created", "release")]
)
def test_each_step_happened_once(company: Company, run: int, event: str, kind: str) -> None:
    object_of = {
        "run": "SELECT %s::text",
        "gate": "SELECT id::text FROM evaluation_gate WHERE run_id = %s",
        "release": "SELECT id::text FROM serving_release WHERE run_id = %s",
    }[kind]
    number = wait_for(lambda: company.value(object_of, run), 60, f"the {kind} of run {run}")
    counted = """SELECT count(DISTINCT e.id) FROM audit_event e JOIN audit_edge g ON g.event_id = e.id
        WHERE e.name = %s AND g.kind = %s AND g.object_id = %s"""
    assert company.value(counted, event, kind, number) == 1


def test_the_run_was_resumed_and_has_one_adapter(company: Company, run: int) -> None:
    attempts, adapter = company.ask("SELECT attempt, adapter_sha256 FROM training_run WHERE id = %s", run)[0]
    assert attempts >= 2
    assert len(adapter) == 64


def test_the_log_verifies(company: Company, run: int) -> None:
    unsealed = "SELECT count(*) FROM audit_event e WHERE NOT EXISTS (SELECT FROM audit_leaf l WHERE l.event_id = e.id)"
    wait_for(lambda: company.value(unsealed) == 0, 120, "the sealer")
    assert "The log verifies." in company.stack.manage("verify_log")
