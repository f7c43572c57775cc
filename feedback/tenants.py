"""Whose a row is: the brand or customer that a source, a key, a row or a header names."""

from cftapp.base.refusal import Blocked, Forbidden
from feedback.models import Interaction, Source


def named_tenant(of_key: str, named: str, field: str = "tenant") -> str:
    """The tenant that is posted for, if any. Forbidden where the key is another's."""
    if of_key and named not in ("", of_key):
        message = f"This API key posts for {of_key} only."
        raise Forbidden.because(field, message, f"Leave {field} out, or use a key of {named}.")
    return of_key or named


def tenant_blocked(source: Source, tenant: str, field: str = "tenant") -> Blocked | None:
    """A source of one brand or customer has no rows of another."""
    if not tenant or source.tenant in ("", tenant):
        return None
    return Blocked(field, f"{source.name} is a source of {source.tenant}.", f"Leave {field} out.")


def tenant_of(source: Source, original: Interaction | None, tenant: str) -> str:
    """Whose a row is: its own word, else its source's, else that of the interaction that it replays."""
    return tenant or source.tenant or (original.tenant if original else "")


def other_tenant(interaction: Interaction, tenant: str) -> Blocked | None:
    """Whoever speaks for one brand or customer has nothing to do with an interaction of another."""
    if not tenant or interaction.tenant == tenant:
        return None
    return Blocked("tenant", "The interaction is another tenant's.", "Send it for the tenant of the interaction.")
