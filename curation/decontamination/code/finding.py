"""Where code stands in a text: in fences, in strings of JSON, and in runs of lines that read as code.

Every step is linear in the text: a line is looked at once, and of a long one only its beginning and its end.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from curation.decontamination.code import languages

LOOKED_AT = 200  # characters of a line that say whether it is code
LEAST_LINES = 2  # that read as code, so that they are a block
LEAST_LITERAL = 40  # characters of a string of JSON that may be code
ENDINGS = frozenset(";{}")

_LITERAL = re.compile(r'(?<!\\)"(?:[^"\\\n]|\\.)*+"')  # at an escaped quote none begins: time stays linear
_FENCE = re.compile(r"[ \t>]*(?P<marks>```+|~~~+)[ \t]*(?P<language>[\w+#.-]*)")
_BEGINS = re.compile(
    r"""^[ \t]*+(?: (?:async[ ]++)?def[ ]++\w++[ ]?\( | class[ ]++\w++[ ]?[:(]
        | (?:if|elif|for|while|with|except|else|try|finally|match|case)\b.*:[ \t\r]*(?:\#.*)?$
        | (?:return|yield|raise|assert|del|global|nonlocal|pass|break|continue)\b
        | import[ ]++[\w.]++(?:[ ]as|[ \t]*[,;]|[ \t\r]*$) | from[ ]++[\w.]++[ ]++import\b
        | (?:export[ ]++)?(?:function|const|let|var|enum|struct|impl|fn|func|package|namespace)
          [ ]++[\w{(*\[]++[ ]?[({=:;]
        | (?:public|private|protected|static|template|typedef|unsigned|extern)[ ]
        | @\w++[ \t\r]*(?:\(|$)
        | [\w.]++(?:\[[^\]\n]*+\])?(?:,[ ]*+\*?[\w.]++)*+[ ]*+(?::[ ]?[\w\[\], .|]+?)?
          (?:[-+*/%&|^:@]|//|<<|>>|\*\*)?=(?!=)[ ]*\S
        | [\w.]++\(
        | [])}]
        | \#(?:include|define|pragma|!)
        | (?://|/\*)
    )""",
    re.VERBOSE | re.MULTILINE,
)
_ENDS = re.compile(r"[;{}][ \t\r]*$", re.MULTILINE)


class Block(NamedTuple):
    """Code, the language that it is read as (empty: none that is known), and where it stands in the text."""

    language: str
    code: str
    start: int
    end: int


def may_hold_code(text: str) -> bool:
    """Whether it is worth looking for code: ordinary text lacks one of these, and costs nothing more."""
    if "(" not in text:
        return False
    if "\n" in text:
        has_lines = "\n " in text or "\n\t" in text or ";\n" in text or "```" in text or is_flat_script(text)
    else:
        has_lines = "{" in text and "}" in text and ";" in text
    if not has_lines and "\\" in text:
        has_lines = "\\n " in text or "\\n\\t" in text or ";\\n" in text
    return has_lines and ("=" in text or "return" in text or "{" in text)


def is_flat_script(text: str) -> bool:
    """Whether a text without indented lines may be statements all the same."""
    return text.count("(") > 2 and text.count(" = ") > 2


def blocks(text: str) -> list[Block]:
    """The blocks of code of a text that may hold some, in order.

    Those without a label are one language, guessed from all of them.
    """
    found = list(in_literals(text)) if "\\n" in text else []
    is_json = bool(found) and text.lstrip()[:1] in ("{", "[")
    if not is_json and ("```" in text or "~~~" in text or _BEGINS.search(text) or _ENDS.search(text)):
        found += outside(text, found)
    unnamed = "\n".join(code for language, code, _, _ in found if not language)
    guess = languages.guess(unnamed) if unnamed else ""
    return [block._replace(language=block.language or guess) for block in sorted(found, key=lambda block: block.start)]


def in_literals(text: str) -> Iterator[Block]:
    """Strings of JSON that hold lines of code, with their escapes undone; what is fenced in them is theirs."""
    for match in _LITERAL.finditer(text):
        literal = match.group()
        if len(literal) < LEAST_LITERAL or "\\n" not in literal:
            continue
        try:
            inner = json.loads(literal, strict=False)
        except ValueError:
            continue
        if may_hold_code(inner):
            for block in outside(inner, ()):
                yield block._replace(start=match.start(), end=match.end())


def outside(text: str, taken: Sequence[Block]) -> Iterator[Block]:
    """Fenced blocks, and runs of lines of code around them, but for what is taken."""
    first = 0
    for start, end in [*((block.start, block.end) for block in taken), (len(text), len(text))]:
        if start > first:
            yield from of_lines(text, first, start)
        first = max(first, end)


def of_lines(text: str, first: int, last: int) -> Iterator[Block]:
    """The blocks between two places of a text."""
    begun, fence, language, run = first, "", "", Run()
    for start, end in lines(text, first, last):
        head = text[start : min(end, start + LOOKED_AT)]
        mark = _FENCE.match(head)
        if fence:
            if mark and mark["marks"].startswith(fence) and not mark["language"]:
                yield Block(language, text[begun:start], begun, start)
                fence = ""
        elif mark:
            yield from run.closed(text)
            fence, begun = mark["marks"], end
            language = languages.named(mark["language"])
        elif run.takes(head, text[max(start, end - LOOKED_AT) : end]):
            run.extend(start, end)
        else:
            yield from run.closed(text)
    if fence and begun < last:
        yield Block(language, text[begun:last], begun, last)
    yield from run.closed(text)


def lines(text: str, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Where each line begins and ends (behind its line break)."""
    while first < last:
        end = text.find("\n", first, last) + 1 or last
        yield first, end
        first = end


class Run:
    """Lines of code, one after the other: those that read as code, and what is indented or quoted below one."""

    def __init__(self) -> None:
        self.start = self.end = -1
        self.lines = 0  # that read as code
        self.quote = ""

    def takes(self, head: str, tail: str) -> bool:
        """Whether a line, of which the beginning and the end are given, goes on."""
        stripped = head.strip()
        if self.quote:
            self.quote = "" if self.quote in head or self.quote in tail else self.quote
            return True
        is_open = self.start >= 0
        if not stripped:
            return is_open
        reads_as_code = bool(_BEGINS.match(head)) or tail.rstrip()[-1:] in ENDINGS
        self.lines += reads_as_code
        if reads_as_code or (is_open and head[0] in " \t#*"):
            self.quote = opened_quote(stripped)
            return True
        return False

    def extend(self, start: int, end: int) -> None:
        if self.start < 0:
            self.start = start
        self.end = end

    def closed(self, text: str) -> Iterator[Block]:
        """The run as a block, if there is one of more than a line; then none has begun."""
        if self.lines >= LEAST_LINES:
            yield Block("", text[self.start : self.end], self.start, self.end)
        self.start, self.lines, self.quote = -1, 0, ""


def opened_quote(line: str) -> str:
    """What ends the docstring or the comment that a line leaves open; empty if it leaves none."""
    for mark in ('"""', "'''"):
        if line.count(mark) % 2:
            return mark
    return "*/" if line.rfind("/*") > line.rfind("*/") else ""
