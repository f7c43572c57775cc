"""Seconds and peak memory of each stage of `make demo`, and memory of the whole stack at rest.

    python -m bench.footprint [--out FILE.json]

Memory is the proportional set size (PSS) of every process together: shared pages count once.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

REST_SECONDS = 30


def proportional(process: psutil.Process) -> int:
    """PSS of one process in bytes; 0 if it has ended meanwhile."""
    with contextlib.suppress(psutil.Error):
        return int(process.memory_full_info().pss)
    return 0


def tree(root: psutil.Process) -> list[psutil.Process]:
    """A process and all its descendants."""
    with contextlib.suppress(psutil.Error):
        return [root, *root.children(recursive=True)]
    return []


class Peak:
    """Samples the memory of a process tree twice a second; `take()` is the peak since the last call."""

    def __init__(self, pid: int) -> None:
        self.root = psutil.Process(pid)
        self.highest = 0
        self.ended = threading.Event()
        threading.Thread(target=self._sample, daemon=True).start()

    def _sample(self) -> None:
        while not self.ended.wait(0.5):
            self.highest = max(self.highest, sum(map(proportional, tree(self.root))))

    def take(self) -> int:
        highest, self.highest = self.highest, 0
        return highest


def demo_stages(var: str) -> list[dict[str, Any]]:
    """Run the demo; a stage ends where its heading is printed."""
    command = [sys.executable, "-m", "cftapp.local.demo"]
    demo = subprocess.Popen(command, env=os.environ | {"CFT_VAR": var}, stdout=subprocess.PIPE, text=True)
    peak, begun, rows = Peak(demo.pid), time.monotonic(), []
    assert demo.stdout
    for line in demo.stdout:
        if line.strip() and not line.startswith((" ", "A stack")):
            ended = time.monotonic()
            rows.append({"stage": line.split(":")[0].strip(), "seconds": ended - begun, "peak_mb": peak.take() / 1e6})
            begun = ended
    peak.ended.set()
    if demo.wait():
        raise SystemExit("the demo failed; see its output above")
    rows[-1]["stage"] = "stop"
    return rows


def at_rest(var: str) -> dict[str, Any]:
    """Start the stack, leave it alone for half a minute, and weigh every process."""
    with open(f"{var}.log", "wb") as log:
        command = [sys.executable, "-m", "cftapp.local.up", "--with-parent"]
        environment = os.environ | {"CFT_VAR": var, "CFT_PORT": "8765", "CFT_MODEL_PORT": "8766"}
        started = time.monotonic()
        stack = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    record = Path(var) / "stack.json"
    while not (record.exists() and json.loads(record.read_text() or "{}").get("ready")):
        if stack.poll() is not None:
            raise SystemExit(f"the stack did not start: see {var}.log")
        time.sleep(0.2)
    ready = time.monotonic() - started
    time.sleep(REST_SECONDS)
    names = {pid: name for name, pid in json.loads(record.read_text())["processes"].items()}
    sizes: dict[str, float] = {}
    for process in tree(psutil.Process(stack.pid)):
        name = next((names[each.pid] for each in [process, *process.parents()] if each.pid in names), "supervisor")
        sizes[name] = sizes.get(name, 0.0) + proportional(process) / 1e6
    stack.terminate()
    stack.wait(60)
    return {"ready_seconds": ready, "processes_mb": sizes, "total_mb": sum(sizes.values())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", help="write the figures here as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cft-bench-") as folder:
        os.chmod(folder, 0o755)  # an embedded PostgreSQL started by root runs as another user
        stages = demo_stages(f"{folder}/demo")
        idle = at_rest(f"{folder}/rest")
    print(f"{'stage':<28}{'seconds':>9}{'peak MB':>9}")
    for row in stages:
        print(f"{row['stage'][:27]:<28}{row['seconds']:>9.1f}{row['peak_mb']:>9.0f}")
    print(f"{'all':<28}{sum(row['seconds'] for row in stages):>9.1f}\n")
    print(f"{'at rest':<28}{'MB':>9}")
    for name, size in sorted(idle["processes_mb"].items(), key=lambda item: -item[1]):
        print(f"{name:<28}{size:>9.0f}")
    print(f"{'all':<28}{idle['total_mb']:>9.0f}   first start, data included: {idle['ready_seconds']:.0f} s")
    if arguments.out:
        Path(arguments.out).write_text(json.dumps({"demo": stages, "at_rest": idle}, indent=1) + "\n")


if __name__ == "__main__":
    main()
