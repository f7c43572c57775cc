"""`{% console as console %}`: the header of this request."""

from typing import Any

from django import template

from cftapp.console import Console

register = template.Library()


@register.simple_tag(takes_context=True)
def console(context: dict[str, Any]) -> Console | None:
    """Nothing on the error pages that are rendered without a request."""
    request = context.get("request")
    return Console(request) if request and hasattr(request, "user") else None
