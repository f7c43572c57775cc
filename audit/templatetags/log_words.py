"""The log in words: who did it, what happened to it, what kind of thing it is."""

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.log_pages import noun
from cftapp.base import names
from cftapp.base.actors import shown_name

register = template.Library()

KINDS = {"api_key": "API key", "benchmark_version": "benchmark", "epoch": "held-out index"}
HAPPENED = {
    ("case.decided", "pair"): "accepted",
    ("case.decided", "correction"): "decided",
    ("champion.promoted", "promotion"): "promoted",
    ("champion.promoted", "release"): "promoted",
    ("run.finished", "adapter"): "trained",
}
WHATEVER = {"withdrawal.marked": "marked as withdrawn", "pairs.withdrawn": "withdrawn", "cases.recalled": "recalled"}


@register.simple_tag(takes_context=True)
def who(context: dict[str, Any], actor: str | None) -> SafeString:
    """An account by its name, a process without its prefix; the log's own word for it in the tooltip."""
    actor = actor or ""
    request = context["request"]
    if not hasattr(request, "actor_names"):
        request.actor_names = names.actors()
    shown = request.actor_names.get(actor) or shown_name(actor).replace("_", " ")
    return format_html('<span title="{}">{}</span>', actor, shown)


@register.filter
def happened(name: str | None, kind: str) -> str:
    """An event as the newest word on an entity of `kind`: 'case.decided' of a pair → 'accepted'."""
    if not name:
        return ""
    special = HAPPENED.get((name, kind)) or WHATEVER.get(name)
    if special:
        return special
    verb = name.partition(".")[2].replace("_", " ")
    return verb if noun(name) == kind else f"{noun(name).replace('_', ' ')} {verb}"


@register.filter
def kindly(kind: str) -> str:
    """A kind of entity in words: 'bug_report' → 'bug report'."""
    return KINDS.get(kind) or kind.replace("_", " ")


@register.simple_tag
def called(named: dict[tuple[str, str], str], kind: str, object_id: str, heading: bool = False) -> SafeString:
    """An entity by kind and name, its whole id in the tooltip; without a name by its number or a shortened id."""
    name = named.get((kind, object_id))
    words = kindly(kind)
    if heading:
        words = f"{words[0].upper()}{words[1:]}{':' if name else ''}"
    if name is None:
        shown = object_id if len(object_id) <= 12 else f"{object_id[:12]}…"
        return format_html('<span title="{} {}">{} {}</span>', kind, object_id, words, shown)
    return format_html('<span title="{} {}"><b>{}</b> {}</span>', kind, object_id, words, name)
