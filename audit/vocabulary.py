"""The words of the log: which events there are, on which kinds of things, and what pages call them.

An app declares in `<app>/events.py`, and nobody records anything else:

    EVENTS = {"case.decided": "decided", "pairs.withdrawn": "withdrawn"}
    SAID_OF = {"case.decided": {"pair": "accepted"}, "pairs.withdrawn": {ANY: "withdrawn"}}
    MARKS = ["pairs.withdrawn"]
    KEPT = ["consent.withdrawn"]
    LEFT_OUT = {"run.finished": "run"}
    KINDS = {"case": Kind("Curation"), "pair": Kind("Curation", page="curation:pair")}

EVENTS has the verb that a page shows after what the event is about ("case decided"). SAID_OF has what the event means
for an entity of another kind that it names. MARKS are the events after which an entity stands out in a lineage, KEPT
those that are kept outside the database too, since no restore may forget them. LEFT_OUT has the events that may name in
their detail, under `left_out`, the pairs that an entity of this kind has not taken in.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from cftapp.base.declared import declarations, declared

ANY = "*"
"""In SAID_OF: an entity of any kind."""


@dataclass(frozen=True)
class Kind:
    """A kind of entity that events name: where it stands in a lineage, and the console's page about it."""

    stage: str = ""
    """Its stage of the pipeline; without one it has no lineage of its own."""
    words: str = ""
    """What a page calls it, where that is not its name: 'API key'."""
    page: str = ""
    """The view that shows one, by id."""
    list_page: str = ""
    """The view that shows all of them, where one has no page of its own."""
    for_readers: bool = False
    """Whether its page is only for those who may read feedback."""


class UndeclaredEvent(LookupError):
    """An action records an event that no app declares."""


@cache
def events() -> dict[str, str]:
    """Every event that may be recorded, with its verb."""
    return declared("events", "EVENTS")


@cache
def kinds() -> dict[str, Kind]:
    """Every kind of entity, in the order of the pipeline."""
    return declared("events", "KINDS")


@cache
def said_of() -> dict[str, dict[str, str]]:
    return declared("events", "SAID_OF")


@cache
def marks() -> list[str]:
    """The events after which an entity stands out in a lineage."""
    return listed("MARKS")


@cache
def kept() -> list[str]:
    """The events that no restore may forget."""
    return listed("KEPT")


@cache
def left_out() -> dict[str, str]:
    """The events that may name what was left out, and the kind of what left it out."""
    return declared("events", "LEFT_OUT")


def listed(attribute: str) -> list[str]:
    collected: list[Any] = [getattr(module, attribute, []) for _, module in declarations("events")]
    return [name for names in collected for name in names]


def check_event(name: str) -> None:
    """Raises UndeclaredEvent."""
    if name not in events():
        raise UndeclaredEvent(f"No app declares the event {name!r}: add it to EVENTS in the events.py of its app.")


def noun(name: str) -> str:
    """What an event is about: 'cases.screened' → 'case'."""
    return name.partition(".")[0].removesuffix("s")


def verb_of(name: str) -> str:
    """What happened: 'run.stop_requested' → 'stop requested'. A name of an older version speaks for itself."""
    return events().get(name) or name.partition(".")[2].replace("_", " ")


def phrase(name: str) -> str:
    """An event in words: 'run.stop_requested' → 'run stop requested'."""
    return f"{name.partition('.')[0].replace('_', ' ')} {verb_of(name)}"


def happened(name: str, kind: str) -> str:
    """An event as the newest word on an entity of `kind`: 'case.decided' of a pair → 'accepted'."""
    special = said_of().get(name, {})
    if words := special.get(kind) or special.get(ANY):
        return words
    about = noun(name)
    return verb_of(name) if about == kind else f"{about.replace('_', ' ')} {verb_of(name)}"


def has_lineage(kind: str) -> bool:
    """Whether entities of this kind stand in lineages, and have one of their own."""
    return bool(kinds().get(kind, Kind()).stage)


def kind_in_words(kind: str) -> str:
    """'bug_report' → 'bug report'."""
    return kinds().get(kind, Kind()).words or kind.replace("_", " ")
