"""A registry with code: renamed programs are found, other programs pass, and nothing is told without the key."""

import ast
import json
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from curation.decontamination import registry as registries
from curation.decontamination.code import structure, tables
from curation.decontamination.overlap import Policy
from curation.decontamination.registry import BadRegistry, Registry
from tests.curation.conftest import EXAM, KEY

QUESTION = '''from typing import List

def shelve(crates: List[int], width: int) -> List[List[int]]:
    """ Put the crates onto shelves of this width, in order, and begin a new shelf where one does not fit.
    >>> shelve([3, 4, 2], 7)
    [[3, 4], [2]]
    """
'''
ANSWER = """    shelves, room = [[]], width
    for crate in crates:
        if crate > width:
            raise ValueError("too wide")
        if crate > room:
            shelves.append([])
            room = width
        shelves[-1].append(crate)
        room -= crate
    return [shelf for shelf in shelves if len(shelf) > 0]
"""
RENAMED = """def f(a, n):
    b, c = [[]], n
    # one after the other
    for x in a:
        if x > n:
            raise ValueError('No!')
        if x > c:
            b.append([])
            c = n
        b[-3].append(x)
        c -= x
    return [y for y in b if len(y) > 1]
"""
OTHER = """def g(a, n):
    total = {}
    while len(a) > n:
        key = a.pop()
        if key not in total or total[key] is None:
            total[key] = 0
        total[key] += 1
    for key, value in sorted(total.items()):
        print(key, value)
    return max(total.values(), default=n)
"""
SHORT = "def twice(a):\n    b = a\n    return f(b)\n"
ITEMS = [*EXAM, ("shelve", "code v1", QUESTION, ANSWER), ("short", "code v1", SHORT, "")]
LIMITS = Policy()


def opened(items=ITEMS, background=(), key=KEY, **more):
    return Registry.from_bytes(Registry.build(items, key, background, **more), key)


@pytest.fixture(scope="module")
def registry():
    return opened()


@pytest.mark.parametrize(
    "row",
    [
        (RENAMED, ""),
        ("Write it.", f"Here you are:\n```python\n{RENAMED}```\nDoes that help?"),
        (f"import os\n\n{OTHER}\n\n{RENAMED}\n\n{OTHER}", "Explain this."),
        (json.dumps({"text": RENAMED}), ""),
        (RENAMED.split("\n", 1)[1], ""),
        ("\n".join(RENAMED.split("\n")[:5]), "\n".join(RENAMED.split("\n")[5:])),
        (ast.unparse(ast.parse(RENAMED)), ""),
        (RENAMED.replace("\n", "\r\n"), ""),
    ],
)
def test_a_renamed_program_is_found(registry, row):
    overlap = registry.check(*row)
    assert overlap.blocked and (overlap.method, overlap.item_id, overlap.benchmark) == (
        "structure",
        "shelve",
        "code v1",
    )
    assert overlap.limit == LIMITS.structure_limit <= overlap.score == overlap.scores["structure"]


def test_evidence_is_the_rows_own_block(registry):
    answer = f"Here:\n```python\n{RENAMED}```\nDone.\n"
    (span,) = registry.check("Write it, please.", answer).spans
    assert span.part == "answer" and answer[span.start : span.end] == RENAMED
    parts = [span.part for span in registry.check(RENAMED[:80], RENAMED[80:]).spans]
    assert parts == ["prompt", "answer"]


def test_another_program_passes_and_learns_nothing(registry):
    overlap = registry.check(OTHER)
    assert not overlap.blocked and overlap.scores["structure"] < LIMITS.structure_limit and overlap.item_id == ""


def test_a_row_without_code_is_not_measured(registry):
    assert "structure" not in registry.check(EXAM[0][2], EXAM[0][3]).scores
    assert "structure" not in registry.check("Nothing (at all) = here.").scores


def test_a_registry_without_code_measures_none():
    plain = opened(EXAM)
    assert plain.header["code_items"] == 0 and "structure" not in plain.check(RENAMED).scores


