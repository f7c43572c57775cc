"""Known answers: what is personal data, and what only looks like it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.checks.personal_data import VERSION, scan


@pytest.mark.parametrize(
    ("text", "rule", "value"),
    [
        ("Mail jo.doe+shop@example.co.uk today", "email", "jo.doe+shop@example.co.uk"),
        ("Ring +49 30 901820 after six", "phone", "+49 30 901820"),
        ("or +44 7700 900123, please", "phone", "+44 7700 900123"),  # kept for examples: no plan gives it out
        ("+447700900123", "phone", "+447700900123"),
        ("at +1 (555) 010-9999.", "phone", "+1 (555) 010-9999"),
        ("call 020 7946 0958", "phone", "020 7946 0958"),
        ("(415) 555-2671 is my number", "phone", "(415) 555-2671"),
        ("You can call me on 4155552671", "phone", "4155552671"),
        ("IBAN DE89 3704 0044 0532 0130 00", "iban", "DE89 3704 0044 0532 0130 00"),
        ("GB82WEST12345698765432", "iban", "GB82WEST12345698765432"),
        ("Card 4111 1111 1111 1111.", "payment_card", "4111 1111 1111 1111"),
        ("card:5500-0000-0000-0004", "payment_card", "5500-0000-0000-0004"),
        ("from 8.8.8.8 today", "ip_address", "8.8.8.8"),
        ("at 2001:4860:4860::8888 it", "ip_address", "2001:4860:4860::8888"),
        ("SSN 536-90-4399", "us_ssn", "536-90-4399"),
        ("NINO QQ123456C is invalid, AB123456C is not", "uk_nino", "AB123456C"),
        ("AHV 756.9217.0769.85", "swiss_ahv", "756.9217.0769.85"),
        ("DNI 54362315K", "spanish_dni", "54362315K"),
        ("codice RCCMNL83S18D969H", "codice_fiscale", "RCCMNL83S18D969H"),
        ("BSN 111222333", "dutch_bsn", "111222333"),
        ("PESEL: 44051401359", "pesel", "44051401359"),
        ("Steuer-ID 36 574 261 809", "german_tax_id", "36 574 261 809"),
    ],
)
def test_a_hit_has_its_span_rule_and_version(text, rule, value):
    hits = [hit for hit in scan(text) if hit.rule == rule]
    assert [text[hit.start : hit.end] for hit in hits] == [value]
    assert hits[0].version == VERSION


@pytest.mark.parametrize(
    "text",
    [
        "Order 4155552671 was sent on 2026-11-20.",
        "Order number 100-2345678, invoice 2024-000123.",
        "Invoice no. 4111111111111112",  # a card number's length, a wrong check digit
        "The total was 1,234,567.89 of 12 345 678.",
        "Version 10.20.30.40 runs on 192.168.0.1 and 127.0.0.1.",
        "DE89 3704 0044 0532 0130 01 has a wrong checksum",
        "It is 12:30:45 in Arden; the ratio is 3:2:1.",
        "Add 111222333 and 44051401359.",
        "Kamil sits on floor 3 and works from home on Monday.",
        "Natalia sold 48/2 = 24 clips in May and 48 + 24 = 72 altogether.",
        "It grew by +12 345 678 and then by +2026 11 20 1203, +49 123.",
        "Take 5 +447700900123 and x+447700900123, or (2) +44 7700 900123.",
        "Series +3 4 5 6 7 8 9 and +44 7 7 0 0 9 0 0 1 2 3",
        "ISBN 978-3-16-148410-0",
        "Write to me @ noon, user@localhost is no address",
        "",
    ],
)
def test_ordinary_text_has_no_hit(text):
    assert scan(text) == []


@given(st.text(max_size=200))
def test_hits_lie_inside_the_text_in_order(text):
    hits = scan(text)
    assert all(0 <= hit.start < hit.end <= len(text) for hit in hits)
    assert [hit.start for hit in hits] == sorted(hit.start for hit in hits)


@given(st.integers(0, 10**14 - 1))
def test_only_a_right_check_digit_makes_a_card(number):
    body = f"4{number:014d}"
    hits = [
        digit for digit in "0123456789" if any(hit.rule == "payment_card" for hit in scan(f"card {body}{digit} end"))
    ]
    assert len(hits) == 1
