"""The writes of a reverse check: asked for by the evaluator, done by the screener."""

from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit.actions import record
from cftapp.base.actors import Actor
from curation.models import ReverseCheck
from curation.screening import reverse_check

if TYPE_CHECKING:
    from curation.decontamination.registry import Registry


@transaction.atomic
def ask_check(
    check_id: UUID, sha256: str, items: int, *, within: ReverseCheck | None = None, by: Actor
) -> ReverseCheck:
    """Ask the screener to compare the items on offer under this id with every stored row. Asking again changes nothing.

    `sha256`: of the offered registry. `within`: a finished check of a superset of these items.
    """
    check, asked = ReverseCheck.objects.get_or_create(
        id=check_id, defaults={"sha256": sha256, "items": items, "within": within}
    )
    if asked:
        used = [("reverse_check", within.pk)] if within else []
        record("items.offered", by=by, used=used, generated=[("reverse_check", check_id)], detail={"items": items})
    return check


@transaction.atomic
def scan_rows(check_id: UUID, registry: "Registry", limit: int, *, by: Actor) -> bool:
    """Compare the next rows with the items on offer; False once there is nothing left to do here.

    Progress is no change of state and no event; the end of it is one.
    """
    check = reverse_check.lock(check_id)
    if check is None:
        return False
    if reverse_check.scan(check, registry, limit):
        return True
    record("items.compared", by=by, used=[("reverse_check", check.pk)], detail=reverse_check.figures(check))
    return False


@transaction.atomic
def fail_check(check_id: UUID, reason: str, *, by: Actor) -> bool:
    """Close a check whose items cannot be compared, and say why; False where another worker is at it or has ended it.

    Whoever asked for it refuses the items: nothing is published that was not compared.
    """
    check = reverse_check.lock(check_id)
    if check is None:
        return False
    check.state, check.error, check.finished_at = ReverseCheck.State.FAILED, reason, timezone.now()
    check.save(update_fields=["state", "error", "finished_at"])
    record("items.not_compared", by=by, used=[("reverse_check", check_id)], detail={"rows": check.rows})
    return True
