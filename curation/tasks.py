"""Celery finds an app's tasks here; each stands in the package of its step."""

from curation.batches import tasks as batch_tasks
from curation.inquiries import tasks as inquiry_tasks
from curation.screening import tasks as screening_tasks

__all__ = ["batch_tasks", "inquiry_tasks", "screening_tasks"]
