"""The structure of code: known answers in each language, and what never changes it."""

import ast
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.decontamination.code import languages, structure

PYTHON = '''
import math
from typing import List

def count(values: List[int], limit: float = 1.5) -> bool:
    """ How many values
    exceed the limit. """
    total: int = 0  # so far
    for index, value in enumerate(values):
        if value is not None and (value > limit):
            total += values[-1] * (value + 2)
    return {"all": total, 'label': f"{total}!"}
'''

KNOWN = {
    "python": (
        PYTHON,
        "def name ( name , name = 0 ) : name = 0 for name , name in enumerate ( name ) : if name is not none and name >"
        " name : name += name [ - 0 ] * name + 0 return { '' : name , '' : '' }",
    ),
    "javascript": (
        "import x from 'y';\n/** Adds. */\nexport const add = (a, b) => {\n  let c = a.length + 1; // more\n"
        "  if (c === undefined) return `t${a}`;\n  items.push(c, );\n  return /ab+/.test(b);\n};\n",
        "let name = ( name , name ) => let name = name . name + 0 if name == none return '' name . push ( name )"
        " return '' . name ( name )",
    ),
    "typescript": (
        "interface A { b: number }\nfunction f<T>(xs: Array<T>, n: number = 2): T | null {\n  const y: T[] = [];\n"
        "  for (const x of xs) y.push(x as any);\n  return null;\n}\n",
        "function name ( name , name = 0 ) let name = [ ] for ( let name of name ) name . push ( name as any )"
        " return none",
    ),
    "java": (
        "package p;\nimport java.util.*;\npublic class A {\n  // sum\n  public static int f(List<Integer> xs) {\n"
        "    int s = 0;\n    for (int x : xs) { s += x; }\n    return s > 10L ? this.g(s) : 'c';\n  }\n}\n",
        "class name type name ( type name ) type name = 0 for ( type name : name ) name += name return name > 0 ?"
        " self . name ( name ) : ''",
    ),
    "c": (
        '#include <stdio.h>\n/* largest */\nstatic int f(const int *a, int n) {\n  int m = a[0];\n'
        '  for (int i = 1; i < n; i++) if (a[i] > m) m = a[i];\n  printf("%d\\n", m);\n  return m;\n}\n',
        "type name ( type * name , type name ) type name = name [ 0 ] for ( type name = 0 name < name name ++ ) if name"
        " [ name ] > name name = name [ name ] printf ( '' , name ) return name",
    ),
    "cpp": (
        "#include <vector>\nusing namespace std;\nint f(const vector<int>& v) {\n"
        "  for (auto x : v) { if (!x) return 1; }\n  return v.size() == 0 ? -1 : nullptr;\n}\n",
        "type name ( type & name ) for ( type name : name ) if ! name return 0 return name . size ( ) == 0 ? 0 : none",
    ),
    "go": (
        'package p\n\nimport "fmt"\n\n// F adds.\nfunc F(xs []int) (s int, err error) {\n\tfor _, x := range xs {\n'
        "\t\ts += x\n\t}\n\tif s > 3 {\n\t\treturn s, nil\n\t}\n\treturn len(xs), nil\n}\n",
        "func name ( name type ) ( name type , name type ) for name , name := range name name += name if name > 0"
        " return name , none return len ( name ) , none",
    ),
    "rust": (
        "use std::fmt;\n/// Adds.\npub fn f(xs: &Vec<i32>, k: usize) -> i32 {\n    let mut s = 0;\n"
        "    for x in xs.iter() { s += x; }\n    if s > 3 { return s; }\n    xs[k]\n}\n",
        "fn name ( name : type , name : type ) -> type let name = 0 for name in name . iter ( ) name += name if"
        " name > 0 return name name [ name ]",
    ),
}  # fmt: skip


def tokens(code, language="python"):
    return structure.tokens(code, languages.named(language))


@pytest.mark.parametrize("language", KNOWN)
def test_tokens_by_hand(language):
    code, expected = KNOWN[language]
    assert " ".join(tokens(code, language)) == expected


NAMES = ("count", "values", "limit", "total", "index", "value")
WORD = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=9)


@given(st.lists(WORD.map("own_{}".format), min_size=6, max_size=6, unique=True))
def test_other_names_are_the_same_structure(new):
    renamed = re.sub(r"\b(" + "|".join(NAMES) + r")\b", lambda m: new[NAMES.index(m.group())], PYTHON)
    assert tokens(renamed) == tokens(PYTHON)


@given(st.integers(0, 10**9), st.floats(0, 1e9).map(repr), st.text("abc xyz%{}", max_size=9))
def test_other_literals_are_the_same_structure(whole, part, text):
    changed = PYTHON.replace("1.5", part).replace("+ 2", f"+ {whole}").replace('"all"', repr(text))
    assert tokens(changed) == tokens(PYTHON)


@given(st.randoms(use_true_random=False))
def test_comments_and_white_space_are_not_structure(rng: random.Random):
    code = PYTHON[: PYTHON.index('"""')] + PYTHON[PYTHON.rindex('"""') + 3 :]
    changed = [
        f"{line}{rng.choice(['', '  # a note', '   '])}" + "\n" * rng.randrange(1, 4) for line in code.split("\n")
    ]
    assert tokens("".join(changed).replace("    ", "\t")) == tokens(PYTHON)


def test_a_formatter_changes_nothing():
    assert tokens(ast.unparse(ast.parse(PYTHON))) == tokens(PYTHON)


def test_another_order_of_statements_is_another_structure():
    first, second = "a = f(b)\nreturn a[0] + len(b)", "return a[0] + len(b)\na = f(b)"
    assert tokens(first) != tokens(second)


def test_an_item_is_split_where_its_answer_begins():
    head, body = PYTHON.split("    total: int", 1)
    question, answer = structure.of_item(head, "    total: int" + body)
    found = structure.of(PYTHON)
    assert found is not None and question and answer
    assert f"{question} {answer}".split() == found.words
    assert structure.of_item("What does this print?", "Nothing.") == ("", "")


@pytest.mark.parametrize(
    "dressed",
    [
        PYTHON.replace("=", "\uff1d"),
        PYTHON.replace("total", "to\u200btal"),
        "<pre><code>" + PYTHON.replace(">", "&gt;") + "</code></pre>",
    ],
)
def test_disguises_of_characters_are_undone(dressed):
    found, plain = structure.of(dressed), structure.of(PYTHON)
    assert found is not None and plain is not None and found.words == plain.words
    assert found.places(0, len(found.words)) == (0, len(dressed))
