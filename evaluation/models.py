"""Whether it may ship: published benchmark versions (by name and hash; the text is in the vault), gates, results."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from cftapp.base.jobs import Job
from curation.models import ReverseCheck
from training.models import Run


class Benchmark(models.Model):
    class Kind(models.TextChoices):
        REGRESSION = "regression", "Regression"
        BUSINESS = "business", "Business"
        SAFETY = "safety", "Safety probes"

    name = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=Kind)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.title


class Scorer(models.TextChoices):
    EXACT = "exact", "Exact"
    CONTAINS = "contains", "Contains"
    REFUSAL = "refusal", "Refusal"


class BenchmarkVersion(models.Model):
    """A published, immutable set of items. `sha256` names them in the vault: scorer and canonical item lines."""

    benchmark = models.ForeignKey(Benchmark, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    items = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    scorer = models.CharField(max_length=10, choices=Scorer)
    margin = models.FloatField(
        help_text="Regression, business: largest tolerated drop. Safety: largest tolerated attack success."
    )
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    published_at = models.DateTimeField(auto_now_add=True)
    encoder = models.CharField(
        max_length=120, blank=True, db_default="", help_text="The model that compares rows with it by meaning, if any."
    )
    rows_compared = models.PositiveIntegerField(
        null=True, help_text="Stored rows that its new items met before it was published; null: none of them was new."
    )
    rows_blocked = models.PositiveIntegerField(null=True, help_text="Of these, those that it blocks from training.")
    rows_of_template = models.PositiveIntegerField(
        null=True, help_text="Those with the wording of an item and other numbers: shown to who reviews them."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["benchmark", "number"], name="benchmark_version_once"),
            models.CheckConstraint(condition=Q(margin__gt=0) & Q(margin__lt=1), name="margin_is_a_share"),
            models.CheckConstraint(condition=Q(items__gt=0), name="version_has_items"),
        ]

    def __str__(self) -> str:
        return f"{self.benchmark.name} v{self.number}"


class WeakItem(models.Model):
    """An item that n-grams cannot protect: found when copied word for word, not when reworded. Never its text."""

    class Why(models.TextChoices):
        SHORT = "short", "Too short"
        COMMON = "common", "Only common phrases"

    version = models.ForeignKey(BenchmarkVersion, on_delete=models.PROTECT, related_name="weak_items")
    item = models.UUIDField(help_text="Its opaque id, as evidence shows it.")
    position = models.PositiveIntegerField(help_text="Its line in the file, from 0.")
    why = models.CharField(max_length=6, choices=Why)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "position"], name="weak_item_once")]
        ordering = ["version", "position"]


class ProposalQuerySet(models.QuerySet["Proposal"]):
    def unsettled(self) -> "ProposalQuerySet":
        """The evaluator has something to do, now or when the rows are compared."""
        return self.filter(state__in=["waiting", "checking"])


class Proposal(models.Model):
    """A benchmark uploaded by an examiner. Its text went to the vault's mailbox under this id."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for the evaluator"
        CHECKING = "checking", "Compared with stored rows"
        OVERLAPPING = "overlapping", "Overlaps with stored rows"
        PUBLISHED = "published", "Published"
        REFUSED = "refused", "Refused"
        WITHDRAWN = "withdrawn", "Withdrawn"

    class Decision(models.TextChoices):
        """What becomes of an upload that overlaps with stored rows."""

        DROP = "drop", "Publish without those items"
        PUBLISH = "publish", "Publish all the same"
        WITHDRAW = "withdraw", "Withdraw it"

    id = models.UUIDField(primary_key=True, help_text="The mailbox entry's object_id.")
    name = models.SlugField(max_length=60)
    title = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=Benchmark.Kind)
    scorer = models.CharField(max_length=10, choices=Scorer)
    margin = models.FloatField()
    items = models.PositiveIntegerField()
    state = models.CharField(max_length=11, choices=State, default=State.WAITING)
    reverse_check = models.ForeignKey(
        ReverseCheck, null=True, on_delete=models.PROTECT, related_name="proposals", help_text="The newest one."
    )
    decision = models.CharField(max_length=8, choices=Decision, blank=True, db_default="")
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    reasons = models.JSONField(default=list, help_text="Why it was refused: field, message, remedy. No item's text.")
    version = models.ForeignKey(BenchmarkVersion, null=True, on_delete=models.PROTECT, related_name="proposals")
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True)

    objects = ProposalQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["proposed_at"], condition=Q(state="waiting"), name="proposal_waiting")]
        constraints = [
            models.CheckConstraint(
                condition=Q(decision="", decided_by__isnull=True)
                | (~Q(decision="") & Q(decided_by__isnull=False, reverse_check__isnull=False)),
                name="decision_has_a_name_and_a_check",
            ),
            models.CheckConstraint(
                condition=~(Q(state="published") ^ Q(version__isnull=False)), name="published_proposal_has_a_version"
            ),
        ]

    @property
    def in_work(self) -> bool:
        """Whether the next step comes by itself."""
        return self.state in (self.State.WAITING, self.State.CHECKING)


