"""Code made to be slow: no exception, and work in proportion to it."""

import random

import pytest

from curation.decontamination.code import grammars, structure
from tests.support.growth import grows_linearly, parts

RNG = random.Random(9)
LENGTH = 400_000  # several parses, also of an eighth of it
HEAD = "def f(a):\n    return a\n"
HOSTILE = {
    "brackets": HEAD + "(" * LENGTH,
    "brackets in lines": HEAD + "    x = (((((\n" * (LENGTH // 14),
    "nested blocks": "".join("if a(b):\n" + " " * (depth % 300 + 1) for depth in range(LENGTH // 160)),
    "braces": "int f(a) {\n" + "{" * LENGTH + ";\n",
    "unterminated text": HEAD + 'x = "' + "a\\n" * (LENGTH // 3),
    "unterminated docstring": HEAD + '    """' + "prose and x = f(y)\n" * (LENGTH // 19),
    "unterminated comment": "int f() {\n/* " + "x = f(y);\n" * (LENGTH // 10),
    "one line": "function f(){" + "a=b(c);" * (LENGTH // 7) + "}",
    "quotes": HEAD + '"""' * (LENGTH // 3),
    "literals": '{"a": "(=\\n ' + '", "(=\\n  ' * (LENGTH // 12),
    "backslashes": HEAD + '"' + "\\" * LENGTH + "n = (",
    "fences": "```\nx = f(1)\n" * (LENGTH // 13),
    "open fences": "(=\n " + "`" * LENGTH,
    "blank lines": HEAD + "\n" * LENGTH + "x = f(1)\n",
    "spaces": HEAD + ("    x = f(1);" + " " * 300 + "\n") * (LENGTH // 312),
    "commas": HEAD + "    " + "a," * (LENGTH // 2),
    "noise": HEAD + "".join(RNG.choices("(){}[]=;:,.+-*/<>\"'`#\\\n\t abc1", k=LENGTH)),
    "templates": "```cpp\n" + "template<a<b<" * (LENGTH // 13) + "\n```(=",
    "generics": "```rust\n" + "fn f<T:A<B<" * (LENGTH // 11) + "\n```(=",
    "surrogates": HEAD + "    x = f('\ud800')\n" * (LENGTH // 20),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_anything_is_read(name):
    found = structure.of(HOSTILE[name][:20_000])
    assert found is None or all(len(word) == 2 * structure.WIDTH for word in found.words)


# Of text that is never closed tree-sitter takes one to four times as long a character, and not the same each time:
# there the parses are counted, which read no more than a piece each.
TIMED = [name for name in HOSTILE if name != "unterminated text"]


@pytest.mark.slow
@pytest.mark.parametrize("name", TIMED)
def test_in_linear_time(name):
    once, twice = parts(HOSTILE[name])
    assert grows_linearly(lambda: structure.of(once), lambda: structure.of(twice))


@pytest.mark.parametrize("name", HOSTILE)
def test_no_parse_reads_more_than_a_piece(name):
    pieces = list(grammars.pieces(HOSTILE[name]))
    assert "".join(pieces) == HOSTILE[name]
    assert max(map(len, pieces)) <= grammars.PIECE
    assert len(pieces) <= 2 * len(HOSTILE[name]) // grammars.PIECE + 1
