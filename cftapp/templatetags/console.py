"""`{% console as console %}`: the header of this request."""

from typing import Any

from django import template

from cftapp.console import Console

register = template.Library()


@register.simple_tag(takes_context=True)
def console(context: dict[str, Any]) -> Console:
    return Console(context["request"])
