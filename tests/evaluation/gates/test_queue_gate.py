"""What is pinned when a gate is queued, and what PostgreSQL keeps as it was."""

import pytest
from django.db import DatabaseError, connection, transaction

from audit.models import Edge, Event
from cftapp.base.refusal import Refused
from curation.models import DatasetRow, RegistryEpoch, ReplayRow
from evaluation import tasks
from evaluation.gates import champion
from evaluation.gates.actions import queue_gate
from evaluation.models import Gate
from tests.evaluation.conftest import make_run, rows, with_verdict
from training.models import Run

pytestmark = pytest.mark.django_db


def test_the_newest_versions_are_pinned(publish, run, engineer):
    publish("towns", items=rows(5))
    newer = publish("towns", items=rows(6))
    other = publish("rivers", "business", items=rows(5, "rivers"))
    gate = queue_gate(run, by=engineer)
    assert set(gate.versions.all()) == {newer, other}
    publish("towns", items=rows(7))
    assert set(gate.versions.all()) == {newer, other}
    event = Event.objects.get(name="gate.queued")
    edges = set(Edge.objects.filter(event=event).values_list("relation", "kind", "object_id"))
    assert edges == {
        ("used", "run", str(run.pk)),
        ("used", "benchmark_version", str(newer.pk)),
        ("used", "benchmark_version", str(other.pk)),
        ("generated", "gate", str(gate.pk)),
    }


def test_one_open_gate_a_run(run, three_kinds, engineer):
    queue_gate(run, by=engineer)
    with pytest.raises(Refused, match="not finished"):
        queue_gate(run, by=engineer)
    assert Gate.objects.count() == 1


def test_another_gate_may_follow_a_verdict(run, three_kinds, engineer):
    with_verdict(queue_gate(run, by=engineer), "FAIL")
    assert queue_gate(run, by=engineer).state == Gate.State.QUEUED


def test_only_a_finished_run_sits_the_exam(dataset, three_kinds, engineer):
    waiting = Run.objects.create(dataset=dataset, recipe={}, base_model="base", created_by=engineer)
    with pytest.raises(Refused, match="queued"):
        queue_gate(waiting, by=engineer)


def test_the_task_opens_one_gate_against_the_champion(run, dataset, three_kinds, engineer, monkeypatch):
    winner = make_run(dataset, engineer, "c" * 64)
    monkeypatch.setattr(champion, "_ask", lambda: winner)
    tasks.open_gate(str(run.pk))
    tasks.open_gate(str(run.pk))
    gate = Gate.objects.get()
    assert (gate.run, gate.champion_run, gate.requested_by) == (run, winner, "process:evaluator")


def test_without_a_word_from_serving_no_gate_opens(run, three_kinds, monkeypatch):
    monkeypatch.setattr(champion, "_ask", None)
    with pytest.raises(RuntimeError, match="names the champion"):
        tasks.open_gate(run.pk)
    assert not Gate.objects.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE evaluation_gate SET verdict = 'INCONCLUSIVE'",
        "UPDATE evaluation_gate SET state = 'queued', verdict = ''",
        "DELETE FROM evaluation_gate",
        "UPDATE evaluation_gateresult SET verdict = 'PASS'",
        "DELETE FROM evaluation_gateresult",
        "DELETE FROM evaluation_gate_versions",
    ],
)
def test_a_verdict_is_final(run, three_kinds, engineer, statement):
    with_verdict(queue_gate(run, by=engineer), "FAIL")
    with pytest.raises(DatabaseError, match="is refused"), transaction.atomic():
        connection.cursor().execute(statement)


def test_pass_takes_a_passed_result_of_every_pinned_version(run, three_kinds, engineer):
    gate = queue_gate(run, by=engineer)
    with pytest.raises(DatabaseError, match="cannot be PASS"), transaction.atomic():
        Gate.objects.filter(pk=gate.pk).update(state="finished", verdict="PASS")


def test_pass_takes_all_three_kinds(publish, run, engineer):
    publish("towns", "regression")
    publish("attacks", "safety", items=rows(5, "attacks"))
    gate = queue_gate(run, by=engineer)
    with pytest.raises(DatabaseError, match="cannot be PASS"), transaction.atomic():
        with_verdict(gate, "PASS")


def test_nothing_is_pinned_after_the_claim(run, publish, three_kinds, engineer):
    gate = queue_gate(run, by=engineer)
    Gate.objects.filter(pk=gate.pk).update(fencing_token=1)
    easy = publish("easy", items=rows(3, "easy"))
    with pytest.raises(DatabaseError, match="already claimed"), transaction.atomic():
        gate.versions.add(easy)


@pytest.mark.parametrize("column", ["run_id", "champion_run_id", "anchor_run_id"])
def test_contestants_are_pinned(run, dataset, three_kinds, engineer, column):
    queue_gate(run, by=engineer)
    other = make_run(dataset, engineer, "d" * 64)
    with pytest.raises(DatabaseError, match="pinned when the gate is queued"), transaction.atomic():
        connection.cursor().execute(f"UPDATE evaluation_gate SET {column} = %s", [other.pk])


def test_a_candidate_that_learnt_the_exam_does_not_sit_it(publish, run, three_kinds, engineer):
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        row = ReplayRow.objects.create(skill="sum", prompt="2 + 2", answer="4", row_hash="d" * 64, screened_epoch=3)
        DatasetRow.objects.create(dataset=run.dataset, position=0, row_hash="d" * 64, replay_row=row)
        cursor.execute("SET session_replication_role = DEFAULT")
    assert queue_gate(make_run(run.dataset, engineer, "e" * 64), by=engineer).state == Gate.State.QUEUED
    publish("sums", items=rows(5, "sums"))
    with pytest.raises(Refused, match="not compared with the newest benchmarks"):
        queue_gate(run, by=engineer)
    ReplayRow.objects.update(screened_epoch=RegistryEpoch.objects.current().number, overlaps=True)
    tasks.open_gate(str(run.pk))
    assert not run.gates.exists()


@pytest.mark.parametrize(
    "facts", [{"state": "finished", "verdict": "FAIL"}, {"state": "running"}, {"fencing_token": 1}]
)
def test_a_gate_begins_without_a_verdict(run, facts):
    with pytest.raises(DatabaseError, match="begins as queued"), transaction.atomic():
        Gate.objects.create(run=run, requested_by="process:web", **facts)
