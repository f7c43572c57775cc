"""What people tell us: sources, subjects and their lane, interactions, consent and the typed feedback on them."""

import uuid

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from feedback.querysets import (
    ApiKeyQuerySet,
    ConsentEntryQuerySet,
    FeedbackQuerySet,
    InteractionQuerySet,
    ReceiptQuerySet,
    SubjectQuerySet,
)


class Lane(models.TextChoices):
    TRAINING = "training", "Training"
    HELD_OUT = "held_out", "Held out"


class Environment(models.TextChoices):
    PRODUCTION = "production", "Production"
    STAGING = "staging", "Staging"
    REPLAY = "replay", "Replay"


class Source(models.Model):
    """A place feedback comes from: an application, the gateway, the playground, an import."""

    class SubjectKind(models.TextChoices):
        USER = "user", "User"
        CONVERSATION = "conversation", "Conversation"

    name = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=120)
    subject_kind = models.CharField(max_length=12, choices=SubjectKind, default=SubjectKind.USER)
    held_out_percent = models.DecimalField(max_digits=5, decimal_places=2, default=10)
    environment = models.CharField(max_length=10, choices=Environment, default=Environment.PRODUCTION)
    created_at = models.DateTimeField(auto_now_add=True)
    disabled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(held_out_percent__gte=0) & Q(held_out_percent__lte=100),
                name="source_held_out_percent_range",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class ApiKey(models.Model):
    """A bearer token of a source; only its SHA-256 is stored, the prefix is shown."""

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="api_keys")
    label = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12)
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.label} ({self.prefix}…)"


class Subject(models.Model):
    """Whose words these are (a user or a conversation), pseudonymised. The lane is fixed here, once, for good."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="subjects")
    key_hash = models.CharField(max_length=64, help_text="HMAC-SHA-256 of the external id under the subject key.")
    lane = models.CharField(max_length=8, choices=Lane)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "key_hash"], name="subject_once_per_source"),
            # What the composite foreign key of interactions points at: whoever names a subject names its lane.
            models.UniqueConstraint(fields=["id", "lane", "source"], name="subject_has_one_lane"),
        ]
        # Compliance searches by the beginning of the label.
        indexes = [models.Index(fields=["key_hash"], opclasses=["varchar_pattern_ops"], name="subject_by_label")]

    objects = SubjectQuerySet.as_manager()

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """A short, stable, anonymous name to show on screen."""
        return f"s-{self.key_hash[:8]}"


class Interaction(models.Model):
    """A prompt and the model's answer. In the held-out lane this row is a stub: the text is in the vault only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="interactions", db_index=False)
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="interactions")
    lane = models.CharField(max_length=8, choices=Lane)
    environment = models.CharField(max_length=10, choices=Environment)
    prompt = models.TextField(blank=True)
    answer = models.TextField(blank=True)
    model_name = models.CharField(max_length=120, blank=True)
    external_id = models.CharField(max_length=200, blank=True)
    replay_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="replays", db_index=False
    )
    happened_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["source", "-created_at", "-id"], name="interaction_by_source"),
            models.Index(fields=["replay_of"], condition=Q(replay_of__isnull=False), name="interaction_replays"),
            models.Index(fields=["-created_at"], condition=Q(lane=Lane.HELD_OUT), name="interaction_held_out"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "external_id"], condition=~Q(external_id=""), name="interaction_once_per_source"
            ),
            models.CheckConstraint(
                condition=Q(lane=Lane.TRAINING) | Q(prompt="", answer=""), name="held_out_text_is_in_the_vault_only"
            ),
            models.CheckConstraint(
                condition=Q(replay_of__isnull=True) | Q(environment=Environment.REPLAY),
                name="replay_is_in_environment_replay",
            ),
            models.CheckConstraint(condition=~Q(replay_of=F("id")), name="interaction_does_not_replay_itself"),
        ]

    objects = InteractionQuerySet.as_manager()
    already_recorded = False  # set by record_interaction on the row of an earlier call

    @property
    def is_held_out(self) -> bool:
        return self.lane == Lane.HELD_OUT


