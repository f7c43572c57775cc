"""Sources of feedback, and the API keys that they post with."""

from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.actions import record
from cftapp.base.actors import WEB, Actor
from cftapp.base.refusal import Conflict, Refused
from feedback.api_tokens import new_token, token_hash
from feedback.models import ApiKey, Environment, Source
from feedback.tenants import tenant_blocked

PLAYGROUND = "playground"


@transaction.atomic
def register_source(
    name: str,
    title: str,
    *,
    subject_kind: str = Source.SubjectKind.USER,
    held_out_percent: Decimal | float = 10,
    environment: str = Environment.PRODUCTION,
    tenant: str = "",
    by: Actor,
) -> Source:
    """Register a source of feedback. Refused while another has its name.

    `tenant`: the brand or customer that all of its rows are of; empty, each row may name its own.
    """
    if Source.objects.filter(name=name).exists():
        raise Refused.because("name", f"There is a source named {name} already.", "Choose another name.")
    source = Source.objects.create(
        name=name,
        title=title,
        subject_kind=subject_kind,
        held_out_percent=Decimal(str(held_out_percent)),
        environment=environment,
        tenant=tenant,
    )
    detail = {"held_out_percent": str(source.held_out_percent), "environment": environment}
    record("source.created", by=by, generated=[("source", source.pk)], detail=detail)
    return source


def open_playground() -> Source:
    """The built-in source of the playground; registered when it is first needed."""
    source = Source.objects.filter(name=PLAYGROUND).first()
    if source:
        return source
    try:
        return register_source(PLAYGROUND, "Playground", by=WEB)
    except (IntegrityError, Refused):  # another process was first
        return Source.objects.get(name=PLAYGROUND)


@transaction.atomic
def issue_api_key(source: Source, label: str, *, tenant: str = "", by: Actor) -> tuple[ApiKey, str]:
    """Create an API key; returns it with its token. `tenant`: the one brand or customer that it may post for.

    The token is in no database: whoever loses it needs another key. Conflict for a disabled source; Refused for another
    tenant than the source's.
    """
    if source.disabled_at:
        raise Conflict.because("source", f"{source.title} is disabled.", "Choose a source that is in use.")
    if blocked := tenant_blocked(source, tenant):
        raise Refused(blocked)
    token = new_token()
    creator: Any = None if isinstance(by, str) else by
    key = ApiKey.objects.create(
        source=source, label=label, tenant=tenant, prefix=token[:12], token_hash=token_hash(token), created_by=creator
    )
    record("api_key.issued", by=by, used=[("source", source.pk)], generated=[("api_key", key.pk)])
    return key, token


@transaction.atomic
def revoke_api_key(key: ApiKey, *, by: Actor) -> ApiKey:
    """Refuse the API key from now on. Conflict if it was revoked before."""
    updated = ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=timezone.now())
    key.refresh_from_db()
    if not updated:
        message = f"The key {key.prefix}… was revoked before, at {key.revoked_at:%Y-%m-%d %H:%M} UTC."
        raise Conflict.because("api_key", message, "Nothing is left to do.")
    record("api_key.revoked", by=by, used=[("api_key", key.pk)])
    return key
