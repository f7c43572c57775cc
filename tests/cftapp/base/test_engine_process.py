"""An engine gets files and no credentials, dies with its worker, and is alone in its folder."""

import json
import os
import signal
import subprocess
import sys
import threading

import psutil
import pytest

from cftapp.base import engines
from tests.support.stack import wait_for
from tests.training.conftest import ROOT

pytestmark = pytest.mark.heavy


class Calm:
    """A lease that nothing happens to."""

    def __init__(self):
        self.lost, self.cancelled = threading.Event(), threading.Event()


def python(code):
    return [sys.executable, "-c", code]


def test_its_environment_holds_no_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_TOKEN", "hush")
    secret = {name for name in os.environ if name.startswith(("CFT_", "DATABASE", "VAULT", "REDIS", "PG", "DJANGO"))}
    assert "DATABASE_URL" in secret

    with engines.lock_folder(tmp_path) as lock:
        code = "import json, os; json.dump(dict(os.environ), open('seen.json', 'w'))"
        process = engines.spawn(python(code), tmp_path, engines.environment(tmp_path), lock)
        assert engines.watch(process, Calm()) is engines.Ending.ENDED

    seen = json.loads((tmp_path / "seen.json").read_text())
    assert not secret & seen.keys()
    assert "hush" not in seen.values()
    assert not [value for value in seen.values() if "postgres" in value or "redis" in value]
    assert (seen["HOME"], seen["HF_HUB_OFFLINE"]) == (str(tmp_path), "1")


def test_it_dies_with_a_killed_worker(tmp_path):
    code = f"""
import os, sys, time
os.environ["DJANGO_SETTINGS_MODULE"] = "cftapp.settings"
import django; django.setup()
from pathlib import Path
from cftapp.base import engines
folder = Path({str(tmp_path)!r})
with engines.lock_folder(folder) as lock:
    engine = [sys.executable, "-c", "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(600)"]
    process = engines.spawn(engine, folder, engines.environment(folder), lock)
    process.wait()
"""
    worker = subprocess.Popen(python(code), cwd=ROOT)
    pid_file = tmp_path / "pid"
    engine = psutil.Process(int(wait_for(lambda: pid_file.exists() and pid_file.read_text(), 30, "the engine")))

    worker.kill()
    worker.wait()

    wait_for(lambda: not engine.is_running() or engine.status() == psutil.STATUS_ZOMBIE, 60, "the orphan's end")


def test_a_second_engine_is_kept_out_while_the_first_lives(tmp_path):
    with engines.lock_folder(tmp_path) as lock:
        process = engines.spawn(python("import time; time.sleep(600)"), tmp_path, engines.environment(tmp_path), lock)
    # The worker has let go of the lock, the engine has not.
    try:
        with pytest.raises(engines.FolderInUse), engines.lock_folder(tmp_path, wait=0.3):
            pass
    finally:
        engines.kill_group(process)
    with engines.lock_folder(tmp_path, wait=5):
        pass


def test_a_cancelled_engine_may_write_its_checkpoint(tmp_path):
    code = """
import signal, sys, time
def leave(*_):
    open("checkpoint", "w").write("whole")
    sys.exit(75)
signal.signal(signal.SIGTERM, leave)
open("ready", "w").close()
time.sleep(600)
"""
    lease = Calm()
    with engines.lock_folder(tmp_path) as lock:
        process = engines.spawn(python(code), tmp_path, engines.environment(tmp_path), lock)
        follow = lambda: (tmp_path / "ready").exists() and lease.cancelled.set()  # noqa: E731
        assert engines.watch(process, lease, follow, every=0.05) is engines.Ending.CANCELLED
    assert process.returncode == engines.STOPPED
    assert (tmp_path / "checkpoint").read_text() == "whole"


def test_a_stubborn_engine_is_killed_with_its_children(tmp_path):
    code = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open("child", "w").write(str(child.pid))
time.sleep(600)
"""
    lease, child = Calm(), tmp_path / "child"
    with engines.lock_folder(tmp_path) as lock:
        process = engines.spawn(python(code), tmp_path, engines.environment(tmp_path), lock)
        follow = lambda: child.exists() and child.read_text() and lease.cancelled.set()  # noqa: E731
        engines.watch(process, lease, follow, every=0.05, grace=0.5)
    assert process.returncode == -signal.SIGKILL
    wait_for(lambda: not psutil.pid_exists(int(child.read_text())) or is_zombie(child), 60, "the child's end")


def is_zombie(child):
    return psutil.Process(int(child.read_text())).status() == psutil.STATUS_ZOMBIE


def test_a_lost_lease_ends_the_engine_at_once(tmp_path):
    lease = Calm()
    lease.lost.set()
    with engines.lock_folder(tmp_path) as lock:
        process = engines.spawn(python("import time; time.sleep(600)"), tmp_path, engines.environment(tmp_path), lock)
        assert engines.watch(process, lease) is engines.Ending.LOST
    assert process.returncode == -signal.SIGKILL
