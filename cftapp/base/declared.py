"""What every app declares for itself in a module of the same name: grants, names, counts, events.

A floor that serves all apps (who may touch a table, what a row is called) must not know their tables. So each app says
it of its own, in `<app>/grants.py` and so on, and whoever needs all of it collects the modules here.
"""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from django.apps import AppConfig, apps


class DeclaredTwice(ValueError):
    """Two apps declare the same thing."""


def declarations(module: str) -> Iterator[tuple[AppConfig, ModuleType]]:
    """Every installed app that has the module, in the order of the pipeline."""
    for config in apps.get_app_configs():
        name = f"{config.name}.{module}"
        if find_spec(name):
            yield config, import_module(name)


def declared(module: str, attribute: str) -> dict[str, Any]:
    """One mapping of all apps' mappings; an app may leave it out. Raises DeclaredTwice."""
    everything: dict[str, Any] = {}
    for _, declaration in declarations(module):
        mapping = getattr(declaration, attribute, {})
        if twice := everything.keys() & mapping.keys():
            raise DeclaredTwice(f"{declaration.__name__} declares again: {', '.join(sorted(twice))}.")
        everything |= mapping
    return everything
