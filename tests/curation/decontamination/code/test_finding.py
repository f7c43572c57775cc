"""Where code stands in a text: fences, strings of JSON, runs of lines; and that prose is none."""

import json

import pytest

from curation.decontamination.code import finding, languages

BODY = "    total = 0\n    for value in values:\n        total += value\n    return total\n"
IN_C = 'int f(int a) {\n  printf("%d", a);\n  return a;\n}\n'
FUNCTION = f"def add(values):\n{BODY}"


def found(text):
    return [(block.language, block.code) for block in finding.blocks(text)] if finding.may_hold_code(text) else []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (FUNCTION, [("python", FUNCTION)]),
        (BODY + "    print(total)\n", [("python", BODY + "    print(total)\n")]),
        (f"See here:\n\n```py\n{FUNCTION}```\nDone.", [("python", FUNCTION)]),
        (f"~~~~\n{FUNCTION}~~~\n~~~~", [("python", FUNCTION + "~~~\n")]),
        (f"```js\n{FUNCTION}", [("javascript", FUNCTION)]),
        (f"Write a function.\n{FUNCTION}That is all.\n", [("python", FUNCTION)]),
        (f"Indented:\n\n{BODY}    print(total)\n\nThat is all.", [("python", BODY + "    print(total)\n\n")]),
        (json.dumps({"prompt": "Add these.", "completion": FUNCTION}), [("python", FUNCTION)]),
        (json.dumps([{"text": f"So:\n```python\n{FUNCTION}```"}], indent=1), [("python", FUNCTION)]),
        (IN_C, [("cpp", IN_C)]),
    ],
)  # fmt: skip
def test_code_is_found(text, expected):
    assert found(text) == expected


def test_a_docstring_is_part_of_its_function():
    code = 'def f(a):\n    """ Prose here.\n\nNot indented: it says what f is.\n    """\n    return g(a) == 1\n'
    assert found(code) == [("python", code)]


def test_a_block_says_where_it_stands():
    text = f"Look:\n```python\n{FUNCTION}```\n"
    (block,) = finding.blocks(text)
    assert text[block.start : block.end] == FUNCTION
    literal = json.dumps({"a": FUNCTION})
    (block,) = finding.blocks(literal)
    assert json.loads(literal[block.start : block.end]) == FUNCTION


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The committee met (on Tuesday) to talk about the garden. It was = agreed.\nNobody had watered the beans.",
        "Natalia sold 48/2 = 24 clips (in May).\nShe sold 48+24 = 72 clips.\nSo 72 = 72.\n#### 72",
        "1. First (a = b)\n   - an indented list\n   - of words\n2. Second",
        "Dear all,\n    please return the forms (see below; {number}).\nYours",
    ],
)
def test_prose_is_no_code(text):
    assert found(text) == []


@pytest.mark.parametrize(
    ("code", "language"),
    [
        (BODY, "python"),
        ("const f = (a) => {\n  return a.length === 2;\n};", "javascript"),
        ("public static int f(String s) {\n  return s.length();\n}", "java"),
        ("int main() {\n  std::vector<int> v;\n  return 0;\n}", "cpp"),
        ("func f(xs []int) int {\n  s := 0\n  for _, x := range xs {\n    s += x\n  }\n  return s\n}", "go"),
        ("fn f(xs: &Vec<i32>) -> usize {\n  let mut s = 0;\n  s\n}", "rust"),
    ],
)
def test_a_language_is_guessed(code, language):
    assert languages.guess(code) == language
    assert languages.named("Kotlin") == "" and languages.named("TypeScript") == "javascript"
