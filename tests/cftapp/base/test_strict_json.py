"""JSON from strangers: what Python's reader takes beyond JSON is refused with a sentence, and where it stands."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cftapp.base.strict_json import DEEPEST, NotJson, read

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(VALUES)
def test_json_is_read_as_it_is(value):
    assert read(json.dumps(value).encode()) == value
    assert read(json.dumps(value, ensure_ascii=False)) == value


@pytest.mark.parametrize(
    "raw, says, path",
    [
        (b'{"temperature": NaN}', "NaN is no number", ""),
        (b"[-Infinity]", "-Infinity is no number", ""),
        (b"[1e999]", "1e999 is beyond a 64-bit number", ""),
        (b"[-1e400]", "beyond a 64-bit number", ""),
        (b"1" * 400, "a number has 400 digits", ""),
        (b"1" * 5000, "a number has 5000 digits", ""),
        (b"\xff\xfe", "not UTF-8: byte 0", ""),
        (b'"\xed\xa0\x80"', "not UTF-8", ""),
        (b"", "This is not JSON", ""),
        (b"{'a': 1}", "This is not JSON", ""),
        (rb'{"a": [{"b": "x\ud83d"}]}', "lacks its partner", "a.0.b"),
        (rb'{"a": {"\uDC00": 1}}', "lacks its partner", "a.\\udc00"),
        (b"[" * 100_000, "more than 100 levels deep", ""),
        (b"[" * 100_000 + b"]" * 100_000, "more than 100 levels deep", ""),
        (b'{"x":' * 100_000, "more than 100 levels deep", ""),
    ],
)
def test_what_is_no_json_is_refused_with_a_sentence(raw, says, path):
    with pytest.raises(NotJson) as refused:
        read(raw)
    assert says in str(refused.value) and str(refused.value).endswith(".")
    assert refused.value.path == path


def test_as_deep_as_is_allowed_and_one_deeper():
    assert read("[" * DEEPEST + "]" * DEEPEST)
    for deeper in (DEEPEST + 1, 600):
        with pytest.raises(NotJson, match="levels deep"):
            read("[" * deeper + "]" * deeper)


def test_whole_pairs_are_letters():
    assert read(rb'{"\ud83d\ude00": "\ud83d\ude00"}') == {"😀": "😀"}


def test_texts_may_be_left_to_their_fields_names_are_not():
    assert read(r'{"a": "\ud800"}', checks_texts=False) == {"a": "\ud800"}
    with pytest.raises(NotJson, match="lacks its partner"):
        read(r'{"\ud800": 1}', checks_texts=False)


def test_a_path_can_be_written_whatever_the_names_are():
    with pytest.raises(NotJson) as refused:
        read(json.dumps({"k" * 100_000: {"é\ud800": ["x" * 500_000]}}))
    assert refused.value.path.encode() and len(refused.value.path) <= 300
