"""An override is of what people saw: every item that was listed then, and none that comes later."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from cftapp.base.refusal import Refused
from curation.datasets import actions as dataset_actions
from curation.decontamination.registry import Registry
from curation.models import Blocker, Case, Override, Pair
from curation.screening import actions as screening_actions
from curation.triage import actions as triage_actions
from curation.triage.override_actions import confirm_override, request_override
from tests.curation.conftest import EXAM, KEY, TEST, World, adopt
from tests.support.people import person, signed_in

pytestmark = pytest.mark.django_db

LIGHT = (
    "item-light",
    "coast v1",
    "Which lighthouse keeper painted the northern gallery of Vessel Point in the winter of 1931, and with which of the"
    " three pigments did he do it?",
    "",
)
FERRY = (
    "item-ferry",
    "coast v1",
    "How many crates of lemons did the ferry Halcyon carry from Port Amber on the morning when her captain forgot the"
    " ship's ledger on the quay?",
    "",
)
PROMPT = f"Please help me with these. {EXAM[0][2]}\nAnd: {LIGHT[2]}\nAnd: {FERRY[2]}"
WHY = "Riddles that are printed everywhere."


@pytest.fixture
def lea(db: None) -> User:
    return person("lea", "lead")


def registry_of(number: int, *items: Any) -> Registry:
    return Registry.from_bytes(Registry.build([*EXAM, *items], KEY), KEY, number=number)


def screened_under(case: Case, registry: Registry) -> Case:
    adopt(registry)
    screening_actions.screen_case(case.pk, registry, by=TEST)
    return Case.objects.get(pk=case.pk)


@pytest.fixture
def blocked(world: World) -> Case:
    """A case that holds three items, of which two are protected."""
    return screened_under(world.case(PROMPT, right="Twenty."), registry_of(2, LIGHT))


def let_pass(case: Case, rosa: User, lea: User) -> Override:
    return confirm_override(request_override(case.pk, "overlap", WHY, by=rosa).pk, by=lea)


def accept(case: Case, by: User) -> Pair:
    triage_actions.claim_case(by, case.pk)
    triage_actions.decide_case(case.pk, "accepted", by=by)
    return Pair.objects.get(correction=case.correction_id)


def items_of(case: Case) -> set[str]:
    evidence = Blocker.objects.get(case=case, check_name="overlap").evidence
    return {evidence["item"], *(other["item"] for other in evidence.get("others", ()))}


def test_it_covers_all_that_were_listed(blocked: Case, rosa: User, lea: User, erin: User) -> None:
    assert items_of(blocked) == {"item-train", "item-light"}
    held = let_pass(blocked, rosa, lea)
    assert "and 1 more" in held.substance
    assert accept(blocked, rosa).state == "accepted"
    dataset = dataset_actions.freeze_dataset("All", {"replay_count": 0}, by=erin)
    (listed,) = dataset.report["overrides"]
    assert {listed["item"], listed["others"][0]["item"]} == {"item-train", "item-light"}


def test_an_item_that_a_later_scan_finds_blocks_again(blocked: Case, rosa: User, lea: User) -> None:
    let_pass(blocked, rosa, lea)
    case = screened_under(blocked, registry_of(3, LIGHT, FERRY))
    assert items_of(case) == {"item-train", "item-light", "item-ferry"}
    with pytest.raises(Refused, match="overlaps"):
        accept(case, rosa)
    let_pass(case, rosa, lea)
    assert accept(case, rosa).state == "accepted"


def test_the_strongest_does_not_hide_the_next(world: World, rosa: User, lea: User) -> None:
    """As when an override named one item only: the next one stood in the row, and nobody had seen it."""
    case = screened_under(world.case(PROMPT, right="Twenty."), registry_of(2))
    let_pass(case, rosa, lea)
    case = screened_under(case, registry_of(3, LIGHT))
    with pytest.raises(Refused, match="overlaps"):
        accept(case, rosa)


def test_fewer_than_were_listed_are_covered(blocked: Case, rosa: User, lea: User) -> None:
    let_pass(blocked, rosa, lea)
    case = screened_under(blocked, registry_of(3))
    assert items_of(case) == {"item-train"}
    with pytest.raises(Refused, match="asked for this already"):
        request_override(case.pk, "overlap", WHY, by=rosa)
    assert accept(case, rosa).screened_epoch == 3


def test_a_request_is_confirmed_of_what_is_left_and_not_of_more(blocked: Case, rosa: User, lea: User) -> None:
    asked = request_override(blocked.pk, "overlap", WHY, by=rosa)
    screened_under(blocked, registry_of(3, LIGHT, FERRY))
    with pytest.raises(Refused, match="is not what this was asked for"):
        confirm_override(asked.pk, by=lea)
    case = screened_under(blocked, registry_of(4))
    confirm_override(asked.pk, by=lea)
    assert accept(case, rosa).state == "accepted"


def test_where_there_are_more_than_are_listed_it_lasts_for_the_epoch(world: World, rosa: User, lea: User) -> None:
    many = [(f"i{n}", "b v1", " ".join(f"w{n}x{word}" for word in range(20)), "") for n in range(12)]
    words = "\n".join(item[2] for item in many)
    case = screened_under(world.case(words, right="Twenty."), registry_of(2, *many))
    assert Blocker.objects.get(case=case, check_name="overlap").evidence["more_in_epoch"] == 2
    let_pass(case, rosa, lea)
    again = screened_under(case, registry_of(3, *many))
    with pytest.raises(Refused, match="overlaps"):
        accept(again, rosa)


def test_one_of_before_that_named_one_item_covers_that_one(world: World, rosa: User, lea: User) -> None:
    case = screened_under(world.case(PROMPT, right="Twenty."), registry_of(2))
    held = let_pass(case, rosa, lea)
    assert held.substance == "overlap containment exam v1 item-train"
    assert accept(screened_under(case, registry_of(3)), rosa).state == "accepted"


# --- pages ------------------------------------------------------------------------------------------------------------
def test_the_case_lists_and_marks_them_all(blocked: Case, rosa: User) -> None:
    page = signed_in(rosa).get(f"/curation/bench/?case={blocked.pk}").content.decode()
    assert "2 items: an override covers these and no other" in page
    assert "coast v1" in page and "exam v1" in page
    assert '<mark title="Held-out overlap: coast v1">' in page and '<mark title="Held-out overlap: exam v1">' in page


def test_the_lead_sees_them_all(blocked: Case, rosa: User, lea: User) -> None:
    request_override(blocked.pk, "overlap", WHY, by=rosa)
    page = signed_in(lea).get("/curation/overrides/").content.decode()
    assert "2 items: an override covers these and no other" in page and "coast v1" in page


def test_rest_lists_them(blocked: Case, rosa: User) -> None:
    client: Client = signed_in(rosa)
    body = {"case": blocked.pk, "check_name": "overlap", "reason": WHY}
    made = client.post("/api/v1/overrides/", body, content_type="application/json").json()
    assert [other["benchmark"] for other in made["finding"]["evidence"]["others"]]
