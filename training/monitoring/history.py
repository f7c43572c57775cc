"""The audit lines of a run, in words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model

from audit import vocabulary
from audit.models import Event
from cftapp.base.actors import shown_name
from training.models import Run

MOST = 40


@dataclass(frozen=True)
class Happened:
    event: int
    at: datetime
    who: str
    what: str


def history(run: Run) -> list[Happened]:
    """The newest events that name this run, oldest first."""
    about = Event.objects.filter(edges__kind="run", edges__object_id=str(run.pk))
    events = sorted(about.distinct().order_by("-pk")[:MOST], key=lambda event: event.pk)
    names = people(events)
    return [
        Happened(e.pk, e.recorded_at, names.get(e.actor, shown_name(e.actor)), summary(e.name, e.detail))
        for e in events
    ]


def people(events: list[Event]) -> dict[str, str]:
    """Actor to account name, for the actors that are accounts."""
    ids = {int(e.actor.removeprefix("user:")) for e in events if e.actor.startswith("user:")}
    accounts = get_user_model().objects.filter(pk__in=ids).values_list("pk", "username")
    return {f"user:{pk}": name for pk, name in accounts}


def summary(name: str, detail: dict[str, Any]) -> str:
    known = [
        f"{key} {detail[key]}" for key in ("attempt", "step", "steps", "seed", "verdict") if detail.get(key) is not None
    ]
    return ", ".join([vocabulary.phrase(name), *known])
