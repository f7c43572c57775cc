"""The tokens of code by tree-sitter's grammars: names and literals as kinds, without comments, docstrings and types.

A grammar reads whatever it is given, also halves and errors. A parse is of PIECE characters at most, cut at the end of
a line, so that work is linear in the code whatever the parser makes of it.
"""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from curation.decontamination.code.kinds import AS_ONE, DEFINING, DROPPED, GROUPED, LEFT_OUT, NAME, SAME, TEXTS
from curation.decontamination.code.languages import LANGUAGES
from curation.decontamination.code.names import KNOWN

if TYPE_CHECKING:
    from tree_sitter import Language, Node

PIECE = 16_000  # characters

_MODULES = {language: (f"tree_sitter_{language}", "language") for language in LANGUAGES}
_MODULES["javascript"] = ("tree_sitter_typescript", "language_tsx")

_BRACES, _CLOSING, _PARENTHESES = "{}", ")]}", "()"


@cache
def grammar(language: str) -> "Language | None":
    """The installed grammar of a language; None where it is not installed."""
    try:
        from tree_sitter import Language

        module, function = _MODULES[language]
        return Language(getattr(import_module(module), function)())
    except (ImportError, KeyError):
        return None


def tokens(code: str, language: str) -> list[str]:
    """The normalised tokens of code in a language whose grammar is installed."""
    found: list[str] = []
    for piece in pieces(code):
        found += piece_tokens(piece.encode("utf-8", "replace"), language)
    return found


def pieces(code: str) -> Iterator[str]:
    """The code, cut at ends of lines into parts of at most PIECE characters."""
    first = 0
    while len(code) - first > PIECE:
        cut = code.rfind("\n", first, first + PIECE) + 1
        end = cut if cut > first else first + PIECE
        yield code[first:end]
        first = end
    yield code[first:]


def piece_tokens(code: bytes, language: str) -> list[str]:
    """A walk over the leaves of the tree that does not enter what is left out or counts as one."""
    from tree_sitter import Parser

    cursor = Parser(grammar(language)).parse(code).walk()
    found, around = Tokens(braces=language != "python"), [""]
    while True:
        node = cursor.node
        assert node is not None
        kind = node.type
        if kind in AS_ONE:
            found.add(AS_ONE[kind])
        elif kind in LEFT_OUT or (kind == "expression_statement" and is_docstring(node)):
            if kind == "type":
                found.take_back(":", "->")
        elif cursor.goto_first_child():
            around.append(kind)
            continue
        elif node.is_named:
            found.add_word(code[node.start_byte : node.end_byte].decode("utf-8", "replace"))
        elif kind not in _PARENTHESES or not is_redundant(around):
            found.add_symbol(kind)
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return found.tokens
            around.pop()


def is_docstring(statement: "Node") -> bool:
    """Whether a statement is a text and nothing else."""
    return statement.child_count == 1 and statement.child(0).type in TEXTS


def is_redundant(around: list[str]) -> bool:
    """Whether a parenthesis changes nothing that is kept here; `around`: the kinds of the nodes that it stands in."""
    return around[-1] in GROUPED or (around[-1] == "generator_expression" and around[-2] != "call")


class Tokens:
    """Tokens as they are taken. `braces`: braces are blocks, which not everybody writes around one statement."""

    def __init__(self, braces: bool) -> None:
        self.tokens: list[str] = []
        self._braces, self._known = braces, ""

    def add(self, token: str) -> None:
        self.tokens.append(token)
        self._known = ""

    def add_word(self, word: str) -> None:
        """A name, or what a grammar could not place."""
        if word:
            is_known = word in KNOWN and not (self.tokens and self.tokens[-1] in DEFINING)
            self.add(NAME)
            self._known = word if is_known else ""

    def add_symbol(self, symbol: str) -> None:
        if symbol in DROPPED or (self._braces and symbol in _BRACES):
            return
        if symbol == "(" and self._known:
            self.tokens[-1] = self._known
        elif symbol in _CLOSING:
            self.take_back(",")
        self.add(SAME.get(symbol, symbol))

    def take_back(self, *symbols: str) -> None:
        """Drop the last token if it is one of these: a comma before a bracket closes, the colon before a type."""
        if self.tokens and self.tokens[-1] in symbols:
            self.tokens.pop()
