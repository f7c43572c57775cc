"""The one spelling of an id that an application gives its subjects: whoever can be recorded under it can withdraw under
it, through any door. Its ids of conversations have the same rules.

An id is compared by its characters, so it is hashed in one normal form (NFC, UAX #15), and nothing is trimmed: an id
with a space at its end would be another person at the next door.
"""

import unicodedata

from cftapp.base.refusal import Refused

LONGEST = 512  # characters


def normal_subject(text: str, field: str = "subject") -> str:
    """A subject's id in normal form. Refused if it is empty, too long, or somebody will lose characters on the way."""
    if not text:
        raise Refused.because(field, "No subject is named.", "Send the user's or conversation's id.")
    return normal_id(text, field, "subject")


def normal_conversation(text: str, field: str = "conversation_id") -> str:
    """The application's own id of a conversation, under the same rules."""
    return normal_id(text, field, "conversation")


def normal_id(text: str, field: str, whose: str) -> str:
    normal = unicodedata.normalize("NFC", text)
    if not normal:
        raise Refused.because(field, f"The {whose}'s id is empty.", f"Send 1 to {LONGEST} characters.")
    if len(normal) > LONGEST:
        message = f"The {whose}'s id has {len(normal):,} characters."
        raise Refused.because(field, message, f"Send at most {LONGEST}, such as a hash of it.")
    if normal != normal.strip():
        message = f"The {whose}'s id begins or ends with white space."
        raise Refused.because(field, message, "Send it without: nothing is trimmed here.")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in normal):
        message = f"The {whose}'s id holds a control character or half a surrogate pair."
        raise Refused.because(field, message, "Send readable characters only.")
    return normal


def of_header(value: str, name: str = "X-Cft-Subject") -> str:
    """What a header's bytes say in UTF-8; HTTP hands them over as Latin-1. Refused where they are no UTF-8."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError as problem:
        message = "The header is not UTF-8."
        raise Refused.because(name, message, "Encode the id as UTF-8.") from problem
