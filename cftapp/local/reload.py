"""`make dev`: which processes start again when a file changes."""

import threading
from collections.abc import Iterable, Sequence, Set
from pathlib import Path

from cftapp.local.embedded import Unusable

FOLDERS = ("conversation", "audit", "feedback", "curation", "training", "evaluation", "serving", "cftapp", "templates")
KEPT = {"postgres", "redis", "modelserver"}  # no Django in them


class Changes:
    """Files that have changed since somebody asked last. They are gathered by a thread of its own."""

    def __init__(self, root: Path, stopping: threading.Event):
        try:
            import watchfiles  # noqa: F401
        except ImportError as missing:
            raise Unusable("watchfiles is not installed: `make dev` installs it, with the other tools.") from missing
        self.root, self.stopping = root, stopping
        self.lock, self.files = threading.Lock(), set[Path]()
        threading.Thread(target=self.gather, daemon=True).start()

    def gather(self) -> None:
        import watchfiles

        folders = [self.root / name for name in FOLDERS if (self.root / name).is_dir()]
        wanted = watchfiles.DefaultFilter(ignore_dirs=(*watchfiles.DefaultFilter.ignore_dirs, "static"))
        for changes in watchfiles.watch(*folders, watch_filter=wanted, stop_event=self.stopping, raise_interrupt=False):
            with self.lock:
                self.files |= {Path(file) for _, file in changes if Path(file).suffix in {".py", ".html"}}

    def take(self) -> set[Path]:
        with self.lock:
            taken, self.files = self.files, set()
            return taken


def broken(file: Path) -> str:
    """Why a file of Python cannot be read, as a sentence; empty where it can, or is none, or is gone."""
    if file.suffix != ".py" or not file.exists():
        return ""
    try:
        compile(file.read_bytes(), str(file), "exec", dont_inherit=True)
    except SyntaxError as problem:
        return f"{file}, line {problem.lineno}: {problem.msg}."
    except ValueError as problem:
        return f"{file}: {problem}."
    return ""


def concerned(changed: Iterable[Path], running: Sequence[str]) -> list[str]:
    """The processes that a change of these files, relative to the repository, concerns; the web comes first.

    A template is the web's; Python is everybody's but the model server's, which has only serving/engine.
    """
    code = {file for file in changed if file.suffix == ".py"}
    names: Set[str] = set(running) - KEPT if code else {"web"}
    if any(file.parts[:2] == ("serving", "engine") for file in code):
        names |= {"modelserver"}
    return sorted(names & set(running), key=lambda name: (name != "web", name))
