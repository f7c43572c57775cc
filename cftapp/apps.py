from importlib import import_module
from importlib.util import find_spec

from django.apps import AppConfig


class CftappConfig(AppConfig):
    """The wiring: the Celery application for `shared_task`, and the pipeline's receivers."""

    name = "cftapp"

    def ready(self) -> None:
        import_module("cftapp.celery")
        if find_spec("cftapp.pipeline"):
            import_module("cftapp.pipeline")
