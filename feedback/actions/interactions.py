"""Recording what was asked and what was answered."""

import uuid
from contextlib import nullcontext
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.actions import record
from cftapp.base.actors import Actor
from cftapp.base.refusal import Refused
from feedback import lanes, mailbox
from feedback.models import Environment, Interaction, Source, Subject
from feedback.models import subject_key as secret


@transaction.atomic
def record_interaction(
    source: Source,
    subject_key: str,
    prompt: str,
    answer: str,
    *,
    model_name: str = "",
    external_id: str = "",
    environment: str | None = None,
    replay_of: Interaction | uuid.UUID | None = None,
    happened_at: datetime | None = None,
    interaction_id: uuid.UUID | None = None,
    by: Actor,
) -> Interaction:
    """Record a prompt and its answer; the lane is that of its subject.

    Held-out text goes to the vault, the returned row is a stub then. Repeating a call with the same `external_id` (or
    `interaction_id`) changes nothing and returns the first row, with `already_recorded` set. A replay takes the
    subject of its original, so `subject_key` may be empty then.
    """
    chosen_id = interaction_id or _interaction_id(source, external_id)
    is_repeatable = bool(interaction_id or external_id)
    if is_repeatable and (known := _known_interaction(source, external_id, chosen_id)):
        return known
    original = _original(source, subject_key, replay_of)
    subject = original.subject if original else Subject.objects.get_or_open(source, subject_key)
    interaction = Interaction(
        id=chosen_id,
        source=source,
        subject=subject,
        lane=subject.lane,
        environment=Environment.REPLAY if original else environment or source.environment,
        model_name=model_name,
        external_id=external_id,
        replay_of=original,
        happened_at=happened_at or timezone.now(),
    )
    _place_text(interaction, prompt, answer)
    try:
        with transaction.atomic() if is_repeatable else nullcontext():
            interaction.save(force_insert=True)
    except IntegrityError:
        if is_repeatable and (known := _known_interaction(source, external_id, chosen_id)):  # recorded meanwhile
            return known
        raise
    record(
        "interaction.recorded",
        by=by,
        used=[("source", source.pk), ("subject", subject.pk)] + ([("interaction", original.pk)] if original else []),
        generated=[("interaction", interaction.pk)],
        detail={"lane": interaction.lane, "environment": interaction.environment},
    )
    return interaction


def _interaction_id(source: Source, external_id: str) -> uuid.UUID:
    """With an external id always the same: a post that broke off after the mailbox is completed by its repetition."""
    return lanes.object_id(secret(), "interaction", source.name, external_id) if external_id else uuid.uuid4()


def _known_interaction(source: Source, external_id: str, chosen_id: uuid.UUID) -> Interaction | None:
    query = Interaction.objects.filter(source=source).select_related("subject")
    known = query.filter(external_id=external_id).first() if external_id else query.filter(pk=chosen_id).first()
    if known:
        known.already_recorded = True
    return known


def _original(source: Source, subject_key: str, replay_of: Interaction | uuid.UUID | None) -> Interaction | None:
    """The interaction that is replayed, if one is: of the same source and, where one is named, the same subject."""
    if replay_of is None:
        if not subject_key:
            raise Refused.because("subject", "No subject is named.", "Send the user's or conversation's id.")
        return None
    key = replay_of.pk if isinstance(replay_of, Interaction) else replay_of
    original = Interaction.objects.filter(pk=key, source=source).select_related("subject").first()
    if original is None:
        raise Refused.because("replay_of", f"{source.name} has no interaction {key}.", "Send the id that was answered.")
    named = lanes.subject_hash(secret(), source.name, subject_key) if subject_key else original.subject.key_hash
    if named != original.subject.key_hash:
        raise Refused.because(
            "subject", "A replay has the subject of its original, not another.", "Leave the subject out."
        )
    return original


def _place_text(interaction: Interaction, prompt: str, answer: str) -> None:
    """Words of the training lane into the row; words of the exam into the vault, and nowhere else."""
    if not interaction.is_held_out:
        interaction.prompt, interaction.answer = prompt, answer
        return
    mailbox.post(
        "interaction",
        interaction.pk,
        interaction_id=interaction.pk,
        subject_id=interaction.subject_id,
        content=interaction_content(interaction, prompt, answer),
    )


def interaction_content(interaction: Interaction, prompt: str, answer: str) -> dict[str, Any]:
    """What the vault keeps of a held-out interaction."""
    return {
        "prompt": prompt,
        "answer": answer,
        "model_name": interaction.model_name,
        "environment": interaction.environment,
        "happened_at": interaction.happened_at.isoformat(),
    }
