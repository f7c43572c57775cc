"""Housekeeping of what belongs to no stage. Runs in the curator process."""

from celery import shared_task
from django.contrib.sessions.models import Session
from django.utils import timezone

from cftapp.accounts import limits


@shared_task(name="cftapp.tasks.clear_sessions")
def clear_sessions() -> int:
    """Delete sessions that have expired; returns how many. They speak for nobody any more, so no event tells of it."""
    return Session.objects.filter(expire_date__lt=timezone.now()).delete()[0]


@shared_task(name="cftapp.tasks.forget_attempts")
def forget_attempts() -> int:
    """Delete counts of failed sign-ins that have ended; returns how many."""
    return limits.forget_old()
