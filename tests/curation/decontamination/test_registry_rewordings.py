"""Rewordings in rows that hold other things too: each item is named, and a problem of a template is shown as one."""

from dataclasses import replace

import pytest

from curation.decontamination.engine.encoder import Encoder
from curation.decontamination.registry import Registry
from tests.curation.conftest import KEY

ITEMS = [
    (
        "trains",
        "exam",
        "A freight train leaves Arden at nine with forty wagons of gravel and stops twice to unload a quarter of them;"
        " how many wagons reach Jarrow in the evening?",
        "It unloads ten wagons at the first stop and ten at the second, so twenty wagons of gravel reach Jarrow.",
    ),
    (
        "thermometer",
        "exam",
        "Which metal is liquid at room temperature and used to be put into thermometers?\nA. iron\nB. mercury\nC. tin",
        "B",
    ),
    (
        "sorted",
        "programs",
        'def longest(words):\n    """Return the longest word of the list, and the first one of those that are equally'
        ' long. An empty list has none."""\n',
        "    return max(words, key=len, default=None)\n",
    ),
]
TRAINS = (
    "At 9 o'clock a goods train with 40 waggons full of gravel departs from Arden. At each of 2 stops it drops off 1/4"
    " of them. What number of waggons get to Jarrow that evening?"
)
METAL = "Name the metal found in old thermometers that is a liquid at room temperature."
PROGRAM = (
    "function pick(list) {\n  // From a list of words give back the longest; if several are as long, the one that"
    " stands first. Nothing for an empty list.\n  let best;\n  for (const word of list) {\n"
    "    if (best === undefined || word.length > best.length) best = word;\n  }\n  return best;\n}\n"
)
SIBLING = (
    "At 7 o'clock a goods train with 84 waggons full of gravel departs from Arden. At each of 5 stops it drops off 1/12"
    " of them. What number of waggons get to Jarrow that evening?"
)
CLEAN = "My parcel says delivered, but it is not here. Whom do I ask about it?"


@pytest.fixture(scope="module")
def registry(encoder: Encoder) -> Registry:
    return Registry.from_bytes(Registry.build(ITEMS, KEY, [CLEAN], encoder=encoder), KEY, encoder=encoder)


def found(registry: Registry, text: str, answer: str = "") -> list[str]:
    overlap = registry.check(text, answer)
    return [overlap.item_id, *(match.item_id for match in overlap.others)] if overlap.blocked else []


def test_a_question_is_found_without_its_options(registry: Registry) -> None:
    assert found(registry, METAL) == ["thermometer"]


def test_a_program_is_found_by_what_it_says(registry: Registry) -> None:
    assert found(registry, PROGRAM) == ["sorted"]
    assert found(registry, f"{CLEAN}\n\n```js\n{PROGRAM}```") == ["sorted"]


def test_two_rewordings_in_one_row_are_both_named_and_marked(registry: Registry) -> None:
    row = f"{CLEAN}\n\n{TRAINS}\n\n{METAL}"
    overlap = registry.check(row)
    assert {overlap.item_id, *(match.item_id for match in overlap.others)} == {"trains", "thermometer"}
    [other] = overlap.others
    assert other.method == overlap.method == "meaning"
    marked = {
        each: row[spans[0].start : spans[0].end]
        for each, spans in ((overlap.item_id, overlap.spans), (other.item_id, other.spans))
    }
    assert TRAINS in marked["trains"]
    assert METAL in marked["thermometer"]


def test_a_problem_with_other_numbers_is_shown_as_of_a_template(registry: Registry) -> None:
    overlap = registry.check(SIBLING)
    assert not overlap.blocked
    assert overlap.template is not None
    assert overlap.template.benchmark == "exam"
    strict = registry.with_policy(replace(registry.policy, template_limit=0.5))
    assert (strict.check(SIBLING).blocked, strict.check(SIBLING).method) == (True, "template")


def test_clean_text_comes_near_nothing(registry: Registry) -> None:
    assert found(registry, CLEAN) == []
    assert registry.check(CLEAN).template is None
