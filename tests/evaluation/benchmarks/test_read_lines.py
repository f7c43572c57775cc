"""What is no JSON, or none that everybody can read, is named by its line, and by its field where there is one."""

import pytest

from cftapp.base.refusal import Refused
from evaluation.items import read_lines

GOOD = '{"question": "Why?", "answer": "So."}'
BAD = {
    "[" * 100_000 + "]" * 100_000: ("line 2", "nested more than 100 levels deep"),
    '{"question": "Why?", "answer": ' + "[" * 200 + "]" * 200 + "}": ("line 2, answer.0.0", "nested more than 100"),
    '{"question": "Why?", "answer": NaN}': ("line 2", "NaN is no number"),
    '{"question": "Why?", "answer": "So.", "\\ud800": 1}': ("line 2, \\ud800", "not well-formed Unicode"),
    '{"question": "Why?", "answer": "\\ud800"}': ("line 2, answer", "half a surrogate pair"),
    '{"question": ' + "1" * 5_000 + "}": ("line 2", "5000 digits"),
    '{"question": "Why?"': ("line 2", "It is no JSON."),
}


@pytest.mark.parametrize("line", BAD, ids=[words for _, words in BAD.values()])
def test_a_line_that_cannot_be_read_is_named(line):
    field, words = BAD[line]
    with pytest.raises(Refused) as refused:
        read_lines(f"{GOOD}\n{line}\n", "exact")
    (blocked,) = refused.value.blockers
    assert blocked.field.startswith(field) and words in blocked.message and blocked.remedy
