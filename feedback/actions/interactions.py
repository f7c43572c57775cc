"""Recording interactions: a conversation and the answer that a model gave."""

import uuid
from contextlib import nullcontext
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.actions import Ref, record
from cftapp.base.actors import Actor
from cftapp.base.refusal import Blocked, Conflict, Refused
from conversation import Conversation, Message, answer_of, answer_text, stored_answer
from feedback import mailbox
from feedback.keyed_hashes import object_id, subject_hash
from feedback.models import CLOCKS_DIFFER, Environment, Interaction, Source, Subject, pseudonym_key
from feedback.subject_keys import normal_conversation, normal_subject
from feedback.tenants import other_tenant, tenant_blocked, tenant_of


@transaction.atomic
def record_interaction(
    source: Source,
    subject_key: str,
    prompt: str | Conversation,
    answer: str | Message,
    *,
    model_name: str = "",
    external_id: str = "",
    conversation_id: str = "",
    tenant: str = "",
    environment: str | None = None,
    replay_of: Interaction | uuid.UUID | None = None,
    happened_at: datetime | None = None,
    interaction_id: uuid.UUID | None = None,
    is_new: bool = False,
    cut_by: str = "",
    by: Actor,
) -> Interaction:
    """Record a conversation (or a prompt alone) and the answer to it; the lane is that of its subject.

    Held-out text goes to the vault, the returned row is a stub then. Repeating a call with the same `external_id` (or
    `interaction_id`), subject and words changes nothing and returns the first row, with `already_recorded` set;
    `is_new` says that the `interaction_id` was drawn for this call: there is nothing to look for. A replay takes the
    subject of its original, so `subject_key` may be empty then. `conversation_id` is the application's own for it;
    without one a conversation is known by how it began. Refused without a subject, for an unknown original, for a
    replay with another subject, for an environment or a tenant that the source does not have, and for a time in the
    future; Conflict for an id that belongs to other words or another subject; MailboxClosed while the vault cannot be
    reached.
    """
    asked, answered = said(prompt, answer)
    subject_key = normal_subject(subject_key) if subject_key or replay_of is None else ""
    conversation_id = normal_conversation(conversation_id) if conversation_id else ""
    if blocked := (
        environment_blocked(source, environment) or time_blocked(happened_at) or tenant_blocked(source, tenant)
    ):
        raise Refused(blocked)
    interaction = Interaction(
        id=interaction_id or _interaction_id(source, external_id),
        source=source,
        external_id=external_id,
        environment=environment or source.environment,
        model_name=model_name,
        cut_by=cut_by,
        happened_at=happened_at or timezone.now(),
    )
    is_repeatable = bool(interaction_id or external_id) and not is_new
    if is_repeatable and (recorded := _recorded_before(interaction)):
        return _same(recorded, source, subject_key, asked, answered, tenant)
    _give_subject(interaction, subject_key, replay_of, tenant)
    interaction.identify(asked, answered, conversation_id)
    _place_text(interaction, asked, answered)
    if recorded := _insert(interaction, is_repeatable):
        return _same(recorded, source, subject_key, asked, answered, tenant)
    _record_event(interaction, by=by)
    return interaction


def _give_subject(
    interaction: Interaction, subject_key: str, replay_of: Interaction | uuid.UUID | None, tenant: str
) -> None:
    """Say whose it is: subject, lane and tenant. A replay has those of its original. Refused if that is another's."""
    source = interaction.source
    original = _original(source, subject_key, replay_of)
    if original and (blocked := other_tenant(original, tenant)):
        raise Refused(blocked)
    if original:
        interaction.replay_of, interaction.environment = original, Environment.REPLAY
    interaction.subject = original.subject if original else Subject.objects.get_or_open(source, subject_key)
    interaction.lane = interaction.subject.lane
    interaction.tenant = tenant_of(source, original, tenant)


def _insert(interaction: Interaction, is_repeatable: bool) -> Interaction | None:
    """Write the row. None, or the row that another call with the same id has written meanwhile."""
    try:
        with transaction.atomic() if is_repeatable else nullcontext():
            interaction.save(force_insert=True)
    except IntegrityError:
        if is_repeatable and (recorded := _recorded_before(interaction)):
            return recorded
        raise
    return None


def said(prompt: str | Conversation, answer: str | Message) -> tuple[Conversation, Message]:
    """Both in the one shape: a text is a question of a user, or what the assistant said."""
    asked = Conversation.of(prompt) if isinstance(prompt, str) else prompt
    return asked, answer_of(answer) if isinstance(answer, str) else answer


def _record_event(interaction: Interaction, *, by: Actor) -> None:
    used: list[Ref] = [("source", interaction.source_id), ("subject", interaction.subject_id)]
    if interaction.replay_of_id:
        used.append(("interaction", interaction.replay_of_id))
    record(
        "interaction.recorded",
        by=by,
        used=used,
        generated=[("interaction", interaction.pk)],
        detail={"lane": interaction.lane, "environment": interaction.environment}
        | ({"cut_by": interaction.cut_by} if interaction.cut_by else {}),
    )


