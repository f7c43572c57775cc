"""Items that may be published, compared with every stored row."""

from django.db import models
from django.db.models import Q


class ReverseCheck(models.Model):
    """New exam items, compared with every stored row before they are accepted.

    The evaluator offers a throw-away registry of them in the vault, under this id; the screener scans the rows in order
    of their ids and keeps here how far it got, so a killed scan goes on where it stopped. `within`: an earlier check
    of more items; only the rows that it found, and newer ones, can overlap with these.
    """

    class State(models.TextChoices):
        ASKED = "asked", "Asked"
        FINISHED = "finished", "Finished"
        FAILED = "failed", "Failed"

    id = models.UUIDField(primary_key=True, editable=False)
    sha256 = models.CharField(max_length=64, help_text="Of the offered registry.")
    items = models.PositiveIntegerField()
    within = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="narrower")
    state = models.CharField(max_length=8, choices=State, default=State.ASKED)
    last_case = models.BigIntegerField(default=0)
    last_replay_row = models.BigIntegerField(default=0)
    rows = models.PositiveIntegerField(default=0, help_text="Rows compared so far.")
    same_template = models.PositiveIntegerField(
        db_default=0, default=0, help_text="Rows with an item's wording and other numbers, which does not block them."
    )
    asked_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True, db_default="", help_text="Why the items could not be compared.")

    class Meta:
        indexes = [models.Index(fields=["asked_at"], condition=Q(state="asked"), name="reverse_check_waiting")]
        constraints = [models.CheckConstraint(name="failed_check_says_why", condition=Q(state="failed") ^ Q(error=""))]


class ReverseMatch(models.Model):
    """A stored row that overlaps with an offered item. The item is its place in the upload, the row only its id."""

    id = models.BigAutoField(primary_key=True)
    check_run = models.ForeignKey(ReverseCheck, on_delete=models.CASCADE, related_name="matches")
    case = models.ForeignKey("curation.Case", null=True, on_delete=models.PROTECT, related_name="+")
    replay_row = models.ForeignKey("curation.ReplayRow", null=True, on_delete=models.PROTECT, related_name="+")
    item = models.PositiveIntegerField(help_text="Place among the offered items, from 0.")
    method = models.CharField(max_length=20)
    score = models.FloatField()
    frozen = models.BooleanField(help_text="Whether a dataset held the row when it was found.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(case__isnull=False) ^ Q(replay_row__isnull=False), name="match_is_case_or_replay"
            ),
            models.UniqueConstraint(fields=["check_run", "case"], name="one_match_a_case"),
            models.UniqueConstraint(fields=["check_run", "replay_row"], name="one_match_a_replay_row"),
        ]
