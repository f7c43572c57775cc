"""Python's tokens by its own tokenizer, for where no grammar is installed: of code that runs the same."""

import io
import keyword
import tokenize
from collections.abc import Iterable, Iterator

from curation.decontamination.code.grammars import Tokens
from curation.decontamination.code.kinds import NUMBER, TEXT

_CONSTANTS = {"True": "true", "False": "false", "None": "none"}
_SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER}
_FSTRING = getattr(tokenize, "FSTRING_START", -1), getattr(tokenize, "FSTRING_END", -1)
_SOFT = ("match", "case")

Token = tuple[int, str]


def tokens(code: str) -> list[str]:
    """The normalised tokens of Python code, up to the first place that the tokenizer cannot read."""
    found = Tokens(braces=False)
    line: list[Token] = []
    for kind, text in raw(code):
        if kind == tokenize.NEWLINE:
            take(line, found)
            line = []
        else:
            line.append((kind, text))
    take(line, found)
    return found.tokens


def raw(code: str) -> Iterator[Token]:
    """Kinds and texts; an f-string, however nested, is one text."""
    depth = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            depth += (token.type == _FSTRING[0]) - (token.type == _FSTRING[1])
            if token.type == _FSTRING[1] and depth == 0:
                yield tokenize.STRING, token.string
            elif depth == 0 and token.type not in _SILENT:
                yield token.type, token.string
    except (tokenize.TokenError, SyntaxError, ValueError):
        return


def take(line: list[Token], found: Tokens) -> None:
    """Take the tokens of one logical line, but for imports and docstrings."""
    if not line or line[0][1] in ("import", "from") or all(kind == tokenize.STRING for kind, _ in line):
        return
    soft = line[0][1] if line[0][1] in _SOFT and line[-1][1] == ":" else ""
    for number, (kind, text) in enumerate(without_groups(without_types(line))):
        if kind == tokenize.NUMBER:
            found.add(NUMBER)
        elif kind == tokenize.STRING:
            found.take_back(TEXT)  # texts beside each other are one
            found.add(TEXT)
        elif text in _CONSTANTS:
            found.add(_CONSTANTS[text])
        elif is_name(kind, text) and (number or not soft):
            found.add_word(text)
        else:
            found.add_symbol(text)


def is_name(kind: int, text: str) -> bool:
    return kind == tokenize.NAME and not keyword.iskeyword(text)


def without_groups(line: Iterable[Token]) -> Iterator[Token]:
    """The tokens but for parentheses that no call or declaration needs."""
    opened: list[bool] = []
    before: Token = (tokenize.OP, "")
    for token in line:
        if token[1] == "(":
            opened.append(is_name(*before) or before[0] == tokenize.STRING or before[1] in (")", "]", "}"))
        if token[1] not in ("(", ")") or (opened and (opened[-1] if token[1] == "(" else opened.pop())):
            yield token
        before = token


def without_types(line: list[Token]) -> Iterator[Token]:
    """The tokens but for annotations: those of parameters and results, and that of a variable."""
    declares = "def" in (line[0][1], line[min(1, len(line) - 1)][1])
    level = 1 if declares else 0  # of brackets, where the annotations stand
    depth, may_follow, skipping = 0, declares or (is_name(*line[0]) and line[-1][1] != ":"), False
    for token in line:
        text = token[1]
        depth += (text in ("(", "[", "{")) - (text in (")", "]", "}"))
        if skipping:
            skipping = not ends_type(text, depth, level)
        elif may_follow and depth == level and text == ":":
            skipping = True
        elif declares and depth == 0 and text == "->":
            skipping, level = True, 0
        if not skipping:
            yield token
            if depth == level and text in (",", "=", "lambda", "(", ")"):
                may_follow = declares and text in (",", "(")


def ends_type(text: str, depth: int, level: int) -> bool:
    """Whether an annotation ends before this token, `depth` brackets deep behind it."""
    return depth < level or (depth == level and text in (",", "=", ":"))
