"""Every check of a row but the registry's own, on a megabyte made to be slow: no exception, work in proportion."""

import random

import pytest

from curation.checks import commentary, personal_data, secrets
from curation.checks.duplicates import Row, band_keys
from tests.curation.decontamination.test_bad_input import HOSTILE, MEGABYTE
from tests.support.growth import grows_linearly, parts

RNG = random.Random(6)
KINDS = {
    **{
        name: HOSTILE[name]
        for name in ("a million tokens", "one long word", "base64", "chinese", "surrogates", "table")
    },
    "digits": "1234567890" * 100_000,
    "pairs of digits": "12 34 " * 170_000,
    "any digits": "".join(RNG.choices("0123456789 -.", k=MEGABYTE)),
    "telephones": "call 030 1234567 " * 60_000,
    "addresses": "1.2.3." * 170_000,
    "hexadecimal": "".join(RNG.choices("0123456789abcdef:", k=MEGABYTE)),
    "cards": "4111 1111 1111 1111 " * 50_000,
    "accounts": "AB12 CDEF GH34 " * 70_000,
    "at": "@" * MEGABYTE,
    "half addresses": "a@b." * 250_000,
    "plus": "+1" * 500_000,
    "keywords": "password secret token " * 45_000,
    "assignments": "password=" * 110_000,
    "beginnings of tokens": "eyJabcdefgh." * 83_000,
    "remarks": "This is wrong, it should say. " * 33_000,
}
CHECKS = {
    "personal data": personal_data.scan,
    "secrets": secrets.scan,
    "commentary": commentary.read,
    "bands": lambda text: band_keys([Row(text, "")])[0],
}


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", KINDS)
def test_in_linear_time(name, check):
    scan, text = CHECKS[check], KINDS[name][:MEGABYTE]
    assert scan(text) is not None
    once, twice = parts(text)
    assert grows_linearly(lambda: scan(once), lambda: scan(twice))


def test_the_bands_of_the_longest_row_that_has_any():
    row = Row("", HOSTILE["base64"][:50_000])
    assert len(set(band_keys([row])[0])) == 32 and not row.is_long
    quarter = Row("", HOSTILE["base64"][:12_500])
    assert grows_linearly(lambda: band_keys([quarter]), lambda: band_keys([row]))


def test_more_numbers_than_can_be_compared_are_a_hit():
    few, many = (" ".join(f"{n:04} {n:04} x" for n in range(count)) for count in (200, 900))
    assert "unchecked_numbers" not in {hit.rule for hit in personal_data.scan(few)}
    assert "unchecked_numbers" in {hit.rule for hit in personal_data.scan(many)}