class ConsentEntry(models.Model):
    """One line of the consent ledger: append-only; the newest line of a subject and purpose is what holds."""

    class Purpose(models.TextChoices):
        TRAINING = "training", "Training"

    class Decision(models.TextChoices):
        GRANTED = "granted", "Granted"
        WITHDRAWN = "withdrawn", "Withdrawn"

    class LegalBasis(models.TextChoices):
        CONSENT = "consent", "Consent (GDPR Art. 6(1)(a))"
        CONTRACT = "contract", "Contract (GDPR Art. 6(1)(b))"
        LEGITIMATE_INTERESTS = "legitimate_interests", "Legitimate interests (GDPR Art. 6(1)(f))"

    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="consent_entries", db_index=False)
    purpose = models.CharField(max_length=20, choices=Purpose, default=Purpose.TRAINING)
    decision = models.CharField(max_length=9, choices=Decision)
    wording_version = models.CharField(max_length=40)
    legal_basis = models.CharField(max_length=24, choices=LegalBasis, default=LegalBasis.CONSENT)
    expires_at = models.DateTimeField(null=True, blank=True)
    recorded_at = models.DateTimeField(auto_now_add=True)
    recorded_by = models.CharField(max_length=120)

    class Meta:
        indexes = [models.Index(fields=["subject", "purpose", "-id"], name="consent_newest_first")]
        constraints = [
            models.CheckConstraint(
                condition=Q(decision="granted") | Q(expires_at__isnull=True), name="withdrawal_does_not_expire"
            ),
        ]

    objects = ConsentEntryQuerySet.as_manager()


class Feedback(models.Model):
    """What the kinds share. The kind is the table: there is no column to get wrong, and none to flip later."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    interaction = models.ForeignKey(Interaction, on_delete=models.PROTECT, related_name="%(class)ss")
    note = models.TextField(blank=True, help_text="Never trained on, whatever it contains.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True
        # Rows come in the order of their time: a few bytes a hundred pages find what is new.
        indexes = [BrinIndex(fields=["created_at"], name="%(class)s_by_time")]

    objects = FeedbackQuerySet.as_manager()


class BugReport(Feedback):
    """Something broke. Goes to the bug tracker; never trained on."""

    what_happened = models.TextField()
    expected = models.TextField(blank=True)


class TasteNote(Feedback):
    """The answer is not wrong; the person would word it differently. Never counted as an error."""

    class Aspect(models.TextChoices):
        WORDING = "wording", "Wording"
        LENGTH = "length", "Length"
        TONE = "tone", "Tone"
        FORMAT = "format", "Format"
        OTHER = "other", "Other"

    preference = models.TextField()
    aspect = models.CharField(max_length=10, choices=Aspect, default=Aspect.WORDING)


class Correction(Feedback):
    """The answer is wrong and the person gives the right one: the only kind with a replacement."""

    class Reason(models.TextChoices):
        WRONG_FACT = "wrong_fact", "Wrong fact"
        OUTDATED = "outdated", "Outdated"
        INCOMPLETE = "incomplete", "Incomplete"
        UNSAFE = "unsafe", "Unsafe"
        SHOULD_REFUSE = "should_refuse", "Should have refused"
        OTHER = "other", "Other"

    replacement = models.TextField()
    reason = models.CharField(max_length=14, choices=Reason, default=Reason.WRONG_FACT)


class Comment(Feedback):
    """Untyped feedback, from an import or an old thumbs widget: a rating, perhaps words. A reviewer gives it a kind."""

    rating = models.CharField(max_length=40, blank=True)
    text = models.TextField(blank=True)


class Receipt(models.Model):
    """That feedback of some kind was given, in both lanes alike: what pages list. Holds none of its words.

    The kind here is for listing only; what may be learned hangs on the tables above.
    """

    class Kind(models.TextChoices):
        BUG_REPORT = "bug_report", "Bug"
        TASTE_NOTE = "taste_note", "Taste"
        CORRECTION = "correction", "Correction"
        COMMENT = "comment", "Comment"

    id = models.UUIDField(primary_key=True, editable=False, help_text="The id of the feedback itself.")
    interaction = models.ForeignKey(Interaction, on_delete=models.PROTECT, related_name="receipts")
    kind = models.CharField(max_length=10, choices=Kind)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="receipt_newest_first"),
            models.Index(fields=["kind", "-created_at", "-id"], name="receipt_of_a_kind"),
        ]

    objects = ReceiptQuerySet.as_manager()


class IdempotentReply(models.Model):
    """The first reply to a request with an Idempotency-Key; a repetition gets the same bytes and writes nothing."""

    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, db_index=False)
    key = models.CharField(max_length=200)
    request_hash = models.CharField(max_length=64, help_text="Keyed: the request's text cannot be guessed from it.")
    status = models.PositiveSmallIntegerField()
    body = models.TextField(help_text="The JSON as it was sent; it repeats no words of the request.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["api_key", "key"], name="idempotency_key_once_per_api_key")]
