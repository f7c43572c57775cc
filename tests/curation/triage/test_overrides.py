"""Two people let one finding pass: who may, of what, and that nothing else is let pass with it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from audit.models import Event
from cftapp.base.refusal import Refused
from curation.datasets import actions as dataset_actions
from curation.datasets import freezing
from curation.decontamination.registry import Registry
from curation.models import Blocker, Case, Dataset, DatasetRow, Override, Pair
from curation.screening import actions as screening_actions
from curation.triage import actions as triage_actions
from curation.triage.override_actions import confirm_override, decline_override, request_override, withdraw_override
from tests.curation.conftest import EXAM, KEY, TEST, World, adopt
from tests.support.people import person

pytestmark = pytest.mark.django_db

LEAK = EXAM[0][2]
WHY = "The customer quotes a timetable that is printed everywhere."


@pytest.fixture
def lea(db: None) -> User:
    return person("lea", "lead")


@pytest.fixture
def lou(db: None) -> User:
    return person("lou", "lead")


@pytest.fixture
def blocked(world: World) -> Case:
    """A case that quotes a protected item."""
    case = world.screened(LEAK, right="Twenty.")
    assert Blocker.objects.get(case=case, blocking=True).check_name == "overlap"
    return case


@pytest.fixture
def let_pass(blocked: Case, rosa: User, lea: User) -> Case:
    """The same case, with an override that lea confirmed."""
    asked = request_override(blocked.pk, "overlap", WHY, by=rosa)
    confirm_override(asked.pk, by=lea)
    return blocked


def accept(case: Case, by: User) -> Pair:
    triage_actions.claim_case(by, case.pk)
    triage_actions.decide_case(case.pk, "accepted", by=by)
    return Pair.objects.get(correction=case.correction_id)


def rescreen(case: Case, number: int, items: Any) -> Registry:
    """Adopt the next epoch, of these items, and screen the case under it."""
    registry = Registry.from_bytes(Registry.build(items, KEY), KEY, number=number)
    adopt(registry)
    screening_actions.screen_case(case.pk, registry, by=TEST)
    return registry


def test_a_request_alone_lets_nothing_pass(blocked: Case, rosa: User) -> None:
    request_override(blocked.pk, "overlap", WHY, by=rosa)
    with pytest.raises(Refused, match="overlaps"):
        accept(blocked, rosa)
    assert not Pair.objects.exists()


def test_a_confirmed_override_lets_the_case_become_a_pair_and_be_frozen(let_pass: Case, rosa: User, erin: User) -> None:
    pair = accept(let_pass, rosa)
    dataset = dataset_actions.freeze_dataset("All", {"replay_count": 0}, by=erin)
    assert DatasetRow.objects.get(dataset=dataset).pair == pair
    freezing.refuse_exam(dataset)  # neither does a run


def test_both_people_are_in_the_log_and_the_reason_is_not(let_pass: Case, rosa: User, lea: User) -> None:
    asked, confirmed = Event.objects.filter(name__startswith="override.").order_by("id")
    assert (asked.name, asked.actor) == ("override.requested", f"user:{rosa.pk}")
    assert (confirmed.name, confirmed.actor) == ("override.confirmed", f"user:{lea.pk}")
    assert WHY not in str(asked.detail) and len(asked.detail["reason_sha256"]) == 64


def test_it_says_what_people_saw(let_pass: Case) -> None:
    held = Override.objects.get()
    assert held.finding["evidence"]["item"] == "item-train"
    assert held.finding["score"] >= held.finding["limit"]
    assert (held.epoch, held.reason) == (1, WHY)


@pytest.mark.parametrize("state", ["confirm", "decline"])
def test_nobody_answers_their_own_request(blocked: Case, lea: User, state: str) -> None:
    asked = request_override(blocked.pk, "overlap", WHY, by=lea)
    with pytest.raises(Refused, match="yourself"):
        {"confirm": confirm_override, "decline": decline_override}[state](asked.pk, by=lea)


def test_a_reviewer_does_not_confirm(blocked: Case, rosa: User, rob: User) -> None:
    asked = request_override(blocked.pk, "overlap", WHY, by=rosa)
    with pytest.raises(Refused, match="Only a lead"):
        confirm_override(asked.pk, by=rob)


@pytest.mark.parametrize("role", ["engineer", "examiner", "compliance", "admin"])
def test_other_roles_do_not_ask(blocked: Case, role: str) -> None:
    with pytest.raises(Refused, match="only a reviewer or a lead"):
        request_override(blocked.pk, "overlap", WHY, by=person("eve", role))


def test_the_second_of_two_leads_is_told(blocked: Case, rosa: User, lea: User, lou: User) -> None:
    asked = request_override(blocked.pk, "overlap", WHY, by=rosa)
    decline_override(asked.pk, by=lea)
    with pytest.raises(Refused, match="declined already"):
        confirm_override(asked.pk, by=lou)
    assert Override.objects.get().settled_by == lea


def test_a_second_request_hears_of_the_first(blocked: Case, rosa: User, rob: User, events: Callable[..., Any]) -> None:
    request_override(blocked.pk, "overlap", WHY, by=rosa)
    for who in (rosa, rob):
        with pytest.raises(Refused, match="rosa asked for this already"):
            request_override(blocked.pk, "overlap", WHY, by=who)
    assert events().count("override.requested") == 1


def test_a_declined_one_may_be_asked_for_again(blocked: Case, rosa: User, lea: User) -> None:
    decline_override(request_override(blocked.pk, "overlap", WHY, by=rosa).pk, "It is the item.", by=lea)
    assert request_override(blocked.pk, "overlap", "Look again.", by=rosa).state == "requested"


def test_a_request_is_taken_back_by_who_made_it(blocked: Case, rosa: User, rob: User, lea: User) -> None:
    asked = request_override(blocked.pk, "overlap", WHY, by=rosa)
    with pytest.raises(Refused, match="You did not ask"):
        withdraw_override(asked.pk, by=rob)
    withdraw_override(asked.pk, by=rosa)
    with pytest.raises(Refused, match="withdrawn already"):
        confirm_override(asked.pk, by=lea)


def test_a_lead_may_take_a_confirmation_back_and_the_case_is_blocked_again(
    let_pass: Case, rosa: User, erin: User, lou: User
) -> None:
    accept(let_pass, rosa)
    dataset = dataset_actions.freeze_dataset("All", {"replay_count": 0}, by=erin)
    with pytest.raises(Refused, match="You did not ask|lead"):
        withdraw_override(Override.objects.get().pk, by=rosa)
    withdraw_override(Override.objects.get().pk, by=lou)
    with pytest.raises(Refused, match="overlap with a benchmark"):
        freezing.refuse_exam(dataset)
    with pytest.raises(Refused, match="No row is left"):
        dataset_actions.freeze_dataset("Again", {"replay_count": 0}, by=erin)
    assert Dataset.objects.count() == 1


def test_it_lasts_while_later_epochs_find_the_same_item(let_pass: Case, rosa: User) -> None:
    rescreen(let_pass, 2, [*EXAM, ("item-new", "other v1", "What colour is the door of the new shed?", "Green.")])
    assert accept(Case.objects.get(pk=let_pass.pk), rosa).screened_epoch == 2


def test_another_item_is_another_finding(let_pass: Case, rosa: User, lea: User) -> None:
    rescreen(let_pass, 2, [("item-other", "other v1", *EXAM[0][2:])])
    case = Case.objects.get(pk=let_pass.pk)
    with pytest.raises(Refused, match="overlaps with an item of other v1"):
        accept(case, rosa)
    asked = request_override(case.pk, "overlap", "The same timetable.", by=rosa)
    confirm_override(asked.pk, by=lea)
    assert accept(case, rosa).state == "accepted"


def test_a_request_for_what_stops_the_case_no_more_is_not_confirmed(blocked: Case, rosa: User, lea: User) -> None:
    asked = request_override(blocked.pk, "overlap", WHY, by=rosa)
    rescreen(blocked, 2, [("item-other", "other v1", *EXAM[0][2:])])
    with pytest.raises(Refused, match="is not what this was asked for"):
        confirm_override(asked.pk, by=lea)


def test_another_check_still_blocks(world: World, rosa: User, lea: User) -> None:
    case = world.screened(LEAK, right="Ask jan.novak@example.org for it.")
    confirm_override(request_override(case.pk, "overlap", WHY, by=rosa).pk, by=lea)
    with pytest.raises(Refused, match="Personal data"):
        accept(case, rosa)


@pytest.mark.parametrize(
    ("more", "check"),
    [
        ({"consent": False}, "consent"),
        ({"environment": "staging"}, "environment"),
        ({"right": "Ask jan.novak@example.org for it."}, "personal_data"),
        ({"right": "The key is AKIAIOSFODNN7EXAMPLE."}, "secret"),
    ],
)
def test_some_things_nobody_overrides(world: World, rosa: User, more: dict[str, Any], check: str) -> None:
    case = world.screened(**more)
    with pytest.raises(Refused, match="cannot be overridden"):
        request_override(case.pk, check, WHY, by=rosa)


def test_an_exact_duplicate_stays_one(world: World, rosa: User) -> None:
    world.screened()
    with pytest.raises(Refused, match="cannot be overridden"):
        request_override(world.screened(subject="bob").pk, "duplicate", WHY, by=rosa)


def test_commentary_may_be_an_answer_after_all(world: World, rosa: User, lea: User) -> None:
    case = world.screened(right="This is wrong, it should be 30 days.")
    confirm_override(request_override(case.pk, "commentary", "That is what we say.", by=rosa).pk, by=lea)
    assert accept(case, rosa).state == "accepted"


def test_a_bug_is_not_made_a_lesson(world: World, rosa: User) -> None:
    from feedback.actions import record_interaction, submit_bug_report

    interaction = record_interaction(world.shop, "ann", "Why?", "Because.", by=TEST)
    report = submit_bug_report(interaction.pk, what_happened="It broke.", by=TEST)
    case = screening_actions.open_case("bug_report", report.pk, by=TEST)
    screening_actions.screen_case(case.pk, world.registry, by=TEST)
    with pytest.raises(Refused, match="cannot be overridden"):
        request_override(case.pk, "kind", WHY, by=rosa)


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 2001])
def test_a_reason_is_given_and_short(blocked: Case, rosa: User, reason: str) -> None:
    with pytest.raises(Refused, match="reason"):
        request_override(blocked.pk, "overlap", reason, by=rosa)
    assert not Override.objects.exists()
