"""Whether a release's adapter lies on disk as the gate examined it: what readiness, metrics and home ask about the
champion. A changed one is not served; the one before stands in until somebody acts.
"""

from functools import lru_cache
from pathlib import Path

import structlog
from django.conf import settings

from serving.models import Release
from serving.releases.champion import champion
from training.engine.digests import adapter_sha256

log = structlog.get_logger(__name__)
Version = tuple[tuple[str, int, int, int], ...]


def adapter_folder(release: Release) -> Path | None:
    """Where the release's adapter lies; None for the base model, which has none."""
    if release.run is None:
        return None
    return Path(settings.CFT_VAR) / "runs" / str(release.run.folder) / "adapter"


def champion_problem() -> str:
    """Why the champion cannot be loaded, in a few words; empty where it can, or where there is none."""
    release = champion()
    folder = adapter_folder(release) if release else None
    if release is None or folder is None:
        return ""
    problem = adapter_problem(folder, release.model_sha256, version_of(folder))
    return f"{release}: {problem}" if problem else ""


@lru_cache(maxsize=8)
def adapter_problem(folder: Path, sha256: str, version: Version) -> str:
    """What is wrong with the files. They are hashed once a version: of a large adapter that takes seconds."""
    try:
        problem = "" if adapter_sha256(folder) == sha256 else "its adapter has changed on disk"
    except (OSError, ValueError) as error:
        problem = f"its adapter cannot be read ({type(error).__name__})"
    if problem:
        log.error("champion.damaged", folder=folder.parent.name, released=sha256[:16], problem=problem)
    return problem


def version_of(folder: Path) -> Version:
    """Names, sizes, times and places of the files: another version of any of them is looked at again."""
    try:
        files = sorted(folder.iterdir())
        stats = [(file.name, file.stat()) for file in files]
    except OSError:
        return ()
    return tuple((name, stat.st_size, stat.st_mtime_ns, stat.st_ino) for name, stat in stats)
