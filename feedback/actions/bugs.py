"""What becomes of a bug: somebody works on it, mends it or says why not; a reviewer says what is none."""

from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from audit.actions import record
from cftapp.base.refusal import Conflict, Refused
from feedback.models import Bug

MOVES = {Bug.State.OPEN, Bug.State.TAKEN, Bug.State.FIXED, Bug.State.DECLINED}
ANSWERS = {Bug.State.FIXED: "what mended it", Bug.State.DECLINED: "why it stays"}
LONGEST_NOTE = 500


@transaction.atomic
def move_bug(bug_id: int, state: str, note: str = "", *, by: User) -> Bug:
    """Put a bug into another state; who mends or declines it says how or why. What a reviewer called no bug is
    the reviewer's."""
    bug = Bug.objects.select_for_update(of=("self",)).select_related("receipt").filter(pk=bug_id).first()
    if bug is None:
        raise Refused.because("bug", f"There is no bug {bug_id}.", "Take one from the list.")
    check_move(bug, state, note.strip())
    before = bug.state
    change(bug, state, note.strip())
    detail = {"from": before, "to": state}
    record("bug.moved", by=by, used=[("bug", bug.pk), (bug.receipt.kind, bug.receipt_id)], detail=detail)
    return bug


def check_move(bug: Bug, state: str, note: str) -> None:
    if state not in MOVES:
        known = ", ".join(sorted(MOVES))
        raise Refused.because("state", f"{state[:20]!r} is no state of a bug.", f"Give one of: {known}.")
    if bug.state == Bug.State.DROPPED:
        raise Conflict.because("state", f"A reviewer said that {bug} is none.", "Undo that verdict in triage.")
    if bug.state == state:
        raise Conflict.because("state", f"{bug} is {state} already.".capitalize(), "Nothing is left to do.")
    if len(note) > LONGEST_NOTE:
        message = f"The note has {len(note)} characters, and room for {LONGEST_NOTE}."
        raise Refused.because("note", message, "Shorten it, or give the address of a longer one.")
    if "\0" in note:
        raise Refused.because("note", "The note holds a NUL character.", "Remove it.")
    if state in ANSWERS and not note:
        raise Refused.because("note", f"Nobody would know {ANSWERS[Bug.State(state)]}.", "Write a sentence, or a link.")


def list_by_verdict(feedback_id: UUID, *, is_bug: bool) -> Bug | None:
    """Put feedback on the bug list, or take it off, as triage sees it; part of the verdict and of its event.

    Returns the bug if it changed. What somebody works on already stays as it is.
    """
    bug = Bug.objects.select_for_update().filter(receipt_id=feedback_id).first()
    if bug is None:
        return Bug.objects.create(receipt_id=feedback_id) if is_bug else None
    if bug.state != (Bug.State.DROPPED if is_bug else Bug.State.OPEN):
        return None
    return change(bug, Bug.State.OPEN if is_bug else Bug.State.DROPPED, bug.note)


def change(bug: Bug, state: str, note: str) -> Bug:
    Bug.objects.filter(pk=bug.pk).update(state=state, note=note, changed_at=Now())
    bug.refresh_from_db(fields=["state", "note", "changed_at"])
    return bug
