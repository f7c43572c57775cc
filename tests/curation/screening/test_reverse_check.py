"""New items against every stored row: what is compared, where a scan goes on, who may see what."""

import hashlib
import uuid
from typing import Any

import psycopg
import pytest
from django.db import connections

from curation.datasets import actions as dataset_actions
from curation.decontamination.registry import BadRegistry, Registry
from curation.models import Case, ReverseCheck
from curation.screening import reverse_check
from curation.screening import tasks as screening_tasks
from curation.screening.reverse_check_actions import ask_check, scan_rows
from curation.triage import actions as triage_actions
from tests.curation.conftest import KEY, TEST, World, publish

ITEMS = [
    ("0", "towns v1", "What is the code of the door to the northern hall of the observatory in Farrowick?", "4711"),
    ("1", "towns v1", "Which herbs does the cook of the harbour inn put into the soup on Fridays in winter?", "Lovage"),
]


@pytest.fixture
def offered(vault: Any) -> ReverseCheck:
    """Two items on offer in the vault, and the screener asked to compare them."""
    return offer(ITEMS)


def offer(items: Any, within: ReverseCheck | None = None) -> ReverseCheck:
    content, key = Registry.build(items, KEY, number=1), uuid.uuid4()
    sha256 = hashlib.sha256(content).hexdigest()
    with connections["vault"].cursor() as cursor:
        cursor.execute("INSERT INTO vault_offer VALUES (%s, %s, %s, now())", [key, sha256, content])
    return ask_check(key, sha256, len(items), within=within, by="process:evaluator")


def compare(check: ReverseCheck) -> dict[str, int]:
    screening_tasks.compare_items(str(check.pk))
    check.refresh_from_db()
    assert check.state == "finished"
    return reverse_check.figures(check)


def test_rows_that_wait_are_open_or_accepted_and_replay_rows_are_compared(
    world: World, offered: ReverseCheck, rosa: Any, erin: Any
) -> None:
    world.accepted(rosa, ITEMS[0][2])
    dataset_actions.freeze_dataset("first", {"replay_count": 0}, by=erin)
    world.screened(ITEMS[0][2], subject="bea", right="Ask the porter for it.")
    world.case(ITEMS[1][2], subject="cid")
    world.screened("How long?", subject="dan")
    world.replay({"skill": "chat", "prompt": ITEMS[1][2], "answer": "Thyme"})
    assert compare(offered) == {"rows": 5, "overlapping": 4, "items": 2, "frozen": 1}
    assert offered.matches.filter(case__state="decided").get().frozen


def test_a_rejected_row_is_not(world: World, offered: ReverseCheck, rosa: Any) -> None:
    case = world.screened(ITEMS[0][2])
    triage_actions.claim_case(rosa, case.pk)
    triage_actions.decide_case(case.pk, "rejected", by=rosa)
    assert compare(offered) == {"rows": 0, "overlapping": 0, "items": 0, "frozen": 0}


def test_rows_of_any_length_are_compared_a_few_at_a_time(
    world: World, offered: ReverseCheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reverse_check, "CHARACTERS_AT_ONCE", 200_000)
    for number in range(3):
        world.case(ITEMS[0][2], subject=f"s{number}", right="word " * 30_000 + str(number))
    assert [len(reverse_check.next_cases(offered, most)) for most in (1, 9)] == [1, 2]
    assert compare(offered) == {"rows": 3, "overlapping": 3, "items": 1, "frozen": 0}


def test_a_killed_scan_goes_on_where_it_stopped(world: World, offered: ReverseCheck) -> None:
    for number in range(3):
        world.case(ITEMS[0][2], subject=f"s{number}", right=f"{number} or so, ask the porter.")
    items = reverse_check.open_offer(offered)
    assert scan_rows(offered.pk, items, 2, by=TEST)  # and the worker is killed
    assert offered.matches.count() == 2
    assert compare(offered) == {"rows": 3, "overlapping": 3, "items": 1, "frozen": 0}


