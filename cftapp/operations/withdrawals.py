"""After a restore, and before anything is served or trained: the withdrawals that came after the backup."""

from hashlib import sha256
from pathlib import Path

from django.db import transaction

from audit import kept
from audit.actions import record
from audit.models import Event
from audit.vocabulary import kept as kept_names
from cftapp.base.actors import OWNER
from feedback.actions import withdraw_consent
from feedback.models import Subject
from serving.releases.marking import mark_withdrawal


@transaction.atomic
def apply_later_withdrawals(folder: Path | None, made_at: str) -> int:
    """Withdraw again what the events kept in `folder` say and the restored log does not know.

    Returns for how many subjects. Whoever granted again after the withdrawal has to do so once more: that grant is not
    in the backup either. One event tells of the restore, in the transaction of them all. Raises kept.Unreadable, and
    then nothing is applied.
    """
    known = {
        sha256(body).digest() for body in Event.objects.filter(name__in=kept_names()).values_list("body", flat=True)
    }
    later = [body for body in (kept.bodies(folder) if folder else ()) if sha256(body).digest() not in known]
    ids = {subject_id for body in later for subject_id in kept.about(body, "subject")}
    subjects = list(Subject.objects.filter(pk__in=ids).order_by("pk"))
    for subject in subjects:
        withdraw_consent(subject, by=OWNER)
        mark_withdrawal(subject.pk, by=OWNER)
    record(
        "backup.restored",
        by=OWNER,
        used=[("subject", subject.pk) for subject in subjects],
        detail={"made_at": made_at, "withdrawn": len(subjects), "withdrawn_by_strangers": len(ids) - len(subjects)},
    )
    return len(subjects)
