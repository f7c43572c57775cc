"""Strong normalisation: what is left of a text once every way of dressing it up is taken off.

Order: zero-width and other format characters out, compatibility decomposition (NFKD), combining marks out, case folded,
look-alike letters folded to the ASCII letter they imitate, escapes and markup out, then runs of letters and digits are
the words. Two texts with the same words are the same text.
"""

import re
import unicodedata
from functools import cache

VERSION = "strong-1"

# Look-alikes of ASCII letters, after case folding: Cyrillic, Greek, Armenian, Latin letters with no decomposition.
# Chosen from Unicode's confusables (UTS 39) for the letters that fonts draw alike.
_LOOK_ALIKES = {
    "a": "аɑα",
    "b": "Ƅьв",
    "c": "сϲⅽ",
    "d": "ԁɗⅾ",
    "e": "еєε℮",
    "f": "ғƒϝ",
    "g": "ɡց",
    "h": "һհн",
    "i": "іıɩι",
    "j": "јϳ",
    "k": "кκĸ",
    "l": "ӏℓⅼ",
    "m": "мⅿ",
    "n": "ոռ",
    "o": "оοօσ",
    "p": "рρ",
    "q": "ԛզ",
    "r": "гᴦ",
    "s": "ѕꜱ",
    "t": "тτ",
    "u": "υսʋ",
    "v": "νѵⅴ",
    "w": "ԝաω",
    "x": "хχⅹ",
    "y": "уγү",
    "z": "ᴢ",
}
_FOLD = str.maketrans({look: letter for letter, looks in _LOOK_ALIKES.items() for look in looks.casefold()})

# Cf (format: zero-width, bidirectional, soft hyphen, tags), variation selectors and unpaired surrogates.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff\ud800-\udfff]"
)
_MARKS = re.compile("[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]")
_ESCAPE = re.compile(r"(?<!\\)\\++[nrt\"']")  # possessive: linear on a run of backslashes
_TAG = re.compile(r"</?[a-z][^<>]{0,80}>|<\|[a-z_]{1,30}\|>|&[a-z]{2,8};|&#x?[0-9a-f]{1,6};")
_WORD = re.compile(r"[^\W_]+")


def strong(text: str) -> str:
    """`text` without dress, words still in place between other characters."""
    if not text.isascii():
        text = _MARKS.sub("", unicodedata.normalize("NFKD", _INVISIBLE.sub("", text)))
    text = text.casefold()
    if not text.isascii():
        text = text.translate(_FOLD)
    return _without_markup(text)


def words(text: str) -> list[str]:
    """The normalised words of a text, in order."""
    return _WORD.findall(strong(text))


def words_with_spans(text: str) -> list[tuple[str, int, int]]:
    """Each word of `words(text)` with the range of characters of `text` itself that it came from.

    Slower than `words`: for showing evidence, not for screening.
    """
    letters, origin = [], []
    for position, character in enumerate(text):
        for letter in _folded(character):
            letters.append(letter)
            origin.append(position)
    plain = _without_markup("".join(letters), keep_length=True)
    return [(m.group(), origin[m.start()], origin[m.end() - 1] + 1) for m in _WORD.finditer(plain)]


@cache
def _folded(character: str) -> str:
    """What `strong` makes of one character."""
    if character.isascii():
        return character.casefold()
    return _MARKS.sub("", unicodedata.normalize("NFKD", _INVISIBLE.sub("", character))).casefold().translate(_FOLD)


def _without_markup(text: str, keep_length: bool = False) -> str:
    for pattern in (_ESCAPE, _TAG):
        text = pattern.sub(lambda m: " " * len(m.group()) if keep_length else " ", text)
    return text
