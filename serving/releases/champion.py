"""The champion alias: the release that answers now, and the releases that answered before. Reads only."""

from serving.models import Promotion, Release
from training.models import Run

PROMOTED_ROWS = (Promotion.Reason.INSTALLED, Promotion.Reason.PROMOTED)
OF_SUCCESSION = ("release__run", "replaced__release__run")
ASKED_WITH = ["reason"] + [
    f"{release}__{name}"
    for release in ("release", "replaced__release")
    for name in ("number", "model_sha256", "learnt_from_withdrawn_at", "contamination", "run__folder")
]


def newest_promotion() -> Promotion | None:
    return Promotion.objects.newest_first().select_related("release__run").first()


def succession() -> tuple[Release | None, Release | None]:
    """The champion and its predecessor, with what is needed to ask them: one statement, unless it was rolled back."""
    newest = Promotion.objects.newest_first().select_related(*OF_SUCCESSION).only(*OF_SUCCESSION, *ASKED_WITH).first()
    if newest is None:
        return None, None
    if newest.reason not in PROMOTED_ROWS:
        return newest.release, predecessor(newest.release)
    return newest.release, newest.replaced.release if newest.replaced else None


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
