"""Submitting feedback: a function and a table for each kind, and for comments of no kind yet.

Nothing turns a kind into another.
"""

import uuid
from datetime import datetime
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db import transaction

from audit.actions import Ref, record
from cftapp.base.actors import Actor
from cftapp.base.refusal import Refused
from conversation import Message, answer_text, stored_answer
from feedback import mailbox
from feedback.actions.consent import Agreement, accept_wordings, blocked_time, blocked_wording
from feedback.models import (
    KINDS,
    BugReport,
    Comment,
    ConsentEntry,
    Correction,
    Feedback,
    Interaction,
    Receipt,
    TasteNote,
)

KIND_OF = {model: kind for kind, model in KINDS.items()}
NOT_CONTENT = {"id", "interaction", "created_at", "filed_by"}
F = TypeVar("F", bound=Feedback)


def submit_bug_report(
    interaction_id: uuid.UUID,
    *,
    what_happened: str,
    expected: str = "",
    note: str = "",
    feedback_id: uuid.UUID | None = None,
    by: Actor,
) -> BugReport:
    """Report that something broke. `feedback_id` makes a repetition harmless; so in the other three."""
    report = BugReport(what_happened=what_happened, expected=expected, note=note)
    return _submit(report, interaction_id, feedback_id, by=by)


def submit_taste_note(
    interaction_id: uuid.UUID,
    *,
    preference: str,
    aspect: str = TasteNote.Aspect.WORDING,
    note: str = "",
    feedback_id: uuid.UUID | None = None,
    by: Actor,
) -> TasteNote:
    """Note that the person would word it differently."""
    return _submit(TasteNote(preference=preference, aspect=aspect, note=note), interaction_id, feedback_id, by=by)


def submit_correction(
    interaction_id: uuid.UUID,
    *,
    replacement: str | Message,
    reason: str = Correction.Reason.WRONG_FACT,
    note: str = "",
    consent: str = "",
    consent_given_at: datetime | None = None,
    feedback_id: uuid.UUID | None = None,
    by: Actor,
) -> Correction:
    """Give the right answer in place of a wrong one: a text, or a message with calls.

    `consent`: the version of the wording beside the box that the person ticked, `consent_given_at`: when. A box from
    before a withdrawal grants nothing, and `consent_note` says so. Refused for a wording that is not published.
    """
    correction = Correction(**columns_of({"replacement": replacement, "reason": reason, "note": note}))
    return _submit(correction, interaction_id, feedback_id, consent, consent_given_at, by=by)


def submit_comment(
    interaction_id: uuid.UUID,
    *,
    rating: str = "",
    text: str = "",
    note: str = "",
    feedback_id: uuid.UUID | None = None,
    by: Actor,
) -> Comment:
    """Give untyped feedback: a rating, perhaps a text. Never trained on; a reviewer gives it a kind."""
    return _submit(Comment(rating=rating, text=text, note=note), interaction_id, feedback_id, by=by)


@transaction.atomic
def _submit(
    feedback: F,
    interaction_id: uuid.UUID,
    feedback_id: uuid.UUID | None,
    consent: str = "",
    consent_given_at: datetime | None = None,
    *,
    by: Actor,
) -> F:
    """Store feedback in the database of its interaction's lane. The caller gets the same object back in both lanes."""
    interaction = Interaction.objects.select_related("subject", "source").filter(pk=interaction_id).first()
    if interaction is None:
        message = f"There is no interaction {interaction_id}."
        raise Refused.because("interaction", message, "Send the id that its recording answered.")
    if consent and (
        blocked := blocked_wording(interaction.source, consent) or blocked_time(consent_given_at, "consent_given_at")
    ):
        raise Refused(blocked)
    feedback.pk, feedback.interaction = feedback_id or feedback.pk, interaction
    if feedback_id and (receipt := Receipt.objects.filter(pk=feedback_id).first()):
        feedback.created_at = receipt.created_at
        return feedback
    feedback.filed_by = by if isinstance(by, User) else None
    kind = KIND_OF[type(feedback)]
    if interaction.is_held_out:
        _post(kind, feedback, interaction, consent)
    else:
        feedback.save(force_insert=True)
    receipt = Receipt.objects.create(id=feedback.pk, interaction=interaction, kind=kind)
    feedback.created_at = receipt.created_at
    agreement = Agreement(interaction.subject_id, consent, consent_given_at)
    accepted = accept_wordings([agreement] if consent else [], by=by)
    feedback.consent_note = accepted.notes.get(0)
    _record_submission(kind, feedback, interaction, accepted.entries, by=by)
    return feedback


def _post(kind: str, feedback: Feedback, interaction: Interaction, consent: str) -> None:
    mailbox.post(
        kind,
        feedback.pk,
        interaction_id=interaction.pk,
        subject_id=interaction.subject_id,
        content=content_of(feedback) | ({"consent": consent} if kind == "correction" else {}),
    )


def columns_of(content: dict[str, Any]) -> dict[str, Any]:
    """The fields of a piece of feedback as its table has them: a replacement that is a message takes two."""
    replacement = content.get("replacement")
    if not isinstance(replacement, dict):
        return content
    columns = {"replacement": answer_text(replacement), "replacement_message": stored_answer(replacement)}
    return content | columns


def content_of(feedback: Feedback) -> dict[str, Any]:
    """What the person wrote or chose, by field."""
    names = [field.name for field in feedback._meta.concrete_fields if field.name not in NOT_CONTENT]
    content = {name: getattr(feedback, name) for name in names}
    return {name: value for name, value in content.items() if value or name != "replacement_message"}


def _record_submission(
    kind: str, feedback: Feedback, interaction: Interaction, entries: list[ConsentEntry], *, by: Actor
) -> None:
    """Record the event. In the held-out lane its name is another: nothing downstream has to do with it."""
    generated: list[Ref] = [("consent", entry.pk) for entry in entries]
    used: list[Ref] = [("interaction", interaction.pk), ("subject", interaction.subject_id)]
    if interaction.is_held_out:
        generated.append(("receipt", feedback.pk))
        record("feedback.held_out", by=by, used=used, generated=generated, detail={"kind": kind})
    else:
        generated.append((kind, feedback.pk))
        record(f"{kind}.submitted", by=by, used=used, generated=generated)
