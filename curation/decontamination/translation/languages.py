"""Which language is a text in? By its script, by letters that only some languages have, and by frequent words.

Linear, without a model: a model that reads many languages is asked only where a text is in another language than the
protected items, and this says where. Code, formulas, lists of names and very short texts are in no language. A word
whose letters are of two scripts is Latin in disguise. Of a text in several languages `stretches` says where each is.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from itertools import groupby
from typing import NamedTuple

from curation.decontamination import normalise
from curation.decontamination.translation.language_words import FUNCTION_WORDS, LETTERS, NAMES, SCRIPTS

MOST_CHARACTERS = 4_000  # of a text that are looked at: its language shows in its first sentences
LEAST_WORDS, LEAST_LETTERS = 3, 6  # of a stretch; letters count where no space parts the words
LEAST_KNOWN, LEAST_SHARE = 2, 0.12  # of a text's words are frequent ones of its language; special letters count half
LEAST_UNTOLD = 12  # words of a text in which some language should show
MOST_SIGNS = 0.08  # of the characters of a line of prose are brackets, operators and the like
MOST_STRETCHES = 16  # of one text, the longest

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_UNIT = re.compile(r"[^\n.!?:;。！？：；।]*[\n.!?:;。！？：；।]*")
_SIGNS = re.compile(r"[{}\[\]()<>=_/\\|*&#@^~$`+]|(?<=\w)\.(?=[a-z_])")
_UNSEEN = re.compile("[\u00ad\u0300-\u036f\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\U000e0000-\U000e007f]")
_BLOCKS = [(low, high, script) for script, ranges in SCRIPTS.items() for low, high in ranges]
_DISGUISES = ("cyrillic", "greek", "armenian", "cherokee")  # scripts with letters that are drawn like Latin ones
_WEIGHTS = {"han": 2, "kana": 2, "hangul": 2}  # such a letter says as much as two of an alphabet
_SPACELESS = frozenset({"zh", "ja", "th", "km", "lo", "my"})


class Stretch(NamedTuple):
    """A range of characters of a text that is in one language."""

    start: int
    end: int
    language: str


Unit = tuple[int, int, str | None]
"""A range of a text, and its kind."""


def _languages_by_word() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for language, words in FUNCTION_WORDS.items():
        for word in set(words.split()):
            if len(word) > 1 or not word.isascii():
                found.setdefault(word, []).append(language)
    return {word: tuple(languages) for word, languages in found.items()}


_LANGUAGES_OF = _languages_by_word()
_SPECIAL = {script: frozenset("".join(letters.values())) for script, letters in LETTERS.items()} | {
    "cherokee": frozenset()
}


def name_of(language: str) -> str:
    """A language as people call it."""
    return NAMES.get(language, language)


def language_of(text: str) -> str:
    """The code (ISO 639-1) of the language that most of a text is in; empty where that cannot be told."""
    words = words_of(text[:MOST_CHARACTERS])
    scripts = _letters_by_script(words)
    if not scripts:
        return ""
    script = max(scripts, key=lambda name: scripts[name] * _WEIGHTS.get(name, 1))
    is_disguised = script in _DISGUISES and _is_disguised(words)
    if is_disguised or script == "latin":
        script, words = "latin", [plain for word in words for plain in _undisguised(word, is_disguised)]
    if script in ("han", "kana"):  # Japanese is written in both
        return "ja" if 8 * scripts["kana"] >= scripts["han"] else "zh" if scripts["han"] > 1 else ""
    return _most_likely(words, script, surely=script != "latin" and scripts[script] >= LEAST_LETTERS)


def is_untold(text: str) -> bool:
    """Whether a text of some length is in no language that is told here: it is in another one, or no prose."""
    return len(words_of(text[:MOST_CHARACTERS])) >= LEAST_UNTOLD and not language_of(text)


def words_of(text: str) -> list[str]:
    """The words by which the language of a text is told, in lower case; those of code are left out."""
    if not text.isascii():
        text = _UNSEEN.sub("", unicodedata.normalize("NFKC", text)).replace("’", "'")
    return [word for line in text.lower().split("\n") if not is_code(line) for word in _WORD.findall(line)]


def is_code(line: str) -> bool:
    """Whether a line reads like a program or a formula: signs, and few letters that programs do without."""
    signs = len(_SIGNS.findall(line))
    return signs > MOST_SIGNS * len(line) and 2 * signs > len(line.encode("utf-8", "replace")) - len(line)


def _letters_by_script(words: Iterable[str]) -> Counter[str]:
    scripts: Counter[str] = Counter()
    for word, times in Counter(words).items():
        if word.isascii():
            scripts["latin"] += times * len(word)
            continue
        own = Counter(map(_script_of, word)) if _is_of_one_script(word) else {"latin": len(word)}
        for script, letters in own.items():
            scripts[script] += times * letters
    del scripts[""]
    return scripts


def _is_of_one_script(word: str) -> bool:
    """False for a Latin word with letters of other scripts that look like Latin ones."""
    scripts = set(map(_script_of, word))
    return "latin" not in scripts or scripts.isdisjoint(_DISGUISES)


def _undisguised(word: str, is_disguised: bool) -> list[str]:
    if word.isascii() or (not is_disguised and _is_of_one_script(word)):
        return [word]
    return normalise.words(word)


@cache
def _script_of(letter: str) -> str:
    code = ord(letter)
    return next((script for low, high, script in _BLOCKS if low <= code <= high), "")


def _is_disguised(words: Sequence[str]) -> bool:
    """Whether words of another script are Latin ones in letters that look alike."""
    folded = [folded for word in words for folded in normalise.words(word)]
    return 5 * sum(word.isascii() for word in folded) > 4 * len(folded)


def _most_likely(words: Sequence[str], script: str, surely: bool) -> str:
    """The language of this script that has most of the words and letters; `surely`: one of them, though none is known.

    A frequent word has two votes, a word with letters that only some languages have has one for each of them.
    """
    if len(words) < LEAST_KNOWN and not surely:
        return ""
    candidates, special = LETTERS.get(script, {}), _SPECIAL[script]
    known, votes = Counter[str](), Counter[str]()
    for word in words:
        known.update(_LANGUAGES_OF.get(word, ()))
        if not word.isascii() and (letters := special.intersection(word)):
            votes.update(language for language, own in candidates.items() if letters.issubset(own))
    best = max(candidates, key=lambda language: 2 * known[language] + votes[language], default="")
    share = (2 * known[best] + votes[best]) / 2
    return best if surely or (known[best] and share >= max(LEAST_KNOWN, LEAST_SHARE * len(words))) else ""


# --- several languages in one text ------------------------------------------------------------------------------------
def stretches(text: str, known: Collection[str]) -> list[Stretch]:
    """Where a text is in which language. Sentences in no language belong to those beside them.

    `known`: languages that are told from each other; of a text in one of them nothing is searched further, and
    neighbouring sentences in others are one stretch.
    """
    if len(known) == 1 and _is_plainly(text, next(iter(known))):
        return [Stretch(0, len(text), next(iter(known)))]
    found = []
    for start, end, kind in _joined(_units(text, known)):
        language = kind or language_of(text[start:end])
        if language and _is_long_enough(text[start:end], language):
            found.append(Stretch(start, end, language))
    longest = sorted(found, key=lambda stretch: stretch.start - stretch.end)[:MOST_STRETCHES]
    return sorted(longest)


def _is_plainly(text: str, language: str) -> bool:
    """Whether hardly a word of a text could be of another language: most are asked no further."""
    if not text.isascii():
        return False
    told = [_LANGUAGES_OF[word] for word in text.lower().split() if word in _LANGUAGES_OF]
    others = sum(language not in languages for languages in told)
    return others < LEAST_WORDS and 4 * others < len(told)


def _units(text: str, known: Collection[str]) -> Iterator[list[Unit]]:
    """Sentences with their language, line by line: one of those known, "" for any other, None where none is told."""
    line: list[Unit] = []
    for match in _UNIT.finditer(text):
        if match.start() < match.end():
            language = language_of(match.group())
            line.append((*match.span(), None if not language else language if language in known else ""))
            if match.group().endswith("\n"):
                yield line
                line = []
    if line:
        yield line


def _joined(lines: Iterable[list[Unit]]) -> list[tuple[int, int, str]]:
    """Neighbours of one kind as one range. What cannot be told goes with what it follows in its line, or else with what
    follows it there; a line in which nothing can be told with the line before.
    """
    filled: list[Unit] = []
    last: str | None = None
    for line in lines:
        last = next((kind for _, _, kind in line if kind is not None), last)
        for start, end, kind in line:
            last = last if kind is None else kind
            filled.append((start, end, last))
    first = next((kind for _, _, kind in filled if kind is not None), None)
    if first is None:
        return []
    joined = []
    for kind, group in groupby(filled, key=lambda unit: first if unit[2] is None else unit[2]):
        members = list(group)
        joined.append((members[0][0], members[-1][1], kind))
    return joined


def _is_long_enough(text: str, language: str) -> bool:
    words = _WORD.findall(text[:MOST_CHARACTERS])
    if language in _SPACELESS:
        return sum(map(len, words)) >= LEAST_LETTERS
    return len(words) >= LEAST_WORDS
