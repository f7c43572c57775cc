"""Whether a replacement says anything that the answer did not: what a reader would see as the same text is the same.

Case, signs, line breaks and the indentation of code are lessons; spaces at the ends, doubled ones, the two spellings of
one letter and characters that nobody sees are none.
"""

import re
import unicodedata

# No sign, no space, no part of a spelling: zero-width space, word joiner, byte order mark, soft hyphen. The zero-width
# joiners stay: they are orthography in Persian and Hindi, and part of emoji.
_UNSEEN = dict.fromkeys(map(ord, "\u200b\u2060\ufeff\u00ad"))
_LINE_END = re.compile(r"\r\n|\r|\n")


def seen(text: str) -> str:
    """What a reader sees of a text."""
    lines = _LINE_END.split(unicodedata.normalize("NFC", text).translate(_UNSEEN))
    return "\n".join(indentation(line) + " ".join(line.split()) for line in lines).strip()


def indentation(line: str) -> str:
    words = line.lstrip()
    return line[: len(line) - len(words)] if words else ""


def is_same(answer: str, replacement: str) -> bool:
    return answer == replacement or seen(answer) == seen(replacement)
