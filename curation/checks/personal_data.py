"""Personal data in a text, by rule and checksum: e-mail and IP addresses, telephone, bank, card and national numbers.

A number is only a hit if its checksum or its numbering plan says so, and digits without any form of their own only
beside a word that names them: order numbers, dates and sums are not personal data.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator

import phonenumbers
from phonenumbers import Leniency, PhoneNumberMatcher
from stdnum import iban, luhn
from stdnum.ch import ssn as swiss_ssn
from stdnum.de import idnr as german_tax
from stdnum.es import dni as spanish_dni
from stdnum.fr import nir as french_nir
from stdnum.it import codicefiscale
from stdnum.nl import bsn as dutch_bsn
from stdnum.pl import pesel
from stdnum.us import ssn as american_ssn

from curation.checks.patterns import Hit, Rule, apply, without_nested

VERSION = f"personal-3/phonenumbers-{phonenumbers.__version__}"
PHONE_REGIONS = ("US", "GB", "DE", "FR")  # whose national writing is recognised; with a + all countries are


def is_card(text: str) -> bool:
    """A payment card: 13 to 19 digits, an issuer's first digit, a right check digit."""
    digits = re.sub(r"\D", "", text)
    return 13 <= len(digits) <= 19 and digits[0] in "3456" and len(set(digits)) > 1 and bool(luhn.is_valid(digits))


def is_public_address(text: str) -> bool:
    """An IP address that may belong to somebody: not of a private, local or documentation network."""
    try:
        return ipaddress.ip_address(text).is_global
    except ValueError:
        return False


def beside(words: str, number: str) -> re.Pattern[str]:
    """A number that follows one of the words within 20 characters."""
    return re.compile(rf"\b(?:{words})\b[^\d\n]{{0,20}}(?<![\d.,])(?P<value>{number})(?![\d])", re.IGNORECASE)


def valid(module: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda text: bool(module(text))


RULES = (
    Rule(
        "email",
        re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,8}[a-z]{2,24}\b", re.I),
    ),
    Rule("iban", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b"), valid(iban.is_valid)),
    Rule("payment_card", re.compile(r"(?<![\d.,$€£-])\d(?:[ -]?\d){12,18}(?![\d-])"), is_card),
    Rule(
        "ip_address",
        re.compile(r"(?<![\w.:])(?<!version )(?<!v)(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)"),
        is_public_address,
    ),
    Rule(
        "ip_address",
        re.compile(r"(?<![\w:])(?:[0-9a-f]{1,4}:){2,7}(?::?[0-9a-f]{1,4}){1,7}(?![\w:])", re.I),
        is_public_address,
    ),
    Rule("us_ssn", re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])"), valid(american_ssn.is_valid)),
    Rule(
        "uk_nino", re.compile(r"\b(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?(?:\d{2} ?){3}[A-D]\b")
    ),
    Rule("swiss_ahv", re.compile(r"\b756\.?\d{4}\.?\d{4}\.?\d{2}\b"), valid(swiss_ssn.is_valid)),
    Rule("spanish_dni", re.compile(r"\b\d{8}-?[A-HJ-NP-TV-Z]\b"), valid(spanish_dni.is_valid)),
    Rule(
        "codice_fiscale",
        re.compile(r"\b[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]\b", re.I),
        valid(codicefiscale.is_valid),
    ),
    Rule(
        "french_nir",
        beside("nir|sécurité sociale|securite sociale|sécu", r"[12](?: ?\d){14}"),
        valid(french_nir.is_valid),
    ),
    Rule("dutch_bsn", beside("bsn|burgerservicenummer|sofinummer", r"\d{9}"), valid(dutch_bsn.is_valid)),
    Rule(
        "german_tax_id",
        beside("steuer-?id(?:entifikationsnummer)?|steuernummer|idnr|tax id", r"\d{2} ?\d{3} ?\d{3} ?\d{3}"),
        valid(german_tax.is_valid),
    ),
    Rule("pesel", beside("pesel", r"\d{11}"), valid(pesel.is_valid)),
)

_MAYBE_PHONE = re.compile(r"\+?\(?\d(?:[\s().\-/\u2010-\u2013]{0,3}\d){6,14}")
# How many candidates are compared with numbering plans, and for how many characters one more. A text that has more is
# a table of numbers, or is made to keep a screener busy.
NUMBERS_LEAST, NUMBERS_EACH = 300, 2_000
_FORMED = re.compile(r"[\s().\-/]")
_OPERAND = re.compile(r"[\w)=]$|[\d)=]\s+$|[$€£]\W{0,3}$")  # what stands before a plus of arithmetic
_PHONE_WORD = re.compile(
    r"(?:phone|tel|telephone|mobile|cell|call|fax|whatsapp|sms|text|dial|ring)\w*(?:\W+\w{1,6}){0,3}\W{0,6}$", re.I
)
_OTHER_NUMBER = re.compile(
    r"(?:order|invoice|ticket|case|ref|reference|article|item|part|serial|isbn|id|code|number of|version|\$|€|£|=)"
    r"\W{0,12}$",
    re.I,
)


def phones(text: str) -> Iterator[Hit]:
    """Telephone numbers: international ones anywhere; national ones if written as such or beside a word like "call".

    Where there are too many candidates to compare them all, the first of those left is a hit of another name.
    """
    budget = NUMBERS_LEAST + len(text) // NUMBERS_EACH
    for candidate in _MAYBE_PHONE.finditer(text):
        if budget == 0:
            yield Hit("unchecked_numbers", candidate.start(), candidate.end(), VERSION)
            return
        before = text[max(0, candidate.start() - 30) : candidate.start()]
        after_phone_word = bool(_PHONE_WORD.search(before))
        if candidate.group().startswith("+"):
            budget -= 1
            span = phone_in(candidate.group(), None, Leniency.VALID)
            if not span and not _OPERAND.search(before) and is_like_international(candidate.group()):
                span = (0, len(candidate.group()))
        elif after_phone_word or (_FORMED.search(candidate.group()) and not _OTHER_NUMBER.search(before)):
            budget -= 1
            span = national(candidate.group(), Leniency.VALID if after_phone_word else Leniency.STRICT_GROUPING)
        else:
            span = None
        if span:
            yield Hit("phone", candidate.start() + span[0], candidate.start() + span[1], VERSION)


def is_like_international(text: str) -> bool:
    """A number of possible length that is written as people write them, though no plan has given it out (yet).

    Such are the numbers that regulators keep for examples, and ranges newer than the numbering data.
    """
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return False
    code, *groups = re.findall(r"\d+", text)
    if not groups:
        code, groups = str(number.country_code), [code.removeprefix(str(number.country_code))]
    written = code == str(number.country_code) and len(groups) <= 5 and all(len(group) >= 2 for group in groups)
    return written and sum(map(len, groups)) >= 8 and phonenumbers.is_possible_number(number)


def national(text: str, leniency: int) -> tuple[int, int] | None:
    return next((hit for region in PHONE_REGIONS if (hit := phone_in(text, region, leniency))), None)


def phone_in(text: str, region: str | None, leniency: int) -> tuple[int, int] | None:
    """Range of the first telephone number; in national writing, one with separators where people put them."""
    for match in PhoneNumberMatcher(text, region, leniency=leniency, max_tries=10):
        return match.start, match.end
    return None


def scan(text: str) -> list[Hit]:
    """All personal data found, in order of position."""
    return without_nested([*apply(RULES, text, VERSION), *phones(text)])
