"""Which releases may answer a request, as the gateway passes them around: read once, before the answer begins."""

import re
from pathlib import Path

from django.conf import settings

from serving.gateway.answering import Choice
from serving.gateway.wire import WireError
from serving.models import Release
from serving.releases import champion as alias

CHAMPION = "champion"
NUMBERED = re.compile(r"v(0|[1-9]\d{0,8})")


def choice_of(release: Release) -> Choice:
    folder = None
    if release.run is not None:
        folder = Path(settings.CFT_VAR) / "runs" / str(release.run.folder) / "adapter"
    return Choice(str(release), release.model_name, release.served_name, release.model_sha256, folder)


def choices_for(name: str) -> list[Choice]:
    """The releases that may answer under `name`, in order. Only "champion" has a second: its predecessor.

    A release that was never champion has not passed its gate for use, so nobody can ask for it by name.
    """
    if name == CHAMPION:
        return champion_choices()
    release = _named(name)
    if release is None:
        raise WireError(
            404,
            f"The model {name!r} does not exist, or was never promoted. GET /v1/models lists what may be asked.",
            code="model_not_found",
            param="model",
        )
    return [choice_of(release)]


def champion_choices() -> list[Choice]:
    now = alias.champion()
    if now is None:
        raise WireError(503, "No model is installed yet.", code="no_champion")
    earlier = alias.predecessor(now)
    return [choice_of(release) for release in (now, earlier) if release]


def _named(name: str) -> Release | None:
    known = Release.objects.ever_champion().select_related("run")
    if match := NUMBERED.fullmatch(name):
        return known.filter(number=int(match[1])).first()
    return next((release for release in known if release.model_name == name), None)
