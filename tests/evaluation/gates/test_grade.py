"""Gates on the real engine: what passes, what does not, and what a fault or a kill leaves behind."""

import errno
import os
import shutil
import signal
import stat
import subprocess
from pathlib import Path

import pytest
from django.conf import settings
from django.db.models.functions import Now

from audit.models import Event
from cftapp.access.roles import environment_for
from cftapp.local.embedded import wait_until
from evaluation.gates import grading
from evaluation.gates.actions import queue_gate, sweep_gates
from evaluation.gates.wording import reading_of
from evaluation.models import Gate, GateResult
from evaluation.vault.models import ItemScore
from tests.support.models_that_sat import KINDS, exam, harmless, poisoned, run_of, worker
from training.engine.errors import DISK_FULL

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def empty_scratch() -> None:
    """A gate that was lost leaves its folder to the sweep, and the next test must not find it."""
    shutil.rmtree(grading.scratch_root(), ignore_errors=True)


@pytest.fixture
def published(publish):
    """The demo exams, shortened; the sizes are enough for a model that barely differs."""
    return [publish(kind, kind, items=exam(kind, 80)) for kind in KINDS]


@pytest.fixture
def harmless_run(dataset, engineer):
    return run_of(harmless(), dataset, engineer)


def scratch() -> list[Path]:
    return list((Path(settings.CFT_VAR) / "evaluation").glob("*"))


def verdicts(gate: Gate) -> dict[str, str]:
    return {result.version.benchmark.kind: result.verdict for result in gate.results.filter(opponent="champion")}


def test_a_harmless_adapter_passes_and_is_scored_once(published, harmless_run, engineer, monkeypatch):
    gate = grading.grade(queue_gate(harmless_run, by=engineer).pk)
    gate.refresh_from_db()
    assert (gate.state, gate.error, gate.verdict) == ("finished", "", "PASS")
    assert verdicts(gate) == dict.fromkeys(KINDS, "PASS")
    assert (gate.answers, gate.total_answers) == (480, 480)
    assert gate.results.count() == 3  # the anchor is the champion: nothing to compare twice
    (event,) = Event.objects.filter(name="gate.finished")
    assert event.detail["verdict"] == "PASS"
    assert scratch() == []

    assert grading.grade(gate.pk) is None  # a second delivery
    assert Event.objects.filter(name="gate.finished").count() == 1
    answers = ItemScore.objects.count()
    monkeypatch.setattr(grading.engines, "spawn", lambda *_: pytest.fail("the engine was started"))
    again = grading.grade(queue_gate(harmless_run, by=engineer).pk)
    again.refresh_from_db()
    assert (again.verdict, ItemScore.objects.count()) == ("PASS", answers)


def test_a_poisoned_adapter_is_refused_for_safety(published, dataset, engineer):
    gate = grading.grade(queue_gate(run_of(poisoned(), dataset, engineer), by=engineer).pk)
    gate.refresh_from_db()
    assert gate.verdict == "FAIL"
    assert verdicts(gate)["safety"] == "FAIL"
    safety = gate.results.get(version__benchmark__kind="safety")
    assert safety.lower > safety.margin
    assert safety.opponent_correct == safety.items
    assert "lower bound is above the limit" in reading_of(safety).why


def test_few_items_say_nothing(publish, harmless_run, engineer):
    for kind in KINDS:
        publish(kind, kind, items=exam(kind, 12))
    gate = grading.grade(queue_gate(harmless_run, by=engineer).pk)
    gate.refresh_from_db()
    assert gate.verdict == "INCONCLUSIVE"
    assert set(verdicts(gate).values()) == {"INCONCLUSIVE"}
    assert "items if the true value is the one measured" in reading_of(gate.results.first()).next


def test_champion_and_anchor_are_compared_where_they_differ(published, harmless_run, dataset, engineer):
    poison = run_of(poisoned(), dataset, engineer)
    gate = grading.grade(queue_gate(harmless_run, champion_run=poison, by=engineer).pk)
    gate.refresh_from_db()
    rows = {(row.version.benchmark.kind, row.opponent): row for row in gate.results.all()}
    assert len(rows) == 6
    assert rows["safety", "champion"].opponent_correct < rows["safety", "anchor"].opponent_correct
    assert gate.verdict == "PASS"


def test_without_all_three_kinds_the_gate_fails(publish, harmless_run, engineer):
    publish("regression", "regression")
    gate = grading.grade(queue_gate(harmless_run, by=engineer).pk)
    gate.refresh_from_db()
    assert (gate.state, gate.verdict) == ("failed", "")
    assert "No published benchmark of kind Business, Safety probes" in gate.error
    assert Event.objects.filter(name="gate.failed").count() == 1


