"""Python's own tokenizer stands in for a grammar that is not installed: the same tokens of code that runs."""

import ast
import sysconfig
from pathlib import Path

import pytest

from curation.decontamination.code import grammars, python_tokens, structure

MODULES = ("bisect", "csv", "fractions", "heapq", "shlex", "statistics", "textwrap")


@pytest.mark.parametrize("name", MODULES)
def test_the_same_tokens_as_the_grammar(name):
    source = (Path(sysconfig.get_paths()["stdlib"]) / f"{name}.py").read_text()
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    texts = [ast.unparse(node) for node in functions]
    assert len(texts) > 3
    assert [python_tokens.tokens(text) for text in texts] == [grammars.tokens(text, "python") for text in texts]


def test_without_grammars_python_is_read_all_the_same(monkeypatch):
    code = (
        "def f(a: int = 3) -> int:\n    'Adds.'\n    import os\n    b: int = (a + len([1, 2]))\n    return f'{b}' 'x'\n"
    )
    read = structure.tokens(code, "python")
    monkeypatch.setattr(grammars, "grammar", lambda language: None)
    assert structure.tokens(code, "python") == read
    assert " ".join(read) == "def name ( name = 0 ) : name = name + len ( [ 0 , 0 ] ) return ''"
    assert structure.tokens("int f(int a) { return a; }", "cpp") == [] and structure.readable() == ["python"]


@pytest.mark.parametrize("broken", ["def f(:\n  '''", "x = (1,\n", "\x00\n", "  a\n b\n", "if x:\n\ty\n        z\n"])
def test_what_does_not_run_ends_the_reading(broken):
    assert isinstance(python_tokens.tokens(broken), list)
