"""What a text with code says in words: docstrings, comments and the sentences around it, in any common language."""

import pytest

from curation.decontamination.parts import prose

TASK = "Return the largest gap between two neighbours of a sorted list"
PYTHON = (
    f'from typing import List\n\ndef gap(xs: List[int]) -> int:\n    """{TASK}.\n\n    >>> gap([1])\n    3\n    """\n'
)
JAVASCRIPT = (
    f"```js\n/**\n * {TASK}.\n * @param {{Array}} xs - the list\n */\nfunction gap(xs) {{\n    return 3;\n}}\n```"
)
C = f"#include <stdio.h>\n\n// {TASK}.\nint gap(int *xs, int n) {{\n    return 3;\n}}\n"
GO = f"package main\n\n// {TASK}.\n// >>> Gap([]int{{1, 4}})\n// 3\nfunc Gap(xs []int) int {{\n"
CHAT = f"{TASK}.\n\n```python\ndef gap(xs):\n    return max(b - a for a, b in zip(xs, xs[1:]))\n```"
ASSERTS = f"{TASK}.\nassert gap([1, 4]) == 3\nassert gap([1, 2]) == 1"


@pytest.mark.parametrize("text", [PYTHON, JAVASCRIPT, C, GO, CHAT, ASSERTS])
def test_the_description_is_found_without_the_code(text: str) -> None:
    assert prose.has_code(text)
    assert list(prose.descriptions(text)) == [f"{TASK}."]


def test_what_follows_an_example_is_no_description() -> None:
    (words,) = prose.descriptions(f'def gap(xs):\n    """{TASK}. For example: gap([1, 4]) returns 3\n    """\n')
    assert words == f"{TASK}."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Yesterday we went to the shop, and it was closed; so we went home.",
        "Ada has 3 apples. She eats one.\nHow many are left?\nTwo.",
        "Dear team,\n\nplease return the keys by Friday.\n\nBest,\nKim",
    ],
)
def test_prose_is_no_code(text: str) -> None:
    assert not prose.has_code(text)


def test_short_comments_say_nothing() -> None:
    assert not list(prose.descriptions("x = 1  # one\n# increment it\nx += 1\n"))


@pytest.mark.parametrize("part", ['"""', "/*", "// x\n", "# ", "'''\n", "/**", "{", "a = b\n", "`" * 3 + "\n"])
def test_hostile_text_is_read_and_says_nothing(part: str) -> None:
    text = part * 20_000
    assert prose.has_code(text) in (True, False)
    assert sum(map(len, prose.descriptions(text))) <= len(text)