def test_the_policy_decides(registry):
    cut = "\n".join(RENAMED.split("\n")[:8])
    share = registry.check(cut).scores["structure"]
    assert 0.2 < share < 1
    assert registry.with_policy(Policy(structure_limit=share - 0.01)).check(cut).method == "structure"
    assert not registry.with_policy(Policy(structure_limit=share + 0.01)).check(cut).blocked
    assert not registry.with_policy(Policy(structure_limit=1.01)).check(RENAMED).blocked


def test_too_little_code_is_said_and_does_not_block(registry):
    assert (registry.header["code_items"], registry.header["code_too_short"]) == (2, ["short"])
    assert not registry.check(SHORT.replace("twice", "h").replace("a", "z")).blocked


def test_what_everybody_writes_weighs_nothing():
    copies = [RENAMED.replace("room", f"r{n}") for n in range(12)]
    common = opened(background=[f"Example {n}:\n{code}" for n, code in enumerate(copies)])
    assert common.header["code_too_short"] == ["shelve", "short"]
    assert not common.check(RENAMED).blocked


def test_only_newer_items_are_asked_for():
    first = opened(number=1)
    added = ("more", "code v1", OTHER, "")
    second = opened([*ITEMS, added], number=2, previous=first)
    assert second.screen([(RENAMED, "")], since=1)[0].blocked is False
    assert second.screen([(OTHER.replace("total", "t"), "")], since=1)[0].item_id == "more"
    assert second.check(RENAMED).item_id == "shelve"


def test_the_same_input_gives_the_same_bytes():
    assert Registry.build(ITEMS, KEY, [OTHER]) == Registry.build(ITEMS, KEY, [OTHER])


def test_without_the_key_no_guess_is_confirmed():
    """Who holds the file and the right program, but another key, finds none of its fingerprints."""
    other = b"another key of thirty-two bytes."
    mine, theirs = opened(), opened(key=other)
    for name in ("code_gram_keys", "code_exact_keys", "code_anchor_keys"):
        assert not set(mine.arrays[name].tolist()) & set(theirs.arrays[name].tolist())
    assert len(mine.arrays["code_gram_keys"]) > 10 and not (mine.arrays["code_gram_keys"] & np.uint64(1)).any()
    file, guess = Registry.build(ITEMS, KEY), structure.of_item(QUESTION, ANSWER)
    assert not [word for word in " ".join(guess).split() if word.encode() in file]


def test_structure_has_keys_of_its_own():
    """The words of a structure say nothing about words of texts: the same text has other fingerprints there."""
    assert not set(tables.keys_of(KEY).tolist()) & set(registries.kernel_keys(KEY).tolist())


def test_what_tells_the_length_of_code_is_sealed():
    manifest = opened().header["arrays"]
    assert {name for name in manifest if name.startswith("code_") and manifest[name]["sealed"]} == {
        *(
            "code_anchor_before",
            "code_anchor_length",
            "code_field_mass",
            "code_field_rare",
            "code_field_words",
            "code_item",
        ),
    }


def test_an_older_file_is_refused(monkeypatch):
    data = Registry.build(ITEMS, KEY)
    monkeypatch.setitem(registries.PARAMETERS, "code", ["structure-0", 5, 16, 2])
    with pytest.raises(BadRegistry, match="publish a new epoch"):
        Registry.from_bytes(data, KEY)


def test_a_language_that_cannot_be_read_here_is_refused(monkeypatch):
    data = Registry.build(ITEMS, KEY)
    monkeypatch.setattr(structure, "readable", lambda: ["python"])
    with pytest.raises(BadRegistry, match="tree-sitter"):
        Registry.from_bytes(data, KEY)


def test_functions_of_the_standard_library_pass(registry):
    functions = []
    for name in ("ast", "configparser", "csv", "difflib", "inspect", "shutil", "statistics", "tarfile", "zipfile"):
        source = (Path(sysconfig.get_paths()["stdlib"]) / f"{name}.py").read_text()
        nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
        functions += [(ast.get_source_segment(source, node) or "", "") for node in nodes]
    assert len(functions) > 500
    assert not [overlap for overlap in registry.screen(functions) if overlap.blocked]
