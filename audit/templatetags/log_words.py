"""The log in words: who did it, what happened to it, what kind of thing it is."""

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit import vocabulary
from cftapp.base import names
from cftapp.base.actors import shown_name

register = template.Library()


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
    return vocabulary.happened(name, kind) if name else ""


@register.filter
def kindly(kind: str) -> str:
    """A kind of entity in words: 'bug_report' → 'bug report'."""
    return vocabulary.kind_in_words(kind)


@register.filter
def has_lineage(kind: str) -> bool:
    """Whether there is a page with the lineage of entities of this kind."""
    return vocabulary.has_lineage(kind)


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
