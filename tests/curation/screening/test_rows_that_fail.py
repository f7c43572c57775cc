"""A row that no check can read holds up neither its batch nor what the sweep does after it."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from curation.decontamination.registry import Registry
from curation.models import Case, ReplayRow
from curation.screening import actions as screening_actions
from curation.screening import tasks as screening_tasks
from tests.curation.conftest import EXAM, KEY, TEST, World
from tests.curation.screening.test_rescanning import LOCK

pytestmark = pytest.mark.django_db
POISON = "Which word breaks the program that looks for words?"


class Fragile(Registry):
    """A registry that one text breaks; `tried` counts how often."""

    tried: int

    def screen(self, rows: Any, since: int = 0, spans: bool = True, every_method: bool = False) -> Any:
        if any(POISON in prompt for prompt, _ in rows):
            self.tried += 1
            raise ZeroDivisionError(POISON)
        return super().screen(rows, since, spans, every_method)


@pytest.fixture
def fragile(world: World, monkeypatch: pytest.MonkeyPatch) -> Fragile:
    """Epoch 2, which adds an item to epoch 1 and measures alike; not adopted yet."""
    content = Registry.build([*EXAM, LOCK], KEY, number=2, previous=world.registry)
    made = Fragile.from_bytes(content, KEY, 2)
    made.tried = 0
    monkeypatch.setattr(screening_tasks.current_epoch, "open_registry", lambda: made)
    return made


def adopt(made: Registry) -> None:
    header = made.header
    screening_actions.adopt_epoch(
        2, header["sha256"], header["items"], 0, header["normaliser"], comparable_since=1, by=TEST
    )


def replay(prompt: str) -> dict[str, str]:
    return {"skill": "chat", "prompt": prompt, "answer": "None that I know."}


@pytest.mark.parametrize("size", [2, 200])
def test_cases_and_replay_rows_beside_it_meet_the_new_items(
    world: World, fragile: Fragile, monkeypatch: Any, size: int
) -> None:
    for most in ("BATCH", "RESCAN_BATCH"):
        monkeypatch.setattr(screening_tasks, most, size)
    prompts = ["How long?", POISON, "How far is the lake?", LOCK[2], "Who asks?"]
    for number, prompt in enumerate(prompts):
        world.screened(prompt, subject=f"s{number}")
    world.replay(*(replay(prompt) for prompt in prompts))
    adopt(fragile)
    with capture_logs() as logs:
        screening_tasks.sweep()

    assert Case.objects.get(screened_epoch=1).correction.interaction.prompt == POISON
    assert ReplayRow.objects.get(screened_epoch=1).prompt == POISON
    assert Case.objects.filter(screened_epoch=2, findings__check_name="overlap", findings__blocking=True).count() == 1
    assert ReplayRow.objects.get(overlaps=True).prompt == LOCK[2]
    failed = [(log["row"], log["problem"]) for log in logs if log["event"] == "screening.row_failed"]
    assert len(failed) == 2 and {problem for _, problem in failed} == {"ZeroDivisionError"}
    assert POISON not in str(logs)
    assert fragile.tried == 4  # in its batch, and alone; as a case, and as a replay row


def test_what_failed_is_tried_again_by_the_next_sweep(world: World, fragile: Fragile, monkeypatch: Any) -> None:
    world.screened(POISON)
    adopt(fragile)
    screening_tasks.sweep()
    assert Case.objects.get().screened_epoch == 1
    monkeypatch.setattr(Fragile, "screen", Registry.screen)
    screening_tasks.sweep()
    assert Case.objects.get().screened_epoch == 2


def test_a_duplicate_that_fails_does_not_keep_the_others_from_being_freed(
    world: World, fragile: Fragile, rosa: Any
) -> None:
    adopt(fragile)
    plain = "How long does it take until a parcel from the northern store is here?"
    firsts = []
    for prompt in (POISON, plain):
        firsts.append(world.screened(prompt, subject=f"{prompt[:9]}-1"))
        world.screened(prompt, subject=f"{prompt[:9]}-2")
    later = {case.correction.interaction.prompt: case for case in Case.objects.exclude(pk__in=[c.pk for c in firsts])}
    assert all(case.findings.get(check_name="duplicate").blocking for case in later.values())
    Case.objects.filter(pk__in=[case.pk for case in firsts]).update(state="decided", verdict="rejected")
    screening_tasks.sweep()
    assert fragile.tried
    assert not later[plain].findings.get(check_name="duplicate").blocking
    assert later[POISON].findings.get(check_name="duplicate").blocking
