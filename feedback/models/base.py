"""What the querysets of all tables share."""

from __future__ import annotations

from typing import TypeVar

from django.db import models
from django.db.models import BooleanField, Func, Value
from django.db.models.functions import Now

M = TypeVar("M", bound=models.Model)
CAP = 10_000


def consent_in_force(subject: str) -> Func:
    """Whether the subject named by the lookup `subject` allows training now, as PostgreSQL sees it."""
    return Func(subject, Value("training"), Now(), function="consent_in_force", output_field=BooleanField())


class CountedQuerySet(models.QuerySet[M]):
    """Counting that stays cheap on a table of millions."""

    def capped_count(self, cap: int = CAP) -> int:
        """The number of rows, at most `cap` + 1: "more than `cap`" is all that a page needs to know."""
        return self.order_by()[: cap + 1].count()
