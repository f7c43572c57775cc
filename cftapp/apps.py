from importlib import import_module

from django.apps import AppConfig


class CftappConfig(AppConfig):
    """The wiring: the Celery application for `shared_task`, and the pipeline's receiver."""

    name = "cftapp"

    def ready(self) -> None:
        import_module("cftapp.celery")
        import_module("cftapp.pipeline").connect()