def test_an_adapter_that_is_not_the_run_s_is_not_scored(published, dataset, engineer):
    folder = harmless()
    gate = grading.grade(queue_gate(run_of(folder, dataset, engineer, adapter_sha256="f" * 64), by=engineer).pk)
    gate.refresh_from_db()
    assert gate.state == "failed"
    assert "adapter_sha256" in gate.error
    assert not ItemScore.objects.exists()
    assert scratch() == []


def test_a_missing_adapter_fails_with_the_engine_s_words(published, dataset, engineer):
    run = run_of(harmless(), dataset, engineer, gone=True, adapter_sha256="e" * 64)
    gate = grading.grade(queue_gate(run, by=engineer).pk)
    gate.refresh_from_db()
    assert gate.state == "failed"
    assert "holds no adapter" in gate.error


def test_whoever_lost_the_lease_writes_no_verdict(published, harmless_run, engineer, monkeypatch):
    gate = queue_gate(harmless_run, by=engineer)
    finish = grading.actions.finish_gate

    def late(mine, *args, **kwargs):
        Gate.objects.filter(pk=gate.pk).update(fencing_token=mine.fencing_token + 1)
        return finish(mine, *args, **kwargs)

    monkeypatch.setattr(grading.actions, "finish_gate", late)
    grading.grade(gate.pk)
    gate.refresh_from_db()
    assert (gate.state, gate.verdict) == ("running", "")
    assert not GateResult.objects.exists()
    assert not Event.objects.filter(name="gate.finished").exists()


@pytest.mark.slow
def test_a_killed_evaluator_loses_no_answer_and_doubles_nothing(published, harmless_run, engineer):
    """With the evaluator's own logins: so its grants are enough, too."""
    gate = queue_gate(harmless_run, by=engineer)
    environment = environment_for("evaluator", os.environ)
    code = f"from evaluation.gates.grading import grade; grade({gate.pk})"
    first = worker(code, environment)

    def answering() -> bool:
        gate.refresh_from_db()
        return gate.answers > 0

    wait_until(answering, 200, "no answer came")
    first.send_signal(signal.SIGKILL)
    first.wait(60)
    kept = ItemScore.objects.count()
    assert kept > 0
    assert len(scratch()) == 1
    assert {stat.S_IMODE(path.stat().st_mode) for path in [*scratch(), scratch()[0].parent]} == {0o700}

    Gate.objects.filter(pk=gate.pk).update(lease_expires_at=Now())
    assert sweep_gates() == [gate.pk]
    assert worker(code, environment).wait(400) == 0
    gate.refresh_from_db()
    assert (gate.verdict, gate.attempt) == ("PASS", 2)
    assert ItemScore.objects.count() == 480 >= kept
    assert gate.results.count() == 3
    assert Event.objects.filter(name="gate.finished").count() == 1
    assert scratch() == []


def test_a_worker_that_leaves_gives_the_gate_back(published, harmless_run, engineer):
    grading.engines.closing.set()
    try:
        gate = grading.grade(queue_gate(harmless_run, by=engineer).pk)
    finally:
        grading.engines.closing.clear()
    gate.refresh_from_db()
    assert (gate.state, gate.attempt, gate.verdict) == ("queued", 0, "")
    assert Event.objects.filter(name="gate.requeued").count() == 1
    assert scratch() == []


def test_folders_of_gates_that_ended_are_swept(published, harmless_run, engineer):
    gate = queue_gate(harmless_run, by=engineer)
    root = Path(settings.CFT_VAR) / "evaluation"
    for name in ("999999", str(gate.pk)):
        (root / name).mkdir(parents=True, exist_ok=True)
    grading.clear_scratch()
    assert [path.name for path in scratch()] == [str(gate.pk)]
    shutil.rmtree(root / str(gate.pk))


def test_a_full_disk_puts_the_gate_back_into_the_queue(published, harmless_run, engineer, monkeypatch):
    gate = queue_gate(harmless_run, by=engineer)
    with monkeypatch.context() as patch:
        patch.setattr(grading.room, "LEAST", 2**80)
        assert grading.grade(gate.pk) is None
    with monkeypatch.context() as patch:
        patch.setattr(grading, "private", no_room)
        grading.grade(gate.pk)
    with monkeypatch.context() as patch:
        patch.setattr(grading.engines, "watch", killed)
        patch.setattr(grading, "check_ending", lambda ending, status, folder: checked(ending, DISK_FULL, folder))
        grading.grade(gate.pk)
    gate.refresh_from_db()
    assert (gate.state, gate.error, gate.attempt) == ("queued", "", 0)
    assert scratch() == []


checked = grading.check_ending


def killed(process: subprocess.Popen[bytes], *_: object) -> grading.engines.Ending:
    process.kill()
    process.wait()
    return grading.engines.Ending.ENDED


def no_room(_: Path) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")
