"""Who may append to the log (everybody, by function), read it (everybody) and seal it (the sealer)."""

from collections.abc import Iterator

from audit import vocabulary
from cftapp.access import speakers

TABLES = ("audit_event", "audit_edge", "audit_leaf", "audit_tile", "audit_checkpoint")

GRANTS = {
    "all": dict.fromkeys(TABLES, "SELECT"),
    "sealer": dict.fromkeys(("audit_leaf", "audit_tile", "audit_checkpoint"), "SELECT, INSERT"),
}
FUNCTIONS = {"all": ["audit_append(bytea)"]}


def speaker_rows() -> Iterator[tuple[str, str, str]]:
    """Who may say what; the function that appends looks here."""
    return speakers.rows(vocabulary.events())


FILLED = {"audit_speaker": (("login", "speaker", "event"), speaker_rows)}
