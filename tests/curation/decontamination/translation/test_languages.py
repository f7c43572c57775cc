"""A text's language is told by its script and its frequent words; code, numbers and names are in none."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.decontamination.translation import languages
from curation.decontamination.translation.language_words import FUNCTION_WORDS, LETTERS, NAMES
from curation.decontamination.translation.languages import Stretch, language_of, stretches

SENTENCES = {
    "ar": "كم كتابا قرأت مريم في الأسبوع إذا كانت تقرأ كل يوم؟",
    "bn": "দোকানে কতগুলি আপেল বাকি আছে?",
    "cs": "Kolik jablek zbylo v košíku, když jich Petr snědl pět?",
    "da": "Hvor mange æbler er der tilbage, når Peter har spist fem af dem?",
    "de": "Wie viele Äpfel bleiben im Korb, wenn Peter fünf davon isst?",
    "el": "Πόσα μήλα έμειναν στο καλάθι;",
    "en": "How many apples are left in the basket when Peter eats five of them?",
    "es": "¿Cuántas manzanas quedan en la cesta si Pedro se come cinco?",
    "fi": "Kuinka monta omenaa korissa on jäljellä, kun Petri syö niistä viisi?",
    "fr": "Combien de pommes reste-t-il dans le panier quand Pierre en mange cinq ?",
    "he": "כמה תפוחים נשארו בסל?",
    "hi": "टोकरी में कितने सेब बचे हैं?",
    "hu": "Hány alma marad a kosárban, ha Péter megeszik ötöt?",
    "id": "Berapa banyak apel yang tersisa di keranjang jika Budi makan lima?",
    "it": "Quante mele restano nel cesto se Pietro ne mangia cinque?",
    "ja": "ピーターがりんごを五個食べたら、かごには何個残りますか。",
    "ko": "피터가 사과 다섯 개를 먹으면 바구니에 몇 개가 남나요?",
    "nl": "Hoeveel appels blijven er in de mand als Peter er vijf van eet?",
    "pl": "Ile jabłek zostanie w koszyku, jeśli Piotr zje pięć z nich?",
    "pt": "Quantas maçãs ficam na cesta se o Pedro comer cinco delas?",
    "ro": "Câte mere rămân în coș dacă Petru mănâncă cinci dintre ele?",
    "ru": "Сколько яблок останется в корзине, если Пётр съест пять?",
    "sv": "Hur många äpplen är kvar i korgen när Peter har ätit fem?",
    "th": "ถ้าปีเตอร์กินแอปเปิลห้าลูก จะเหลือแอปเปิลในตะกร้ากี่ลูก",
    "tr": "Petrus beş elma yerse sepette kaç elma kalır ve bu ne kadar eder?",
    "uk": "Скільки яблук залишиться в кошику, якщо Петро з'їсть п'ять?",
    "vi": "Còn lại bao nhiêu quả táo trong giỏ nếu Peter ăn năm quả?",
    "zh": "如果彼得吃掉五个苹果，篮子里还剩几个？",
}
NO_LANGUAGE = [
    "",
    "42",
    "12 × 7 = 84; 84 / 3 = 28",
    "e4 e5 2. Nf3 Nc6 3. Bb5",
    "def total(items):\n    return sum(item.price * item.count for item in items)",
    "for (int i = 0; i < n; ++i) { sum += a[i] * b[i]; }",
    "SELECT a.id, b.name FROM a JOIN b ON a.id = b.a_id WHERE b.x > 3",
    "https://example.org/a/b?c=d&e=f",
    "José Müller, Zoë Brontë",
    "\x00\x01\x02 \ud800 \u202e",
]


@pytest.mark.parametrize("language", sorted(SENTENCES))
def test_the_language_of_a_sentence(language) -> None:
    assert language_of(SENTENCES[language]) == language
    assert languages.name_of(language) != language


@pytest.mark.parametrize("text", NO_LANGUAGE)
def test_code_numbers_and_names_are_in_no_language(text) -> None:
    assert language_of(text) == ""
    assert all(stretch.language == known for known in ("en", "de") for stretch in stretches(text, {known}))


def test_a_disguise_makes_no_other_language() -> None:
    english = SENTENCES["en"]
    for disguised in (
        english.replace("a", "а").replace("e", "е").replace("o", "о"),
        "\u200b".join(english),
        english.replace("a", "á").replace("i", "ï"),
        "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in english),
        "ехаmplеѕ оf thе оthеr ѕсriрt, аll оf whісh аrе dіѕguіѕеd",
    ):
        assert language_of(disguised) == "en", disguised


def test_a_text_in_two_languages_is_told_apart() -> None:
    system = "You are a helpful assistant. Answer the question of the user in one sentence."
    text = f"{system}\n{SENTENCES['de']} Er hatte zwölf."
    assert stretches(text, {"en"}) == [
        Stretch(0, len(system) + 1, "en"),
        Stretch(len(system) + 1, len(text), "de"),
    ]


def test_a_line_that_begins_with_what_cannot_be_told_belongs_to_what_follows() -> None:
    system = "You are a helpful assistant. Answer the question of the user."
    text = f"{system}\n\nObstkorb! {SENTENCES['de']}"
    assert [text[stretch.start : stretch.end] for stretch in stretches(text, {"en"})][1:] == [
        f"Obstkorb! {SENTENCES['de']}"
    ]


def test_a_question_in_another_language_behind_a_colon_is_found() -> None:
    text = f"Please answer this for me: {SENTENCES['fr']}"
    assert [stretch.language for stretch in stretches(text, {"en"})] == ["en", "fr"]


def test_foreign_words_in_an_english_text_are_no_stretch() -> None:
    text = "The café in the Rue de la Paix has a nice crème brûlée, and the waiter said merci. It was not cheap at all."
    assert {stretch.language for stretch in stretches(text, {"en"})} == {"en"}


def test_comments_beside_code_count_and_the_code_does_not() -> None:
    code = 'x = f(a[0], b="c") + {"d": [1, 2]}'
    assert language_of(f"{code}\n# Hier wird die Summe der Zahlen berechnet und ausgegeben\n{code}") == "de"


def test_what_is_known_may_be_several_languages() -> None:
    text = f"{SENTENCES['en']} {SENTENCES['de']} {SENTENCES['ru']}"
    assert [stretch.language for stretch in stretches(text, {"en", "de"})] == ["en", "de", "ru"]


def test_a_text_has_a_bounded_number_of_stretches() -> None:
    text = f"{SENTENCES['de']}\n{SENTENCES['en']}\n" * 100
    assert len(stretches(text, {"en"})) == languages.MOST_STRETCHES


def test_every_language_has_a_name_and_its_own_words_once() -> None:
    assert {language for candidates in LETTERS.values() for language in candidates} | {"zh", "ja"} == set(NAMES)
    assert set(FUNCTION_WORDS) <= set(NAMES)


@given(st.text(max_size=400) | st.binary(max_size=200).map(lambda raw: raw.decode("utf-16", "replace")))
def test_stretches_are_ranges_in_order_whatever_the_text(text) -> None:
    assert language_of(text) in {"", *NAMES}
    at = 0
    for stretch in stretches(text, {"en"}):
        assert at <= stretch.start < stretch.end <= len(text)
        at = stretch.end


@pytest.mark.parametrize("unit", ["a.", ".", "\n", "ä ", "не ", "字", "'", "a'", "é\u0301", "<x>", "la los "])
def test_time_grows_with_the_length_and_no_faster(unit) -> None:
    def seconds(characters: int) -> float:
        text = unit * (characters // len(unit))
        started = time.process_time()
        stretches(text, {"en"})
        return time.process_time() - started

    seconds(1_000)
    assert seconds(80_000) < 40 * max(seconds(8_000), 0.002)
