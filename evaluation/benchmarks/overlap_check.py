"""New items are compared with every stored row before they are published: asked here, done by the screener.

The evaluator holds the items and may not read rows; the screener reads rows and never an item's text. So the items go
to the screener as keyed fingerprints, and come back as counts, ids of rows and places in the upload. A process that may
read rows too (the owner: command line, demo) has it done at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from django.db import connection

from cftapp.base.actors import Actor
from cftapp.base.refusal import Blocked, Conflict, Refused
from curation.models import ReverseCheck
from curation.screening import reverse_check
from curation.screening.reverse_check_actions import ask_check, scan_rows
from evaluation.benchmarks import registry_snapshot
from evaluation.items import Draft, version_sha256
from evaluation.vault import actions as vault
from evaluation.vault.models import Item

Overlapping = Literal["publish", "drop", "refuse"]
BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Compared:
    """What the comparison with stored rows found of all new items, and how many rows those that are published cost.

    `cost` has the names of the version's columns; empty where no item was new.
    """

    figures: dict[str, int] = field(default_factory=dict)
    cost: dict[str, int] = field(default_factory=dict)


class Unfinished(Conflict):
    """The items are on offer, and not compared with every row yet."""

    check: ReverseCheck


class Overlaps(Conflict):
    """Items overlap with stored rows, and nobody has said what to do about it."""

    check: ReverseCheck


def settle(
    name: str, scorer: str, drafts: Sequence[Draft], overlapping: Overlapping, *, owner: str, by: Actor
) -> tuple[list[Draft], Compared]:
    """The items to publish, and what the comparison with stored rows found. Raises Unfinished, Overlaps, Refused.

    A row names only the item that it overlaps with most. So after items are dropped the rest is compared again, with
    the rows that were found, until nothing is left to drop.
    """
    left, within, first = list(drafts), None, None
    if reads_rows() and not reverse_check.has_rows():
        return left, Compared(cost=cost_of(0, 0, 0))
    while fresh := unprotected(left):
        check = compared(name, fresh, f"{owner}/{version_sha256(name, scorer, left)}", within, by)
        first = first or check
        overlapping_items = set(check.matches.values_list("item", flat=True))
        if not overlapping_items or overlapping == "publish":
            break
        if overlapping == "refuse":
            raise with_check(Overlaps(overlap_of(reverse_check.figures(check))), check)
        left, within = [draft for place, draft in enumerate(left) if place not in overlapping_items], check
    if not left:
        raise Refused.because("items", "All of them overlap with stored rows.", "Write other items.")
    if first is None:
        return left, Compared()
    figures = reverse_check.figures(first)
    blocked = figures["overlapping"] if within is None else 0  # else the items that they overlap with were left out
    return left, Compared(figures, cost_of(first.rows, blocked, first.same_template))


def cost_of(compared: int, blocked: int, of_template: int) -> dict[str, int]:
    return {"rows_compared": compared, "rows_blocked": blocked, "rows_of_template": of_template}


def with_check(refused: Any, check: ReverseCheck) -> Any:
    refused.check = check
    return refused


def overlap_of(figures: Mapping[str, int]) -> Blocked:
    message = f"{figures['items']} of them overlap with {figures['overlapping']} stored rows."
    return Blocked("items", message, "Publish without those items, publish all the same, or withdraw.")


def unprotected(drafts: Sequence[Draft]) -> dict[int, Draft]:
    """Place → item, of those that are not in a protected version already."""
    protected = registry_snapshot.protected_versions()
    known = set(Item.objects.filter(version_sha256__in=protected).values_list("sha256", flat=True))
    return {place: draft for place, draft in enumerate(drafts) if draft.sha256 not in known}


def compared(
    name: str, items: Mapping[int, Draft], purpose: str, within: ReverseCheck | None, by: Actor
) -> ReverseCheck:
    """The finished check of these items; the first call for a `purpose` offers them. Raises Unfinished, Refused."""
    at_once = reads_rows()
    check_id = uuid4() if at_once else uuid5(NAMESPACE_URL, f"urn:cftapp:{purpose}")
    check = ReverseCheck.objects.filter(pk=check_id).first()
    if check is None:
        sha256 = vault.offer(check_id, registry_snapshot.build_offer(registry_snapshot.next_label(name), items))
        check = ask_check(check_id, sha256, len(items), within=within, by=by)
    if at_once:
        scan(check_id, by=by)
        vault.take_back([check_id])
        check.refresh_from_db()
    if check.state == ReverseCheck.State.FAILED:
        message = f"They could not be compared with stored rows: {check.error}"
        raise Refused.because("items", message, "Upload them again.")
    if check.state != ReverseCheck.State.FINISHED:
        waiting = Blocked("items", "They are being compared with every stored row.", "It goes on by itself.")
        raise with_check(Unfinished(waiting), check)
    return check


def scan(check_id: UUID, *, by: Actor) -> None:
    """Do the screener's part in this process."""
    items = reverse_check.open_offer(ReverseCheck.objects.get(pk=check_id))
    while scan_rows(check_id, items, BATCH, by=by):
        pass


def reads_rows() -> bool:
    """Whether this process may read what people wrote, and so need not wait for the screener."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege('feedback_correction', 'SELECT')")
        return bool(cursor.fetchone()[0])
