"""`{% console as console %}`: the header of this request."""

from typing import Any

from django import template

from cftapp.console.header import Console, page

register = template.Library()


@register.simple_tag(takes_context=True)
def console(context: dict[str, Any]) -> Console | None:
    """Nothing on the error pages that are rendered without a request."""
    request = context.get("request")
    return Console(request) if request and hasattr(request, "user") else None


@register.simple_tag(takes_context=True)
def may(context: dict[str, Any], name: str) -> str:
    """The address of a page where its view would let this account in, else nothing: no link leads to a refusal."""
    return page(name)[0] if Console(context["request"]).may(name) else ""
