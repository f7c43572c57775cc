"""The structure of the code in a text as words, each of which stands for WIDTH tokens in a row.

So n-grams of words reach far enough to tell a program from the idioms that it is made of. A token is two letters, by a
hash: unknown ones need no list, and two that share their letters do no harm, since a fingerprint is of several words.
"""

import html
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from textwrap import dedent
from typing import NamedTuple
from zlib import crc32

from curation.decontamination.code import finding, grammars, languages, python_tokens

VERSION = "structure-1"
WIDTH = 5  # tokens that a word stands for

_DISGUISE = re.compile(
    "[\u00ad\u200b-\u200f\u2060-\u2064\ufeff\uff01-\uff5e]|&(?:[lg]t|amp|quot|#39);|</?(?:pre|code)\\b"
)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
_FRAME = re.compile(r"</?(?:pre|code)\b[^<>]{0,200}>")


class Part(NamedTuple):
    """A block of code: where it stands in the text, and how many tokens there are up to its end."""

    start: int
    end: int
    tokens: int


class Structure(NamedTuple):
    """The words of the code of a text, one for each token that WIDTH - 1 others follow, and where they are from."""

    words: list[str]
    parts: list[Part]

    def places(self, first: int, last: int) -> tuple[int, int]:
        """Where the blocks begin and end in the text from which the words `first` to `last` (excluded) are."""
        touched = [
            (part.start, part.end)
            for before, part in zip([0, *(part.tokens for part in self.parts)], self.parts, strict=False)
            if before < last + WIDTH - 1 and first < part.tokens
        ]
        return touched[0][0], touched[-1][1]


def of(text: str) -> Structure | None:
    """The structure of the code in a text; None for a text that holds none."""
    if not finding.may_hold_code(text):
        return None
    if _DISGUISE.search(text):
        found = finding.blocks(undisguised(text))
        found = [block._replace(start=0, end=len(text)) for block in found]
    else:
        found = finding.blocks(text)
    taken = [tokens(block.code, block.language) for block in found]
    letters = [letters_of(token) for own in taken for token in own]
    if len(letters) < WIDTH:
        return None
    ends = accumulate(map(len, taken))
    return Structure(
        words(letters), [Part(block.start, block.end, end) for block, end in zip(found, ends, strict=True)]
    )


def of_item(question: str, answer: str) -> tuple[str, str]:
    """The structure of an item as a text for its question and one for its answer, which may go on in the same code."""
    both = of(f"{question}\n{answer}" if question and answer else question or answer)
    if both is None:
        return "", ""
    asked = of(question)
    own = asked.words if asked else []
    split = len(own) + WIDTH - 1 if own and answer else 0
    if both.words[: len(own)] != own or split >= len(both.words):
        split = 0 if answer and not own else len(both.words)
    return " ".join(both.words[:split]), " ".join(both.words[split:])


def undisguised(text: str) -> str:
    """Code as it runs: full-width and invisible letters undone, out of the frames and escapes of a web page."""
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    return html.unescape(_FRAME.sub("\n", text))


def tokens(code: str, language: str) -> list[str]:
    """The tokens of a block; none in a language that is not known here."""
    if language and grammars.grammar(language):
        return grammars.tokens(dedent(code), language)
    return python_tokens.tokens(dedent(code)) if language == "python" else []


def readable() -> list[str]:
    """The languages that can be read here."""
    return [name for name in languages.LANGUAGES if name == "python" or grammars.grammar(name)]


@lru_cache(maxsize=4_096)
def letters_of(token: str) -> str:
    number = crc32(token.encode("utf-8", "replace")) % 676
    return chr(97 + number // 26) + chr(97 + number % 26)


def words(letters: Sequence[str]) -> list[str]:
    joined = "".join(letters)
    return [joined[i : i + 2 * WIDTH] for i in range(0, len(joined) - 2 * WIDTH + 2, 2)]
