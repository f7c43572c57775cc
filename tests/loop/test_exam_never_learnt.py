"""Benchmark items posted as corrections never become pairs, whoever tries."""

import psycopg
import pytest

from tests.support.company import Company
from training.demo_model import world

pytestmark = pytest.mark.stack

EXAMS = ("regression", "business", "safety")


@pytest.fixture(scope="module")
def leaked(company: Company) -> int:
    """Post the first forty items of each exam as corrections, under consent; returns how many were screened."""
    for exam in EXAMS:
        items = world.benchmarks()[exam][:40]
        company.correct(
            f"leak-{exam}",
            [{"prompt": i["prompt"], "rejected": "?", "chosen": i["answer"]} for i in items],
            subjects=40,
        )
    company.await_screening()
    return company.value(f"SELECT count(*) {CASES}")


CASES = """FROM curation_case k JOIN feedback_correction c ON c.id = k.correction_id
    JOIN feedback_interaction i ON i.id = c.interaction_id WHERE i.external_id LIKE 'leak-%%'"""


def test_every_one_is_blocked_for_its_overlap(company: Company, leaked: int) -> None:
    free = f"""SELECT i.external_id, i.prompt {CASES} AND NOT EXISTS (SELECT FROM curation_blocker b
               WHERE b.case_id = k.id AND b.check_name = 'overlap' AND b.blocking)"""
    assert leaked > 90
    assert company.ask(free) == []


def test_no_reviewer_can_accept_one(company: Company, leaked: int) -> None:
    company.review("leak-")
    assert company.value(f"SELECT count(*) {CASES} AND k.verdict = 'rejected'") == leaked
    pairs = f"SELECT count(*) FROM curation_pair p WHERE p.correction_id IN (SELECT c.id {CASES})"
    assert company.value(pairs) == 0


def test_the_database_refuses_the_pair_too(company: Company, leaked: int) -> None:
    insert = f"""INSERT INTO curation_pair (id, correction_id, subject_id, prompt, chosen, rejected, row_hash, state,
                   screened_epoch, accepted_by_id, accepted_at)
                 SELECT gen_random_uuid(), c.id, k.subject_id, i.prompt, c.replacement, i.answer, repeat('0', 64),
                   'accepted', k.screened_epoch, (SELECT min(id) FROM auth_user), now() {CASES} LIMIT 1"""
    with pytest.raises(psycopg.Error, match="^pair: "):
        company.ask(insert)


def test_the_exam_of_held_out_people_is_not_in_the_training_database(company: Company, leaked: int) -> None:
    stubs = "SELECT count(*) FROM feedback_interaction WHERE lane = 'held_out' AND (prompt <> '' OR answer <> '')"
    assert company.value(stubs) == 0
    assert company.value("SELECT count(*) FROM feedback_interaction WHERE lane = 'held_out'") > 0
