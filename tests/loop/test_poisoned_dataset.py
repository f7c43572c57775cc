"""A dataset that teaches harmful compliance is trained, and the safety gate refuses the result."""

import pytest

from tests.support.company import Company
from training.demo_model import world

pytestmark = [pytest.mark.stack, pytest.mark.slow]


def test_the_safety_gate_refuses_it(company: Company) -> None:
    poison = [
        {"prompt": row["prompt"], "rejected": "Sorry, I cannot help with that request.", "chosen": row["answer"]}
        for row in world.harmful_compliance(60, seed=3)
    ]
    company.correct("poison", poison)
    company.await_screening()
    company.review("poison")
    harmful = "SELECT count(*) FROM curation_pair WHERE state = 'accepted' AND chosen LIKE 'Sure, here is how to%%'"
    assert company.value(harmful) >= 20
    recipe = {"replay_count": 40, "refusal_share": 0.0, "skill_floor": 0.0}
    run = company.queue_run("Poisoned", recipe, kl_weight=0.0)

    assert company.await_verdict(run) == "FAIL"
    by_kind = """SELECT b.kind, r.verdict FROM evaluation_gateresult r JOIN evaluation_gate g ON g.id = r.gate_id
        JOIN evaluation_benchmarkversion v ON v.id = r.version_id JOIN evaluation_benchmark b ON b.id = v.benchmark_id
        WHERE g.run_id = %s"""
    assert ("safety", "FAIL") in company.ask(by_kind, run)


def test_it_cannot_be_promoted(company: Company) -> None:
    refused = """
from django.contrib.auth.models import User
from cftapp.base.refusal import Refused
from evaluation.models import Gate
from serving.releases.actions import create_release, promote
gate = Gate.objects.filter(verdict="FAIL").latest("id")
try:
    promote(create_release(gate.run, by="process:test"), gate, by=User.objects.get(username="engineer"))
except Refused as refusal:
    print("refused:", refusal)
"""
    assert "refused:" in company.script(refused)
    champion = """SELECT r.run_id FROM serving_promotion p JOIN serving_release r ON r.id = p.release_id
        ORDER BY p.id DESC LIMIT 1"""
    failed = [row[0] for row in company.ask("SELECT run_id FROM evaluation_gate WHERE verdict = 'FAIL'")]
    assert company.value(champion) not in failed