class Verdict(models.TextChoices):
    PASS = "PASS", "Pass"
    FAIL = "FAIL", "Fail"
    INCONCLUSIVE = "INCONCLUSIVE", "Inconclusive"


class Gate(Job):
    """The exam of one candidate run against one champion on pinned benchmark versions."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="gates")
    champion_run = models.ForeignKey(
        Run,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Null: the champion is the bare base model.",
    )
    anchor_run = models.ForeignKey(
        Run, null=True, on_delete=models.PROTECT, related_name="+", help_text="Null: the base model."
    )
    versions = models.ManyToManyField(
        BenchmarkVersion, related_name="gates", help_text="Pinned when the gate was queued."
    )
    verdict = models.CharField(max_length=12, choices=Verdict, blank=True)
    answers = models.PositiveIntegerField(default=0, help_text="Answers scored so far, of `total_answers`.")
    total_answers = models.PositiveIntegerField(default=0)
    requested_by = models.CharField(max_length=120)
    contamination = models.JSONField(null=True, help_text="Its candidate learnt rows of an exam: not to be trusted.")

    class Meta:
        indexes = [models.Index(fields=["id"], condition=Q(state__in=["queued", "running"]), name="gate_waiting")]
        constraints = [
            models.CheckConstraint(condition=Q(state="finished") ^ Q(verdict=""), name="finished_gate_has_a_verdict"),
            models.UniqueConstraint(
                fields=["run"], condition=Q(state__in=["queued", "running"]), name="one_open_gate_a_run"
            ),
        ]


class GateResult(models.Model):
    """One benchmark of one gate: paired counts, effect with interval, verdict. Opaque; no item's text."""

    gate = models.ForeignKey(Gate, on_delete=models.PROTECT, related_name="results")
    version = models.ForeignKey(BenchmarkVersion, on_delete=models.PROTECT)
    opponent = models.CharField(max_length=8, choices=[("champion", "Champion"), ("anchor", "Anchor")])
    items = models.PositiveIntegerField()
    candidate_correct = models.PositiveIntegerField()
    opponent_correct = models.PositiveIntegerField()
    only_opponent_correct = models.PositiveIntegerField(help_text="b")
    only_candidate_correct = models.PositiveIntegerField(help_text="c")
    estimate = models.FloatField()
    lower = models.FloatField()
    upper = models.FloatField()
    margin = models.FloatField()
    verdict = models.CharField(max_length=12, choices=Verdict)
    detail = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["gate", "version", "opponent"], name="one_result_a_comparison")]
        ordering = ["gate", "version", "-opponent"]


class Waiver(models.Model):
    """Two named people take responsibility for a candidate that the gate did not pass."""

    gate = models.OneToOneField(Gate, on_delete=models.PROTECT, related_name="waiver")
    reason = models.TextField()
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    requested_at = models.DateTimeField(auto_now_add=True)
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField(null=True)

    @property
    def is_confirmed(self) -> bool:
        """Whether the second person has signed; only then does it stand in for a PASS."""
        return self.confirmed_by_id is not None

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True) | ~Q(confirmed_by=models.F("requested_by")),
                name="waiver_needs_two_people",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="waiver_has_a_reason"),
        ]
