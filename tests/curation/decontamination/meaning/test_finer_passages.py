"""An item that stands between other things in a row is compared without them."""

import json

from curation.decontamination.meaning.passages import (
    MOST_FINER,
    finer_passages,
    row_passages,
    text_to_embed,
)

ASKED = "Which metal is liquid at room temperature and was once used in thermometers?"
OTHER = "Please remember to water the plants in the hall before you leave for the weekend."
PROGRAM = f'''def liquid(metals):
    """{ASKED}"""
    found = [metal for metal in metals if metal.melts < 25]
    return found[0]
'''


def texts(prompt: str, answer: str = "") -> list[str]:
    return [passage.text for passage in finer_passages(0, prompt, answer)]


def test_paragraphs_are_read_alone() -> None:
    row = f"{OTHER}\n\n{ASKED}"
    assert ASKED in [text.strip() for text in texts(row)]
    [place] = [(part.start, part.end) for part in finer_passages(0, row, "") if part.text.strip() == ASKED]
    assert row[place[0] : place[1]].strip() == ASKED


def test_a_program_is_read_as_what_it_says_in_words() -> None:
    assert ASKED in texts(PROGRAM)
    assert ASKED in texts(f"Here is what I have so far, it does not work at all yet:\n\n```python\n{PROGRAM}```")


def test_a_question_is_read_without_its_options() -> None:
    assert ASKED in texts(f"{ASKED}\nA. iron\nB. mercury\nC. lead\nD. tin")


def test_a_record_is_read_as_what_its_strings_say() -> None:
    record = json.dumps({"id": 7, "messages": [{"role": "user", "content": ASKED}]})
    assert [passage.text for passage in row_passages(0, record, "")][1:] == [ASKED]


def test_the_first_passage_is_the_one_that_is_stored() -> None:
    assert row_passages(0, ASKED, OTHER)[0].text == text_to_embed(ASKED, OTHER)


def test_a_plain_question_has_no_finer_passages() -> None:
    assert texts(ASKED) == []


def test_a_row_of_a_thousand_parts_has_a_bounded_number_of_passages() -> None:
    assert 0 < len(texts("\n\n".join(f"{number} {OTHER}\n\n{PROGRAM}" for number in range(1000)))) <= MOST_FINER
