"""A migrated cluster that is made once and copied by every process of the tests.

It is kept under `var/test/`, in a folder named by a hash of all that decides what is in it: a changed migration makes a
new one. In CI (`CI` is set) it lives as long as the run: its workers share it. Nothing runs in the folder: a run that
is killed, or two at once, cannot spoil it. Remove `var/test/` to begin anew.
"""

import atexit
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cftapp.local import secrets

ROOT = Path(__file__).resolve().parents[2]
FOLDER = "CFT_TEST_TEMPLATE"  # the first process tells its workers
ALSO = (
    *("constraints.txt", "cftapp/settings.py", "cftapp/local/embedded.py", "cftapp/local/secrets.py"),
    *("tests/conftest.py", "tests/settings.py", "tests/support/template.py"),
)
ROOMS = {"migrations", "models", "guards", "access", "base"}
NAMES = {"models.py", "grants.py"}
APPS = ("audit", "cftapp", "curation", "evaluation", "feedback", "serving", "training")
KEPT = 3
PATIENCE = 300.0


def fingerprint(root: Path = ROOT) -> str:
    """A hash of every file that decides what a migrated and provisioned cluster holds."""
    of_apps = {file.relative_to(root) for app in APPS for file in (root / app).rglob("*") if file.is_file()}
    whole = hashlib.sha256()
    for name in sorted([*filter(decides, of_apps), *map(Path, ALSO)]):
        content = (root / name).read_bytes()
        whole.update(f"{name}\0{len(content)}\0".encode() + content)
    return whole.hexdigest()[:16]


def decides(file: Path) -> bool:
    """Whether a file of an app has a say: tables, triggers, rights, people's roles."""
    known = file.name in NAMES or not ROOMS.isdisjoint(file.parts)
    return file.suffix == ".sql" or (known and file.suffix == ".py")


def place() -> Path:
    """Where this run's template is or will be."""
    if os.environ.get(FOLDER):
        return Path(os.environ[FOLDER])
    if os.environ.get("CI"):
        folder, maker = Path(tempfile.mkdtemp(prefix="cft-template-")), os.getpid()
        atexit.register(lambda: os.getpid() == maker and shutil.rmtree(folder, ignore_errors=True))
    else:
        folder = ROOT / "var" / "test" / fingerprint()
    os.environ[FOLDER] = str(folder)
    return folder


class Template:
    """`secrets/` and, once a process has made it, `postgres/`: a whole cluster, shut down."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.cluster, self.secrets = folder / "postgres", folder / "secrets"
        folder.mkdir(parents=True, exist_ok=True)

    def give_secrets(self, var: Path) -> None:
        """Put the passwords and keys that the cluster knows into `var`, made now if they were not yet."""
        with self.lock():
            if not self.secrets.exists():
                fresh = self.folder / "secrets.new"
                shutil.rmtree(fresh, ignore_errors=True)
                fresh.mkdir(mode=0o700)
                secrets.load(fresh, {})
                secrets.ensure_signing_key(fresh, {})
                fresh.rename(self.secrets)
        shutil.copytree(self.secrets, var, dirs_exist_ok=True)

    @contextmanager
    def lock(self, patience: float = PATIENCE) -> Iterator[bool]:
        """Alone with the folder; false when whoever has it does not let go: do without, then."""
        with (self.folder / "lock").open("a") as file:
            yield take(file.fileno(), patience)

    def copy_to(self, data: Path) -> bool:
        """Copy the cluster, its owner and rights too; false when there is none yet."""
        if not self.cluster.exists():
            return False
        os.utime(self.folder)
        copy(self.cluster, data)
        return True

    def keep(self, data: Path) -> None:
        """Keep a copy of this cluster, which has been shut down, and forget those of long ago."""
        fresh = self.folder / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        copy(data, fresh)
        fresh.rename(self.cluster)
        others = [one for one in self.folder.parent.iterdir() if one.is_dir() and (one / "secrets").exists()]
        for old in sorted(others, key=lambda one: one.stat().st_mtime, reverse=True)[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)


def take(descriptor: int, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)


def copy(source: Path, target: Path) -> None:
    """`cp -a` keeps owners, which Python's copytree does not."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
