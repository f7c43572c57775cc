"""Strong normalisation: a text as plain words, every disguise of characters, escapes and markup removed.

Order: characters folded one by one (invisible and combining ones out, compatibility forms, case, look-alike letters,
foreign digits; scripts without spaces cut into single characters), escapes of JSON, HTML and URLs decoded, words that a
line break cut in two joined, markup out. Then runs of letters and digits are the words; two texts with the same words
are the same text.

Most texts are ASCII without escapes or markup: `packed` leaves those as they are, since the kernel, which splits the
words, folds ASCII letters itself.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from html.entities import html5

VERSION = "strong-2"

# Look-alikes of ASCII letters, after case folding, chosen from Unicode's confusables (UTS 39) for the letters that
# fonts draw alike: Cyrillic, Greek, Armenian, Cherokee, Lisu, small capitals and Latin letters without decomposition.
_LOOK_ALIKES = {
    "a": "аɑαᴀꓮᎪ",
    "b": "ЬьвβʙꓐᏴƀ",
    "c": "сϲⅽᴄꓚᏟ",
    "d": "ԁɗⅾᴅꓓᎠđð",
    "e": "еєεᴇ℮ꓰᎬə",
    "f": "ғƒϝꜰꓝ",
    "g": "ɡցɢꓖᏀ",
    "h": "һհнʜꓧᎻħ",
    "i": "іıɩιɪꓲᎥ",
    "j": "јϳᴊꓙᎫȷ",
    "k": "кκĸᴋꓗᏦ",
    "l": "ӏℓⅼʟꓡᏞł",
    "m": "мⅿᴍꓟᎷ",
    "n": "ոռηɴꓠᏁ",
    "o": "оοօσᴏꓳø",
    "p": "рρᴘꓑᏢ",
    "q": "ԛզǫ",
    "r": "гᴦʀꓣᎡ",
    "s": "ѕꜱꓢᏚ",
    "t": "тτᴛꓔᎢŧ",
    "u": "υսʋᴜꓴ",
    "v": "νѵⅴᴠꓦᏙ",
    "w": "ԝաωᴡꓪᎳ",
    "x": "хχⅹꓫ",
    "y": "уγүʏꓬᎩ",
    "z": "ᴢζꓜᏃ",
    "ae": "æ",
    "oe": "œ",
}
_FOLD = {ord(look): letter for letter, looks in _LOOK_ALIKES.items() for look in looks.casefold()}
_BADGES = {  # letters in filled circles and squares, and the halves of flags: no decomposition
    first + i: chr(97 + i) for first in (0x1F150, 0x1F170, 0x1F1E6) for i in range(26)
}
_FOLD |= _BADGES | dict.fromkeys(map(ord, "ʹʺʻʼʽʾʿˈˊˋˌ"), " ")  # apostrophes that count as letters

_GONE = {"Mn", "Me", "Cf", "Cs"}  # combining marks; zero-width, bidirectional, soft hyphen, tags; unpaired surrogates
_BLANK = re.compile("[\u115f\u1160\u3164\uffa0]")  # letters that nobody sees
# Scripts that put no space between words: every character is a word of its own. And Hangul, for its endings.
_ALONE = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
    "\uf900-\ufaff\U00020000-\U0003ffff]"
)
_FOREIGN = re.compile("[^\x00-\x7f]+")
_UNIT = re.compile("[\u1100-\u1112]?[\u1161-\u1175][\u11a8-\u11c2]?|[^\x00-\x7f]")  # a Hangul syllable in parts, or one

# A run of backslashes, or of octets, is taken whole, whatever follows, so that time is linear. Each branch begins with
# a literal, so that the search leaps to it. All is lower case by then.
_CODED = re.compile(
    r"""\\\\*+(?: u(?P<high>d[89ab][0-9a-f]{2})\\++u(?P<low>d[c-f][0-9a-f]{2}) | u(?P<four>[0-9a-f]{4})
        | x(?P<two>[0-9a-f]{2}) | (?P<gap>[nrt"']?) )
    | %(?P<octets>[0-9a-f]{2}(?:%[0-9a-f]{2})*+)
    | &(?: \#(?P<decimal>[0-9]{1,7}) | \#x(?P<hexadecimal>[0-9a-f]{1,6}) | (?P<name>[a-z][a-z0-9]{1,30}) );""",
    re.VERBOSE,
)
_BROKEN = re.compile(r"(?<=[a-z])-\r?\n[ \t]{0,40}(?=[a-z])")
_INLINE = re.compile(r"</?(?:b|i|u|s|em|strong|span|font|mark|small|wbr)(?:\s[^<>]{0,200})?/?>")
_TAG = re.compile(r"</?[a-z!][^<>]{0,200}>|<\|[a-z0-9_]{1,30}\|>")
_WORD = re.compile("[0-9a-z\x80-\U0010ffff]+")
_NESTED = 3  # an escape within an escape within an escape

Origin = list[tuple[int, int]]
"""For each character of a text on its way: the range of the original text that it came from."""


def strong(text: str) -> str:
    """`text` without dress, words still in place between ASCII characters that are no letters or digits."""
    return _undressed(text, None)[0]


def words(text: str) -> list[str]:
    """The normalised words of a text, in order."""
    return _WORD.findall(strong(text))


def words_with_spans(text: str) -> list[tuple[str, int, int]]:
    """Each word of `words(text)` with the range of characters of `text` itself that it came from.

    Slower than `words`: for showing evidence, not for screening.
    """
    plain, origin = _undressed(text, [(i, i + 1) for i in range(len(text))])
    assert origin is not None
    return [(m.group(), origin[m.start()][0], origin[m.end() - 1][1]) for m in _WORD.finditer(plain)]


def packed(texts: Iterable[str]) -> list[str]:
    """Each text, as it is where it is plain ASCII and as `strong` leaves it otherwise: ready for UTF-8 and the kernel.

    The words are the runs of ASCII letters, digits and other bytes from 128 on; letters of either case are the same.
    """
    return [
        text
        if text.isascii()
        and "<" not in text
        and "&" not in text
        and "\\" not in text
        and "%" not in text
        and ("\n" not in text or ("-\n" not in text and "-\r\n" not in text))
        else strong(text)
        for text in texts
    ]


def _undressed(text: str, origin: Origin | None) -> tuple[str, Origin | None]:
    text, origin = _folded(text, origin)
    for _ in range(_NESTED):
        if not ("\\" in text or "&" in text or "%" in text):
            break
        decoded, origin = _rewritten(_CODED, _decoded, text, origin)
        if decoded == text:
            break
        text, origin = _folded(decoded, origin)
    if "-\n" in text or "-\r\n" in text:
        text, origin = _rewritten(_BROKEN, lambda m: "", text, origin)
    if "<" in text:
        text, origin = _rewritten(_INLINE, lambda m: "", text, origin)
        text, origin = _rewritten(_TAG, lambda m: " ", text, origin)
    return text, origin


def _folded(text: str, origin: Origin | None) -> tuple[str, Origin | None]:
    if not text.isascii():
        if origin is None:
            text = _FOREIGN.sub(lambda m: _fold_run(m.group()), text)
        else:
            text, origin = _rewritten(_UNIT, lambda m: _fold_unit(m.group()), text, origin)
    return text.lower(), origin


def _rewritten(
    pattern: re.Pattern[str], change: Callable[[re.Match[str]], str], text: str, origin: Origin | None
) -> tuple[str, Origin | None]:
    """`pattern.sub(change, text)`; what stands for a match comes from all of the match."""
    if origin is None:
        return pattern.sub(change, text), None
    pieces, places, at = [], [], 0
    for m in pattern.finditer(text):
        new = change(m)
        pieces += [text[at : m.start()], new]
        places += origin[at : m.start()] + [(origin[m.start()][0], origin[m.end() - 1][1])] * len(new)
        at = m.end()
    return "".join([*pieces, text[at:]]), places + origin[at:]


def _fold_run(characters: str) -> str:
    """What stands for a run of characters that are not ASCII."""
    if len(characters) > 24:
        return _UNIT.sub(lambda m: _fold_unit(m.group()), characters)
    return _fold_short_run(characters)


@lru_cache(maxsize=65_536)
def _fold_short_run(characters: str) -> str:
    return _UNIT.sub(lambda m: _fold_unit(m.group()), characters)


@cache
def _fold_unit(character: str) -> str:
    """What stands for one character (or one Hangul syllable in parts): letters and digits, a space, or nothing."""
    folded, previous = unicodedata.normalize("NFC", character), ""
    while folded != previous:
        previous = folded
        folded = "".join(map(_fold_character, folded))
    return " ".join(["", *folded, ""]) if _ALONE.fullmatch(folded[:1]) else folded


def _fold_character(character: str) -> str:
    if character.isascii():
        return character.lower()
    if unicodedata.category(character) in _GONE or _BLANK.match(character):
        return ""
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    if "\uac00" <= character <= "\ud7a3":
        return character
    pieces = unicodedata.normalize("NFKD", character).casefold().translate(_FOLD)
    return "".join(
        piece if _is_word(piece) else "" if unicodedata.category(piece) in _GONE else " " for piece in pieces
    )


def _is_word(character: str) -> bool:
    """A letter, a digit, or a mark that takes up room (vowels of Indian scripts). ASCII stays what it is."""
    return character.isascii() or character.isalnum() or unicodedata.category(character) == "Mc"


def _decoded(m: re.Match[str]) -> str:
    """The character or characters that an escape stands for; a space for one that stands for a gap."""
    kind = m.lastgroup
    if kind == "gap":
        return " "
    if kind == "octets":
        return _octets(m["octets"]) or m.group()
    if kind == "name":
        return html5.get(f"{m['name']};", m.group())
    if kind == "low":
        return chr(0x10000 + ((int(m["high"], 16) - 0xD800) << 10) + int(m["low"], 16) - 0xDC00)
    code = int(m[kind or 0], 10 if kind == "decimal" else 16)
    return chr(code) if code <= 0x10FFFF else " "


def _octets(text: str) -> str:
    try:
        return bytes.fromhex(text.replace("%", "")).decode()
    except UnicodeDecodeError:
        return ""
