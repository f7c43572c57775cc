"""Arguments are compared as JSON: order and spacing are no difference, a value is, key by key."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.arguments import Change, changes, pretty

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def test_the_order_and_the_spacing_of_keys_are_no_difference():
    assert changes('{"city": "Oslo", "days": 3}', '{ "days":3,"city":"Oslo" }') == []
    assert changes('{"days": 3}', '{"days": 3.0}') == [], "one number, spelt in two ways"
    assert changes('{"city": "\\u004fslo"}', '{"city": "Oslo"}') == [], "one text, spelt in two ways"


def test_a_changed_value_is_named_by_its_key():
    before = '{"city": "Oslo", "stay": {"nights": [1, 2]}, "old": true}'
    after = '{"city": "Bergen", "stay": {"nights": [1, 3]}, "new": null}'
    assert changes(before, after) == [
        Change("city", '"Oslo"', '"Bergen"'),
        Change("stay.nights[1]", "2", "3"),
        Change("new", None, "null"),
        Change("old", "true", None),
    ]


def test_true_is_not_one_and_a_text_is_no_number():
    assert changes('{"a": true, "b": 1}', '{"a": 1, "b": "1"}') == [Change("a", "true", "1"), Change("b", "1", '"1"')]


def test_a_key_with_a_dot_is_not_two_keys():
    assert changes('{"a.b": 1}', '{"a": {"b": 1}}') == [Change("a.b", None, "1"), Change('["a.b"]', "1", None)]


def test_an_emptied_object_is_a_change():
    assert changes('{"a": {"b": 1}}', '{"a": {}}') == [Change("a", None, "{}"), Change("a.b", "1", None)]


@pytest.mark.parametrize("text", ["", "{", '{"a": NaN}', '{"a": 1, "a": 2}', "[" * 100_000])
def test_what_is_no_json_is_not_compared_as_json_and_is_shown_as_it_came(text):
    assert changes(text, "{}") is None and changes("{}", text) is None
    assert pretty(text) == text


def test_arguments_are_shown_indented_in_their_own_order_and_letters():
    assert pretty('{"b":"Tromsø","a":[]}') == '{\n  "b": "Tromsø",\n  "a": []\n}'


@given(JSON)
def test_however_it_is_spelt_it_is_the_same(value):
    assert changes(json.dumps(value, sort_keys=True), json.dumps(value, indent=3, ensure_ascii=False)) == []


@given(JSON, JSON)
def test_no_change_is_found_only_where_there_is_none(one, other):
    found = changes(json.dumps(one), json.dumps(other))
    if found == []:
        assert one == other
    assert changes(json.dumps(one), json.dumps(one)) == []
