"""What items share because they ask about one passage is content; what most of a benchmark shares is its template."""

from curation.decontamination.registry import Registry
from curation.decontamination.words.families import families_of
from tests.curation.conftest import KEY

PASSAGE = (
    "The ferry Maribel was built in the yard of Anselm Roake, who had never seen the sea and drew her hull after a"
    " pumpkin seed that his daughter kept in a thimble box by the stove."
)
RULES = (
    "Read the passage with care and give the one answer that follows from it, in as few words as you can, without any"
    " explanation and without quotation marks around what you say."
)
ASKED = ("Who built it?", "What was it drawn after?", "Where was the seed?", "Who kept it?", "What was her name?",
         "What did he never see?", "What stood by the stove?", "Which box was it?")  # fmt: skip
OTHERS = [
    (f"other {n}", "exam v1", f"{RULES}\nQuestion {n}: what is the {n}th letter of {n} words?", "") for n in range(20)
]
ITEMS = [(f"item {n}", "exam v1", f"{RULES}\n{PASSAGE}\n{asked}", "") for n, asked in enumerate(ASKED)]


def test_items_about_one_passage_are_a_family_and_a_rule_makes_none() -> None:
    families = families_of([*ITEMS, *OTHERS])
    assert len({*families[: len(ITEMS)].tolist()}) == 1
    assert len({*families.tolist()}) == 1 + len(OTHERS)


def test_the_parts_of_one_item_are_a_family() -> None:
    assert families_of([("a", "exam", "one", ""), ("a", "exam", "two", ""), ("a", "other", "one", "")]).tolist() == [
        0,
        0,
        2,
    ]


def test_a_passage_is_found_however_many_questions_it_has() -> None:
    registry = Registry.from_bytes(Registry.build([*ITEMS, *OTHERS], KEY), KEY)
    damaged = PASSAGE.replace("daughter ", "").replace("had never", "never").replace("thimble", "tin")
    assert registry.check(PASSAGE).blocked
    assert registry.check(damaged).blocked
    assert not registry.check(RULES).blocked
