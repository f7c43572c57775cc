"""Corrections in conversations: found in every turn by screening, rescans, reverse checks and replay alike."""

from typing import Any

import pytest

from conversation import Conversation, read
from curation.checks.identity import row_hash
from curation.decontamination.registry import Registry
from curation.models import Blocker, Case, ReplayRow
from curation.screening import actions as screening_actions
from curation.screening import reverse_check_actions
from feedback.actions import record_interaction, submit_correction
from tests.curation.conftest import EXAM, KEY, TEST, World
from tests.curation.screening.test_rescanning import LOCK, after
from tests.curation.screening.test_reverse_check import offer
from tests.support.wordings import SHOWN

pytestmark = pytest.mark.django_db
ITEM = EXAM[0][2]


def talk(first: str = "Hello, who is there?", last: str = "When is the depot open?") -> Conversation:
    return read(
        [
            {"role": "system", "content": "You answer for a depot."},
            {"role": "user", "content": first},
            {"role": "assistant", "content": "Good morning."},
            {"role": "user", "content": last},
        ]
    )


def overlap_of(case: Case) -> Blocker:
    return Blocker.objects.get(case=case, check_name="overlap")


def blocking(case: Case) -> set[str]:
    """What stops it, whether or not the configured base has a way to write it."""
    stops = Blocker.objects.filter(case=case, blocking=True).exclude(check_name="length")
    return set(stops.values_list("check_name", flat=True))


def test_an_item_of_an_earlier_turn_blocks_and_its_message_is_named(world: World) -> None:
    found = overlap_of(world.screened(talk(ITEM)))
    assert found.blocking and found.evidence["item"] == "item-train"
    assert {span["field"] for span in found.evidence["spans"]} == {"messages[1].content"}


def test_a_harmless_one_can_be_accepted(world: World, rosa: Any) -> None:
    pair = world.accepted(rosa, talk(), right="The depot is open from eight to four.")
    assert pair.asked == talk()


def test_a_call_is_screened_and_compared_as_json(world: World) -> None:
    def call(arguments: str) -> dict[str, Any]:
        function = {"name": "hours", "arguments": arguments}
        return {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": function}]}

    same = world.screened(talk(), call('{"of": "depot", "day": 1}'), call('{"day":1,"of":"depot"}'))
    assert blocking(same) == {"teaches_nothing"}
    leak = world.screened(talk("Who else?"), "No.", call(f'{{"q": "{ITEM}"}}'))
    assert blocking(leak) == {"overlap"}
    assert overlap_of(leak).evidence["spans"][0]["field"] == "answer.tool_calls[0].function.arguments"


@pytest.mark.parametrize(("name", "stops"), [("hours", set()), ("prices", {"unknown_tool"})])
def test_a_call_of_a_tool_that_was_not_offered_blocks(world: World, name: str, stops: set[str]) -> None:
    tools = [{"type": "function", "function": {"name": "hours", "parameters": {"type": "object"}}}]
    function = {"name": name, "arguments": '{"of": "depot"}'}
    right = {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": function}]}
    assert blocking(world.screened(read(talk().messages, tools), "No.", right)) == stops


def test_an_image_blocks(world: World) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    case = world.screened(read([{"role": "user", "content": [{"type": "text", "text": "What is it?"}, image]}]))
    assert blocking(case) == {"reference"}


def corrected(world: World, asked: Conversation, right: str, subject: str = "ann") -> Case:
    recorded = record_interaction(world.shop, subject, asked, "I do not know.", by=TEST)
    correction = submit_correction(recorded.pk, replacement=right, consent=SHOWN, by=TEST)
    case = screening_actions.open_case("correction", correction.pk, by=TEST)
    screening_actions.screen_case(case.pk, world.registry, by=TEST)
    return case


def test_two_turns_are_no_duplicates_and_one_corrected_twice_is(world: World) -> None:
    right, whole = "The depot is open from eight to four.", talk()
    later = read([*whole.messages, {"role": "assistant", "content": right}, whole.messages[-1]])
    first, second = corrected(world, whole, right), corrected(world, later, right)
    again, too = corrected(world, whole, right, "bea"), corrected(world, later, right.upper() + "!", "cid")
    assert [blocking(case) for case in (first, second, again)] == [set(), set(), {"duplicate"}]
    twins = [Blocker.objects.get(case=case, check_name="duplicate").evidence["case"] for case in (again, too)]
    assert twins == [first.pk, second.pk]


def test_a_rescan_reads_every_turn(world: World) -> None:
    case = world.screened(talk(LOCK[2]))
    assert not blocking(case)
    newer = after(world.registry, 2, [*EXAM, LOCK], comparable_since=1)
    assert screening_actions.rescan_cases(10, newer, by=TEST) == 1
    assert overlap_of(case).evidence["spans"][0]["field"] == "messages[1].content"


def test_a_reverse_check_reads_every_turn(world: World, vault: Any) -> None:
    case = world.screened(talk(LOCK[2]))
    check = offer([("0", *LOCK[1:])])
    registry = Registry.from_bytes(Registry.build([("0", *LOCK[1:])], KEY, number=1), KEY)
    while reverse_check_actions.scan_rows(check.pk, registry, 100, by=TEST):
        pass
    assert check.matches.get().case_id == case.pk


def test_a_replay_row_that_is_a_conversation_is_read_in_every_turn(world: World) -> None:
    for asked in (talk(ITEM), talk()):
        texts = {"prompt": asked.text, "answer": "At eight.", "conversation": asked.stored}
        hash_of_row = row_hash(asked.text, "At eight.", "", asked.stored, "", "")
        ReplayRow.objects.create(skill="chat", row_hash=hash_of_row, **texts)
    screening_actions.screen_replay_rows(10, world.registry, by=TEST)
    assert list(ReplayRow.objects.order_by("pk").values_list("overlaps", flat=True)) == [True, False]
