"""The champion alias: the release that answers now, and the releases that answered before. Reads only."""

from serving.models import Promotion, Release
from training.models import Run

PROMOTED_ROWS = (Promotion.Reason.INSTALLED, Promotion.Reason.PROMOTED)


def newest_promotion() -> Promotion | None:
    return Promotion.objects.newest_first().select_related("release__run").first()


def champion() -> Release | None:
    """The release that answers now; None until the base model is installed."""
    newest = newest_promotion()
    return newest.release if newest else None


def champion_run() -> Run | None:
    """The run of the champion; None while the base model answers."""
    current = champion()
    return current.run if current else None


def predecessor(release: Release) -> Release | None:
    """The champion that `release` replaced when it was last promoted: what one click rolls back to."""
    promotion = (
        Promotion.objects.filter(release=release, reason__in=PROMOTED_ROWS)
        .newest_first()
        .select_related("replaced__release__run")
        .first()
    )
    return promotion.replaced.release if promotion and promotion.replaced else None
