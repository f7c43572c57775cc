"""Releases (the models that may be served) and the history of the champion alias (the model that answers people)."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from evaluation.models import Gate, Waiver
from feedback.models import ApiKey, Interaction
from training.models import Run

MARKED = Q(learnt_from_withdrawn_at__isnull=False) | Q(contamination__isnull=False)


class ReleaseQuerySet(models.QuerySet["Release"]):
    def ever_champion(self) -> "ReleaseQuerySet":
        return self.filter(promotions__isnull=False).distinct()

    def answering(self) -> "ReleaseQuerySet":
        """What people may ask: the champion, and every earlier one that is not marked."""
        champion = Promotion.objects.newest_first().values("release")[:1]
        return self.ever_champion().filter(Q(pk=models.Subquery(champion)) | ~MARKED)

    def learnt_from_withdrawn(self) -> "ReleaseQuerySet":
        return self.filter(learnt_from_withdrawn_at__isnull=False)

    def marked(self) -> "ReleaseQuerySet":
        """Releases that may not be promoted or rolled back to."""
        return self.filter(MARKED)

    def contaminated(self) -> "ReleaseQuerySet":
        """Releases that learnt rows of an exam."""
        return self.filter(contamination__isnull=False)

    def of_runs(self, runs: models.QuerySet[Run]) -> "ReleaseQuerySet":
        """The releases of runs, by run and by content: two runs may have made the same adapter."""
        adapters = runs.exclude(adapter_sha256="").values("adapter_sha256")
        return self.filter(Q(run__in=runs) | Q(model_sha256__in=adapters))


class Release(models.Model):
    """A model that may be served, content-addressed. The base model is a release without a run."""

    id = models.BigAutoField(primary_key=True)
    number = models.PositiveIntegerField(unique=True, help_text="Shown as v1, v2, ...; v0 is the base model.")
    run = models.OneToOneField(Run, null=True, on_delete=models.PROTECT, related_name="release")
    model_sha256 = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    learnt_from_withdrawn_at = models.DateTimeField(null=True)
    contamination = models.JSONField(null=True, help_text="What its run's dataset says: rows it learnt are an exam's.")

    objects = ReleaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(run__isnull=True, number=0) | Q(run__isnull=False, number__gt=0),
                name="release_v0_is_the_base_model",
            )
        ]

    @property
    def model_name(self) -> str:
        """The content-addressed name under which it is recorded."""
        return f"cft-{self.model_sha256[:16]}"

    @property
    def served_name(self) -> str:
        """The name under which the model server knows it: its content, or "base" for the model without adapter."""
        return "base" if self.run_id is None else self.model_name

    @property
    def is_marked(self) -> bool:
        """Whether it learnt withdrawn words or an exam, as far as is known: see `marked`."""
        return self.learnt_from_withdrawn_at is not None or self.contamination is not None

    def __str__(self) -> str:
        return f"v{self.number}"


class PromotionQuerySet(models.QuerySet["Promotion"]):
    def newest_first(self) -> "PromotionQuerySet":
        return self.order_by("-id")


class Promotion(models.Model):
    """A move of the champion alias. Append-only: the newest row is the champion, the earlier rows are its history.

    Each row names the row it replaced, and no row is replaced twice, so the history is a line: of two promotions that
    saw the same champion, PostgreSQL keeps the first.
    """

    class Reason(models.TextChoices):
        INSTALLED = "installed", "Installed"
        PROMOTED = "promoted", "Promoted"
        ROLLED_BACK = "rolled_back", "Rolled back"

    id = models.BigAutoField(primary_key=True)
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="promotions")
    replaced = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="replaced_by")
    reason = models.CharField(max_length=11, choices=Reason)
    gate = models.ForeignKey(Gate, null=True, on_delete=models.PROTECT, related_name="promotions")
    waiver = models.ForeignKey(Waiver, null=True, on_delete=models.PROTECT, related_name="promotions")
    roll_back_waiver = models.OneToOneField(
        "RollBackWaiver", null=True, on_delete=models.PROTECT, related_name="promotion"
    )
    promoted_by = models.CharField(max_length=120)
    promoted_at = models.DateTimeField(auto_now_add=True)

    objects = PromotionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(reason="promoted") | Q(gate__isnull=False), name="promotion_names_its_gate"
            ),
            models.UniqueConstraint(
                fields=["replaced"], nulls_distinct=False, name="history_of_the_champion_is_a_line"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.release} {self.get_reason_display().lower()}"


class RollBackWaiverQuerySet(models.QuerySet["RollBackWaiver"]):
    def against(self, promotion: Promotion | None) -> Self:
        """Those that count while this is the newest promotion: a waiver is for one emergency, not for the next."""
        return self.filter(replaces=promotion)

    def with_people(self) -> Self:
        return self.select_related("release", "requested_by", "confirmed_by")


class RollBackWaiver(models.Model):
    """Two named people bring a marked release back in an emergency, although it may not be promoted.

    It is bound to the promotion that it ends: once the champion has moved, by whatever way, it counts no more.
    """

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="roll_back_waivers")
    replaces = models.ForeignKey(Promotion, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(auto_now_add=True)
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField(null=True)

    objects = RollBackWaiverQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["release", "replaces"], name="one_roll_back_waiver_an_emergency"),
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True, confirmed_at__isnull=True)
                | (Q(confirmed_by__isnull=False, confirmed_at__isnull=False) & ~Q(confirmed_by=F("requested_by"))),
                name="roll_back_waiver_needs_two_people",
            ),
            models.CheckConstraint(condition=Q(reason__regex=r"\S"), name="roll_back_waiver_has_a_reason"),
        ]

    @property
    def is_confirmed(self) -> bool:
        """Whether the second person has signed."""
        return self.confirmed_by_id is not None


class IdempotentAnswer(models.Model):
    """A request to the gateway with an Idempotency-Key, and the answer that a repetition gets: forgotten after a day.

    While `interaction` is empty the request is being answered, by whoever holds `claim`. `answer` is encrypted under a
    key that is made of the request: nobody reads it who does not have that. Empty later: too long, or erased.
    """

    LONGEST = 1_000_000  # bytes, encrypted

    id = models.BigAutoField(primary_key=True)
    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, db_index=False)
    key = models.CharField(max_length=200)
    request_hash = models.CharField(max_length=64, help_text="Keyed: the request's text cannot be guessed from it.")
    claim = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)
    interaction = models.ForeignKey(Interaction, null=True, on_delete=models.CASCADE, related_name="+")
    answer = models.BinaryField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["api_key", "key"], name="answer_once_per_idempotency_key"),
            models.CheckConstraint(
                condition=Q(interaction__isnull=False, claim__isnull=True)
                | Q(interaction__isnull=True, claim__isnull=False, answer__isnull=True),
                name="answer_is_of_an_interaction",
            ),
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotent_answer_by_age")]