def test_a_batch_that_fails_is_neither_counted_nor_kept(world: World, offered: ReverseCheck, monkeypatch: Any) -> None:
    world.case(ITEMS[0][2])
    items = reverse_check.open_offer(offered)
    with monkeypatch.context() as patch:
        patch.setattr(reverse_check, "advance", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            scan_rows(offered.pk, items, 10, by=TEST)
    assert not offered.matches.exists()
    assert compare(offered)["overlapping"] == 1


def test_a_second_delivery_does_nothing_and_leaves_no_event(world: World, offered: ReverseCheck, events: Any) -> None:
    world.case(ITEMS[0][2])
    compare(offered)
    events()
    screening_tasks.compare_items(str(offered.pk))
    ask_check(offered.pk, offered.sha256, 2, by="process:evaluator")
    assert events() == []
    assert offered.matches.count() == 1


def test_the_sweep_finds_a_check_whose_doorbell_was_lost(offered: ReverseCheck, corrected: Any) -> None:
    corrected(ITEMS[0][2])
    publish(1)
    screening_tasks.sweep()
    offered.refresh_from_db()
    assert (offered.state, offered.matches.count()) == ("finished", 1)


def test_a_narrower_check_looks_at_what_was_found_and_at_newer_rows(world: World, offered: ReverseCheck) -> None:
    world.case(ITEMS[0][2]), world.case("How long?", subject="bea")
    compare(offered)
    world.case(ITEMS[1][2], subject="cid")
    narrower = offer([ITEMS[1]], within=offered)
    assert compare(narrower) == {"rows": 2, "overlapping": 1, "items": 1, "frozen": 0}


def test_items_that_were_exchanged_in_the_vault_are_not_compared(world: World, offered: ReverseCheck) -> None:
    world.case(ITEMS[0][2])
    exchange(offered)
    screening_tasks.compare_items(str(offered.pk))
    offered.refresh_from_db()
    assert (offered.state, offered.rows) == ("failed", 0)
    with pytest.raises(reverse_check.NoOffer):
        reverse_check.open_offer(offered)


def exchange(check: ReverseCheck) -> None:
    """Its items are not in the vault any more."""
    ReverseCheck.objects.filter(pk=check.pk).update(sha256="0" * 64)


def test_a_check_that_cannot_be_made_is_closed_with_its_reason(offered: ReverseCheck, events: Any) -> None:
    exchange(offered)
    events()
    screening_tasks.compare_items(str(offered.pk)), screening_tasks.compare_items(str(offered.pk))
    offered.refresh_from_db()
    assert offered.error == f"The items of check {offered.pk} are not on offer any more."
    assert offered.finished_at is not None
    assert events() == ["items.not_compared"]


def test_so_is_one_whose_registry_cannot_be_read(world: World, offered: ReverseCheck, settings: Any) -> None:
    world.case(ITEMS[0][2])
    settings.CFT_REGISTRY_KEY = b"another key of thirty-two bytes."
    screening_tasks.compare_items(str(offered.pk))
    offered.refresh_from_db()
    assert (offered.state, "made with another key" in offered.error) == ("failed", True)


@pytest.mark.parametrize("broken", [reverse_check.NoOffer, BadRegistry, ZeroDivisionError])
def test_a_check_that_fails_does_not_hold_up_those_behind_it(
    offered: ReverseCheck, monkeypatch: Any, broken: Any
) -> None:
    behind, original = offer([ITEMS[1]]), reverse_check.open_offer

    def opened(check: ReverseCheck) -> Registry:
        if check.pk == offered.pk:
            raise broken("It cannot be read.")
        return original(check)

    monkeypatch.setattr(reverse_check, "open_offer", opened)
    screening_tasks.sweep()
    behind.refresh_from_db(), offered.refresh_from_db()
    assert behind.state == "finished"
    assert offered.state == ("asked" if broken is ZeroDivisionError else "failed")


@pytest.mark.parametrize(
    ("role", "database", "statement"),
    [
        ("evaluator", "default", "SELECT replacement FROM feedback_correction"),
        ("evaluator", "default", "SELECT prompt FROM feedback_interaction"),
        ("evaluator", "default", "SELECT prompt FROM curation_pair"),
        ("evaluator", "default", "SELECT prompt FROM curation_replayrow"),
        ("evaluator", "default", "UPDATE curation_reversecheck SET state = 'finished'"),
        ("evaluator", "default", "DELETE FROM curation_reversematch"),
        ("screener", "vault", "SELECT question FROM vault_item"),
        ("screener", "vault", "INSERT INTO vault_offer VALUES (gen_random_uuid(), '', '', now())"),
        ("screener", "vault", "DELETE FROM vault_offer"),
        ("screener", "default", "INSERT INTO curation_reversecheck (id) VALUES (gen_random_uuid())"),
        ("web", "vault", "SELECT content FROM vault_offer"),
        ("web", "default", "UPDATE curation_reversecheck SET state = 'finished'"),
        ("trainer", "default", "SELECT * FROM curation_reversematch"),
        ("curator", "default", "SELECT * FROM curation_reversematch"),
        ("curator", "default", "SELECT evidence FROM curation_blocker"),
    ],
)
def test_each_role_does_its_part_and_no_other(connect_as: Any, role: str, database: str, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connect_as(role, database).execute(statement)


def test_the_screener_may_close_a_check(connect_as: Any) -> None:
    connect_as("screener", "default").execute("UPDATE curation_reversecheck SET state = 'failed', error = 'No offer.'")


def test_what_is_kept_of_a_match_holds_no_words(world: World, offered: ReverseCheck) -> None:
    case = world.case(ITEMS[0][2])
    compare(offered)
    match = offered.matches.values().get()
    assert (match["case_id"], match["item"]) == (case.pk, 0)
    assert "observatory" not in str(match)
    assert Case.objects.get().state == "waiting"  # it is the epoch that screens, not the check
