"""Consent wordings of the tests."""

from hashlib import sha256

from feedback.models import ConsentWording

SHOWN = "2026-11-2"
"""The version that the pages show, and any source may."""


def published(*versions: str) -> None:
    """Wordings of these versions, as if somebody had published them."""
    for version in versions:
        text = f"Words of {version}"
        ConsentWording.objects.get_or_create(
            version=version,
            defaults={
                "language": "en",
                "text": text,
                "text_sha256": sha256(text.encode()).hexdigest(),
                "published_by": "process:test",
            },
        )
