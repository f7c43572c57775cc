"""Many rows in one transaction, with one audit event over all of them: batch posts and imports."""

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from audit import merkle
from audit.actions import Ref, record
from cftapp.base.actors import Actor
from cftapp.base.refusal import Blocked
from conversation import Conversation, Message
from feedback import mailbox
from feedback.actions.consent import Acceptance, Agreement, accept_wordings, blocked_time, unknown_wording
from feedback.actions.interactions import (
    difference,
    environment_blocked,
    interaction_content,
    other_subject,
    said,
    time_blocked,
)
from feedback.actions.submissions import columns_of, content_of
from feedback.keyed_hashes import commitment, subject_hash
from feedback.lanes import lane_of
from feedback.models import (
    KINDS,
    ConsentWording,
    Environment,
    Feedback,
    Interaction,
    Receipt,
    Source,
    Subject,
    pseudonym_key,
)
from feedback.tenants import other_tenant, tenant_blocked, tenant_of

LIMIT = 1_000
MEETINGS = 3  # with another batch that records the same rows at the same time: once more, and they are there
UNIQUE_VIOLATION = "23505"


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One interaction, or one piece of feedback on an interaction recorded before (perhaps in the same batch).

    `content` holds the fields of the kind; of an interaction `prompt` may be a Conversation, `answer` a message, and so
    may a correction's `replacement`. Feedback refers to its interaction by `interaction_id` or by the
    `external_id` it was recorded under. Equal `object_id`s are the same row: repeating a batch changes nothing.
    `tenant` is whose an interaction is; feedback that names one is refused where its interaction is another's.
    `consent` is the version of the wording beside the box that was ticked, `consent_given_at` when.
    """

    kind: str
    object_id: uuid.UUID
    content: dict[str, Any]
    external_id: str = ""
    interaction_id: uuid.UUID | None = None
    subject_key: str = ""
    tenant: str = ""
    conversation_id: str = ""
    environment: str = ""
    replay_of: uuid.UUID | None = None
    happened_at: datetime | None = None
    consent: str = ""
    consent_given_at: datetime | None = None


@dataclass(slots=True)
class RowResult:
    """The outcome of a row. `blocker` is set where it was refused; the other rows are recorded all the same.

    `note` says what of a recorded row counts for nothing.
    """

    kind: str
    id: uuid.UUID | None = None
    already_recorded: bool = False
    blocker: Blocked | None = None
    note: Blocked | None = None


@dataclass(slots=True)
class Plan:
    """A batch before it is written: the rows that it refers to, and the rows that it will create."""

    source: Source
    subjects: dict[str, Subject]
    by_id: dict[uuid.UUID, Interaction]
    by_external_id: dict[str, Interaction]
    receipts: set[uuid.UUID]
    entries: list[mailbox.Entry] = field(default_factory=list)
    interactions: list[Interaction] = field(default_factory=list)
    feedback: list[tuple[str, Feedback]] = field(default_factory=list)
    refused_external_ids: set[str] = field(default_factory=set)
    wordings: set[str] = field(default_factory=set)
    consents: list[tuple[Agreement, RowResult]] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list)


def record_batch(
    source: Source, rows: Sequence[BatchRow], *, refused_external_ids: Iterable[str] = (), by: Actor
) -> list[RowResult]:
    """Record up to 1,000 rows of a source, in about a dozen statements; results come in the order of the rows.

    Feedback on an interaction that the same batch could not record is refused with it, whoever has its external id
    already; `refused_external_ids` are those of interactions that were refused before they came here. ValueError for
    more rows, MailboxClosed while the vault cannot be reached; nothing is written then.
    """
    if len(rows) > LIMIT:
        raise ValueError(f"a batch holds at most {LIMIT} rows, got {len(rows)}")
    for _ in range(MEETINGS):
        try:
            return _record_rows(source, rows, refused_external_ids, by)
        except IntegrityError as problem:
            if getattr(problem.__cause__, "sqlstate", "") != UNIQUE_VIOLATION:
                raise
    return _record_rows(source, rows, refused_external_ids, by)


@transaction.atomic
def _record_rows(
    source: Source, rows: Sequence[BatchRow], refused_external_ids: Iterable[str], by: Actor
) -> list[RowResult]:
    plan = _plan(source, rows)
    plan.refused_external_ids.update(refused_external_ids)
    results = [_add(plan, row) for row in rows]
    mailbox.post_all(plan.entries)
    generated = _write(plan, by=by)
    if plan.leaves:
        _record(plan, generated, by=by)
    return results


# --- the rows that the batch refers to ---
def _plan(source: Source, rows: Sequence[BatchRow]) -> Plan:
    interaction_rows = [row for row in rows if row.kind == "interaction"]
    referenced_ids = {row.interaction_id for row in rows} | {row.replay_of for row in rows}
    referenced_ids |= {row.object_id for row in interaction_rows}
    interactions = Interaction.objects.filter(source=source).select_related("subject")
    by_id = interactions.in_bulk([key for key in referenced_ids if key])
    external_ids = [row.external_id for row in rows if row.external_id]
    by_external_id = {i.external_id: i for i in interactions.filter(external_id__in=external_ids)}
    feedback_ids = [row.object_id for row in rows if row.kind != "interaction"]
    receipts = set(Receipt.objects.filter(pk__in=feedback_ids).values_list("pk", flat=True))
    subjects = _subjects(source, {row.subject_key for row in interaction_rows if row.subject_key})
    named = {row.consent for row in rows if row.consent}
    shown = ConsentWording.objects.shown_by(source).filter(pk__in=named) if named else ConsentWording.objects.none()
    wordings = set(shown.values_list("pk", flat=True))
    return Plan(source, subjects, by_id, by_external_id, receipts, wordings=wordings)


def _subjects(source: Source, external_ids: set[str]) -> dict[str, Subject]:
    """Subjects by their external id; those never seen are created."""
    key = pseudonym_key()
    hashes = {name: subject_hash(key, source.name, name) for name in external_ids}
    query = Subject.objects.filter(source=source, key_hash__in=hashes.values())
    by_hash = {subject.key_hash: subject for subject in query}
    missing = [
        Subject(source=source, key_hash=hashed, lane=lane_of(key, source.name, name, source.held_out_percent))
        for name, hashed in sorted(hashes.items(), key=lambda item: item[1])
        if hashed not in by_hash
    ]
    if missing:
        Subject.objects.bulk_create(missing, ignore_conflicts=True)
        by_hash = {subject.key_hash: subject for subject in query.all()}
    return {name: by_hash[hashed] for name, hashed in hashes.items()}


# --- each row, in memory ---
def _add(plan: Plan, row: BatchRow) -> RowResult:
    if row.kind != "interaction":
        return _add_feedback(plan, row)
    result = _add_interaction(plan, row)
    if row.external_id and result.blocker:
        plan.refused_external_ids.add(row.external_id)
    return result


def _add_interaction(plan: Plan, row: BatchRow) -> RowResult:
    if blocked := (
        environment_blocked(plan.source, row.environment)
        or tenant_blocked(plan.source, row.tenant)
        or time_blocked(row.happened_at)
    ):
        return RowResult(row.kind, blocker=blocked)
    recorded = plan.by_external_id.get(row.external_id) if row.external_id else plan.by_id.get(row.object_id)
    if recorded:
        if blocked := difference(recorded, plan.source, row.subject_key, *words_of(row), row.tenant):
            return RowResult(row.kind, blocker=blocked)
        return RowResult(row.kind, recorded.pk, already_recorded=True)
    original = plan.by_id.get(row.replay_of) if row.replay_of else None
    subject = _subject_of(plan, row, original)
    if isinstance(subject, Blocked):
        return RowResult(row.kind, blocker=subject)
    interaction = _interaction(plan.source, subject, original, row)
    plan.interactions.append(interaction)
    plan.by_id[interaction.pk] = interaction
    if row.external_id:
        plan.by_external_id[row.external_id] = interaction
    if interaction.is_held_out:
        content = interaction_content(interaction, *words_of(row))
        plan.entries.append(mailbox.Entry("interaction", interaction.pk, interaction.pk, subject.pk, content))
    _add_leaf(plan, interaction, row)
    return RowResult(row.kind, interaction.pk)


def _subject_of(plan: Plan, row: BatchRow, original: Interaction | None) -> Subject | Blocked:
    """The subject of an interaction: of its original if it is a replay, otherwise the subject that the row names."""
    if row.replay_of and original is None:
        message = f"{plan.source.name} has no interaction {row.replay_of} from before this batch."
        return Blocked("replay_of", message, "Send the id that was answered.")
    subject = plan.subjects.get(row.subject_key)
    if original and subject and subject != original.subject:
        message = "A replay has the subject of its original, not another."
        return Blocked("subject", message, "Leave the subject out.")
    if original:
        return other_tenant(original, row.tenant) or original.subject
    return subject or Blocked("subject", "No subject is named.", "Send the user's or conversation's id.")


def _interaction(source: Source, subject: Subject, original: Interaction | None, row: BatchRow) -> Interaction:
    asked, answered = words_of(row)
    interaction = Interaction(
        id=row.object_id,
        source=source,
        subject=subject,
        lane=subject.lane,
        tenant=tenant_of(source, original, row.tenant),
        environment=Environment.REPLAY if original else row.environment or source.environment,
        model_name=row.content.get("model_name", ""),
        external_id=row.external_id,
        replay_of=original,
        happened_at=row.happened_at or timezone.now(),
    )
    interaction.identify(asked, answered, row.conversation_id)
    if not interaction.is_held_out:
        interaction.hold(asked, answered)
    return interaction


def words_of(row: BatchRow) -> tuple[Conversation, Message]:
    return said(row.content["prompt"], row.content["answer"])


def _add_feedback(plan: Plan, row: BatchRow) -> RowResult:
    if row.object_id in plan.receipts:
        return RowResult(row.kind, row.object_id, already_recorded=True)
    if row.external_id in plan.refused_external_ids:
        message = f"The interaction {row.external_id!r} of this batch was refused, and its feedback with it."
        return RowResult(
            row.kind, blocker=Blocked("external_id", message, "Mend the interaction, and send both again.")
        )
    interaction = _interaction_of(plan, row)
    if interaction is None:
        reference = row.interaction_id or f"with the external id {row.external_id!r}"
        remedy = "Record the interaction first, or earlier in the same batch."
        message = f"{plan.source.name} has no interaction {reference}."
        return RowResult(row.kind, blocker=Blocked("interaction", message, remedy))
    if blocked := (
        other_tenant(interaction, row.tenant)
        or other_subject(interaction, plan.source, row.subject_key)
        or _blocked_consent(plan, row)
    ):
        return RowResult(row.kind, blocker=blocked)
    plan.receipts.add(row.object_id)
    feedback = KINDS[row.kind](id=row.object_id, interaction=interaction, **columns_of(row.content))
    plan.feedback.append((row.kind, feedback))
    result = RowResult(row.kind, feedback.pk)
    if row.consent:
        plan.consents.append((Agreement(interaction.subject_id, row.consent, row.consent_given_at), result))
    if interaction.is_held_out:
        content = content_of(feedback) | ({"consent": row.consent} if row.kind == "correction" else {})
        plan.entries.append(mailbox.Entry(row.kind, feedback.pk, interaction.pk, interaction.subject_id, content))
    _add_leaf(plan, interaction, row)
    return result


def _blocked_consent(plan: Plan, row: BatchRow) -> Blocked | None:
    if not row.consent:
        return None
    if row.consent not in plan.wordings:
        return unknown_wording(row.consent)
    return blocked_time(row.consent_given_at, "consent_given_at")


def _interaction_of(plan: Plan, row: BatchRow) -> Interaction | None:
    if row.interaction_id:
        return plan.by_id.get(row.interaction_id)
    return plan.by_external_id.get(row.external_id)


def _add_leaf(plan: Plan, interaction: Interaction, row: BatchRow) -> None:
    """Add the row to the event's Merkle tree: a commitment under the subject's own key, which discloses nothing."""
    content = json.dumps([row.kind, str(row.object_id), row.content], sort_keys=True, default=spelt).encode()
    digest = commitment(pseudonym_key(), str(interaction.subject_id), content)
    plan.leaves.append(merkle.leaf_hash(bytes.fromhex(digest)))


def spelt(value: Any) -> str:
    return value.spelling if isinstance(value, Conversation) else str(value)


# --- the writes ---
def _write(plan: Plan, *, by: Actor) -> list[Ref]:
    """Write the plan; returns what was generated, except held-out feedback."""
    Interaction.objects.bulk_create(plan.interactions, batch_size=500)
    trainable = [(kind, f) for kind, f in plan.feedback if not f.interaction.is_held_out]
    for kind, model in KINDS.items():
        model._default_manager.bulk_create([f for k, f in trainable if k == kind], batch_size=500)
    Receipt.objects.bulk_create(
        [Receipt(id=f.pk, interaction=f.interaction, kind=kind) for kind, f in plan.feedback], batch_size=500
    )
    accepted = _accept(plan, by=by)
    refs: list[Ref] = [("interaction", interaction.pk) for interaction in plan.interactions]
    refs += [(kind, f.pk) for kind, f in trainable]
    return refs + [("consent", entry.pk) for entry in accepted.entries]


def _accept(plan: Plan, *, by: Actor) -> Acceptance:
    """Record the ticked boxes, and note where one counts for nothing."""
    accepted = accept_wordings([agreement for agreement, _ in plan.consents], by=by)
    for place, note in accepted.notes.items():
        plan.consents[place][1].note = note
    return accepted


def _record(plan: Plan, generated: list[Ref], *, by: Actor) -> None:
    held_out = sum(i.is_held_out for i in plan.interactions)
    detail = {
        "interactions": len(plan.interactions),
        "feedback": len(plan.feedback),
        "held_out_interactions": held_out,
        "rows_root": merkle.root_of(plan.leaves).hex(),
    }
    name = "feedback.imported" if plan.feedback else "interactions.recorded"
    consenting = {agreement.subject_id for agreement, _ in plan.consents}
    used: list[Ref] = [("source", plan.source.pk), *(("subject", key) for key in consenting)]
    record(name, by=by, used=used, generated=generated, detail=detail)
