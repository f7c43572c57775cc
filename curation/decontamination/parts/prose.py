"""What a text with code says in words: its docstrings, comments and the sentences around it, without the code.

A task keeps its description when its program is written anew in another language; a reworded description stands in a
comment. No language is parsed: comments are told by their marks and code by the look of its lines, in one pass each.
"""

import re
from collections.abc import Iterator

LEAST_WORDS = 6
"""A shorter comment says nothing about a task."""

_OPENS = re.compile(r'"""|\'\'\'|/\*|^[ \t]*(?:///?|#(?!include\b|define\b|if|endif|pragma\b|!)|--)', re.MULTILINE)
_ENDS = {'"""': '"""', "'''": "'''", "/*": "*/"}
_LINES = re.compile(r"(?:[ \t]*(?:///?|#|--)[^\n]*(?:\n|\Z))+")
_BLOCK = re.compile(r'"""|\'\'\'|/\*|^[ \t]*(?:```|//)', re.MULTILINE)
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)")
_GUTTER = re.compile(r"^[ \t]*(?:\*+(?!/)|///?!?|#+|--)?[ \t]?")
_EXAMPLES = re.compile(
    r"""[ \t]*(?: >>> | @\w+ | :\w+ | (?:args?|arguments|parameters?|params|returns?|examples?|e\.g|raises|note|output
        |input|sample)\b[^.]{0,40}:?[ \t]*$ )""",
    re.IGNORECASE | re.VERBOSE,
)
_INSTANCES = re.compile(r"(?i)\b(?:for (?:example|instance)|examples?|illustrations?)\b *\d*[:,(]| >>> ")
_CODE_LINE = re.compile(
    r"""(?: (?:def|func|fun|function)\s[\w.<>]*\s*\( | assert\s | package\s\w+;?$ | \#include\b | import\s[\w.*]+;?$
        | from\s[\w.]+\simport\b | return\b | pass\b | [{}()\[\]] | @\w+ | \#!
        | (?:class|if|elif|else|for|while|try|except|with|public|private|static|const|let|var|using|int|float|double
          |void|char|bool|struct)\b.*[:;{}()=\]'"\[,]$
        | [\w.\[\]]+\s?[-+*/%|&]?=(?!=) | [\w.]+\(.*\)[;{:,]?$ | .*[;{}][ \t]*(?://.*)?$ | \w+\s*->)""",
    re.VERBOSE,
)


def is_code_line(line: str) -> bool:
    return bool(_CODE_LINE.match(line.strip()))


def has_code(text: str) -> bool:
    """Whether two lines of a text look like code, and a quarter of those that are not empty."""
    lines = [line for line in text.splitlines() if line.strip()]
    count = sum(map(is_code_line, lines))
    return (count >= 2 and 4 * count >= len(lines)) or (count >= 1 and bool(_BLOCK.search(text)))


def descriptions(text: str) -> Iterator[str]:
    """The comments and the sentences of a text that holds code, those of at least LEAST_WORDS words; in order."""
    at = 0
    for outside, start, end, after in comments(text):
        yield from sentences(text[at:outside])
        yield from long_enough(comment(text[start:end]))
        at = after
    yield from sentences(text[at:])


def comments(text: str) -> Iterator[tuple[int, int, int, int]]:
    """Where each comment begins, with its mark and without, and where it ends, likewise. An unclosed mark is none."""
    at, unclosed = 0, set[str]()
    while opens := _OPENS.search(text, at):
        mark = opens.group()
        ending = _ENDS.get(mark)
        if ending is None:
            lines = _LINES.match(text, opens.start())
            at = lines.end() if lines else opens.end()
            yield opens.start(), opens.start(), at, at
            continue
        end = -1 if mark in unclosed else text.find(ending, opens.end())
        if end < 0:
            unclosed.add(mark)
            at = opens.end()
            continue
        at = end + len(ending)
        yield opens.start(), opens.end(), end, at


def comment(text: str) -> list[str]:
    """The lines of what a comment says before its examples and parameters begin."""
    said: list[str] = []
    for line in text.splitlines():
        words = _GUTTER.sub("", line, count=1).strip()
        if not _EXAMPLES.match(words):
            said.append(words)
        elif said:
            break
    return said


def sentences(text: str) -> Iterator[str]:
    """Paragraphs of prose between comments."""
    said: list[str] = []
    for line in text.splitlines():
        plain = line.strip()
        if not plain or is_code_line(plain) or _FENCE.match(line):
            yield from long_enough(said)
            said = []
        else:
            said.append(plain)
    yield from long_enough(said)


def long_enough(lines: list[str]) -> Iterator[str]:
    words = _INSTANCES.split(" ".join(filter(None, lines)), maxsplit=1)[0].strip()
    if len(words.split()) >= LEAST_WORDS:
        yield words
