"""Publishing the words beside consent boxes."""

import re
from collections.abc import Iterator
from hashlib import sha256

from django.db import transaction

from audit.actions import record
from cftapp.base.actors import Actor, actor_name
from cftapp.base.refusal import Blocked, Conflict, Refused
from feedback.models import ConsentWording, Source
from feedback.models.consent import LANGUAGE, VERSION

LONGEST = 16_000  # characters


@transaction.atomic
def publish_wording(
    version: str, text: str, *, language: str = "en", source: Source | None = None, by: Actor
) -> ConsentWording:
    """Publish the words beside a consent box, for good; what changes gets another version.

    Line ends become LF, and nothing else of the text is touched. `source`: the only one that shows it. Refused for a
    version or a language that is none, and without words; Conflict where the version is published already.
    """
    text = text.replace("\r\n", "\n")
    if problems := list(_problems(version, text, language)):
        raise Refused(*problems)
    if ConsentWording.objects.filter(pk=version).exists():
        message = f"The wording {version} is published already, and never changes."
        raise Conflict.because("version", message, "Publish these words under another version.")
    wording = ConsentWording.objects.create(
        version=version,
        language=language,
        text=text,
        text_sha256=sha256(text.encode()).hexdigest(),
        source=source,
        published_by=actor_name(by),
    )
    record(
        "consent_wording.published",
        by=by,
        used=[("source", source.pk)] if source else [],
        generated=[("consent_wording", version)],
        detail={"language": language, "text_sha256": wording.text_sha256},
    )
    return wording


def _problems(version: str, text: str, language: str) -> Iterator[Blocked]:
    if not re.fullmatch(VERSION, version) or "/" in version:
        yield Blocked("version", "This is no version.", "Use 1 to 40 letters, digits, dots, colons, hyphens or _.")
    if not re.fullmatch(LANGUAGE, language):
        yield Blocked("language", "This is no language.", "Send a tag such as en or pt-BR.")
    if not text.strip() or len(text) > LONGEST or "\0" in text:
        message = f"The text holds {len(text):,} characters, or none that can be read."
        yield Blocked("text", message, f"Send the words that are shown beside the box, at most {LONGEST:,} characters.")
