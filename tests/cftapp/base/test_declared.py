"""Apps declare for themselves; whoever needs all of it collects it."""

from types import ModuleType

import pytest
from django.apps import apps

from cftapp.base import declared as collecting
from cftapp.base.declared import DeclaredTwice, declarations, declared


def test_modules_come_in_the_order_of_the_pipeline() -> None:
    names = [config.name for config, _ in declarations("grants")]
    pipeline = ["audit", "feedback", "curation", "training", "evaluation", "evaluation.vault", "serving"]
    assert names == [*pipeline, "cftapp.accounts", "cftapp"]


def test_what_nobody_declares_is_empty() -> None:
    assert list(declarations("no_such_module")) == [] and declared("grants", "NO_SUCH_NAME") == {}


def test_two_apps_may_not_declare_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = ModuleType("first.events"), ModuleType("second.events")
    first.THINGS, second.THINGS = {"a": 1, "b": 2}, {"b": 3}  # type: ignore[attr-defined]
    config = apps.get_app_config("audit")
    monkeypatch.setattr(collecting, "declarations", lambda module: iter([(config, first), (config, second)]))
    with pytest.raises(DeclaredTwice, match="second.events declares again: b"):
        declared("events", "THINGS")