def _interaction_id(source: Source, external_id: str) -> uuid.UUID:
    """With an external id always the same: a post that broke off after the mailbox is completed by its repetition."""
    return object_id(pseudonym_key(), "interaction", source.name, external_id) if external_id else uuid.uuid4()


def _recorded_before(interaction: Interaction) -> Interaction | None:
    """The row of an earlier call with the same external id, or with the same id."""
    query = Interaction.objects.filter(source=interaction.source).select_related("subject")
    external_id = interaction.external_id
    recorded = query.filter(external_id=external_id).first() if external_id else query.filter(pk=interaction.pk).first()
    if recorded:
        recorded.already_recorded = True
    return recorded


def _same(
    recorded: Interaction, source: Source, subject_key: str, asked: Conversation, answered: Message, tenant: str
) -> Interaction:
    """The recorded row, if this is the same interaction once more. Conflict, naming the field, if it is another."""
    if blocked := difference(recorded, source, subject_key, asked, answered, tenant):
        raise Conflict(blocked)
    return recorded


def difference(
    recorded: Interaction, source: Source, subject_key: str, asked: Conversation, answered: Message, tenant: str
) -> Blocked | None:
    """Why these words are not the recorded interaction once more; None if they are.

    A repetition may leave the tenant out, and that of a replay its subject.
    """
    named = subject_hash(pseudonym_key(), source.name, subject_key) if subject_key else recorded.subject.key_hash
    field = "tenant" if other_tenant(recorded, tenant) else recorded.differing_field(named, asked, answered)
    if not field:
        return None
    name = f"the external id {recorded.external_id!r}" if recorded.external_id else f"the id {recorded.pk}"
    return Blocked(
        field,
        f"{source.name} has recorded another interaction under {name}: its {field} is not this one.",
        "Record this one under an id of its own; a repetition must be the same in every field.",
    )


def other_subject(interaction: Interaction, source: Source, subject_key: str) -> Blocked | None:
    """Feedback may say whose it is: then it is refused where the interaction is somebody else's."""
    if not subject_key or subject_hash(pseudonym_key(), source.name, subject_key) == interaction.subject.key_hash:
        return None
    message = "The interaction is another subject's."
    return Blocked("subject", message, "Name the interaction that this subject was answered in.")


def environment_blocked(source: Source, environment: str | None) -> Blocked | None:
    """The source decides: a row may say that it is less than its source (staging, a replay), never that it is more."""
    if environment != Environment.PRODUCTION or source.environment == Environment.PRODUCTION:
        return None
    message = f"{source.name} is a source of the environment {source.environment}: its rows are not from production."
    return Blocked("environment", message, "Leave the environment out, or record it under a source of production.")


def time_blocked(happened_at: datetime | None) -> Blocked | None:
    """Nothing happens after it was recorded; clocks may differ a little. PostgreSQL refuses it, too."""
    if happened_at is None or happened_at <= timezone.now() + CLOCKS_DIFFER:
        return None
    return Blocked("happened_at", "This time is in the future.", "Send when it happened, with its time zone.")


def _original(source: Source, subject_key: str, replay_of: Interaction | uuid.UUID | None) -> Interaction | None:
    """The interaction that is replayed, if any: of the same source and, where a subject is named, of that subject."""
    if replay_of is None:
        return None
    original_id = replay_of.pk if isinstance(replay_of, Interaction) else replay_of
    original = Interaction.objects.filter(pk=original_id, source=source).select_related("subject").first()
    if original is None:
        message = f"{source.name} has no interaction {original_id}."
        raise Refused.because("replay_of", message, "Send the id that was answered.")
    if subject_key and subject_hash(pseudonym_key(), source.name, subject_key) != original.subject.key_hash:
        message = "A replay has the subject of its original, not another."
        raise Refused.because("subject", message, "Leave the subject out.")
    return original


def _place_text(interaction: Interaction, asked: Conversation, answered: Message) -> None:
    """Put the text of the training lane into the row, and held-out text into the vault and nowhere else."""
    if not interaction.is_held_out:
        interaction.hold(asked, answered)
        return
    mailbox.post(
        "interaction",
        interaction.pk,
        interaction_id=interaction.pk,
        subject_id=interaction.subject_id,
        content=interaction_content(interaction, asked, answered),
    )


def interaction_content(interaction: Interaction, asked: Conversation, answered: Message) -> dict[str, Any]:
    """The fields of a held-out interaction that the vault keeps; those that are empty are left out."""
    more = {
        "cut_by": interaction.cut_by,
        "tenant": interaction.tenant,
        "conversation": asked.stored,
        "answer_message": stored_answer(answered),
    }
    return {name: value for name, value in more.items() if value} | {
        "prompt": asked.text,
        "answer": answer_text(answered),
        "model_name": interaction.model_name,
        "environment": interaction.environment,
        "happened_at": interaction.happened_at.isoformat(),
    }
