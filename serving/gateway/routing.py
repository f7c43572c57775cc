"""Routing: which releases may answer a request, in order. Read from the database once, before the answer begins."""

import re

from serving.gateway.completions import Target
from serving.gateway.openai_format import GatewayError
from serving.models import Release
from serving.releases.champion import succession
from serving.releases.condition import adapter_folder

CHAMPION = "champion"
RELEASE_NAME = re.compile(r"v(0|[1-9]\d{0,8})")


def target_of(release: Release) -> Target:
    return Target(str(release), release.model_name, release.served_name, release.model_sha256, adapter_folder(release))


def targets_for(name: str) -> list[Target]:
    """The releases that may answer under `name`, in order. Only "champion" has a second: its predecessor.

    A release that was never champion has not passed its gate for use, and one that learnt withdrawn words or an exam
    does not answer once another is champion, so nobody can ask for them by name: GatewayError 404. GatewayError 503
    before a model is installed.
    """
    if name == CHAMPION:
        return champion_targets()
    release = _release_by_name(name)
    if release is None:
        raise GatewayError(
            404,
            f"The model {name!r} does not exist, was never promoted, or may not answer any more. "
            "GET /v1/models lists what may be asked.",
            code="model_not_found",
            param="model",
        )
    return [target_of(release)]


def champion_targets() -> list[Target]:
    """The champion and, where there is one that may answer, its predecessor as a fallback.

    GatewayError 503 without a champion.
    """
    current, fallback = succession()
    if current is None:
        raise GatewayError(503, "No model is installed yet.", code="no_champion")
    may_follow = fallback is not None and not fallback.is_marked
    return [target_of(release) for release in (current, fallback if may_follow else None) if release]


def _release_by_name(name: str) -> Release | None:
    releases = Release.objects.answering().select_related("run")
    if match := RELEASE_NAME.fullmatch(name):
        return releases.filter(number=int(match[1])).first()
    return next((release for release in releases if release.model_name == name), None)
