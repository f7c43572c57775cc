"""One parent for every process of the stack: start in order, prefix the logs, restart what crashes, leave no orphan.

Started by `cftapp.local.up`, its keeper. The kernel sends each child a signal when the supervisor dies; children of
dead children are handed to the supervisor (it is their subreaper), which kills them: no engine outlives its worker.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from cftapp.access import roles
from cftapp.base import files
from cftapp.local import embedded
from cftapp.local.embedded import Postgres, Redis, Unusable
from cftapp.local.unprivileged import PR_SET_CHILD_SUBREAPER, die_with_parent, prctl

ROOT = Path(__file__).resolve().parents[2]
COLOURS = (36, 33, 35, 32, 34, 96, 93, 95, 92, 94, 91)
GRACE, DATABASE_GRACE = 8.0, 30.0
FIRST_PAUSE, LONGEST_PAUSE, STEADY_AFTER = 1.0, 30.0, 30.0
READY_WITHIN = 120.0


class Child:
    """One managed process: its command, how to stop it, and when to start it again after a crash."""

    def __init__(
        self,
        name: str,
        command: list[str],
        environment: Mapping[str, str],
        *,
        folder: Path = ROOT,
        stop_signal: signal.Signals = signal.SIGTERM,
        before_start: Callable[[], None] = lambda: None,
        before_exec: Callable[[], None] = lambda: None,
    ):
        self.name, self.command, self.environment, self.folder = name, command, dict(environment), folder
        self.stop_signal, self.before_start, self.before_exec = stop_signal, before_start, before_exec
        self.process: subprocess.Popen[bytes] | None = None
        self.started = self.due = 0.0
        self.pause = FIRST_PAUSE

    def start(self, output: "Output") -> None:
        self.before_start()
        parent = os.getpid()

        def prepare_child() -> None:
            self.before_exec()  # first: giving up root clears the death signal
            die_with_parent(parent, self.stop_signal)

        self.process = subprocess.Popen(
            self.command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=prepare_child,
        )
        self.started = time.monotonic()
        output.follow(self.name, self.process)

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def schedule(self) -> float:
        """Set the time of the next start; returns the pause in seconds. A steady process starts from one second."""
        if time.monotonic() - self.started > STEADY_AFTER:
            self.pause = FIRST_PAUSE
        pause, self.pause = self.pause, min(self.pause * 2, LONGEST_PAUSE)
        self.due = time.monotonic() + pause
        return pause

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.is_running():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number) if number == signal.SIGKILL else self.process.send_signal(number)

    def wait(self, patience: float) -> bool:
        if self.process is None:
            return True
        try:
            self.process.wait(max(patience, 0.01))
        except subprocess.TimeoutExpired:
            return False
        return True


class Output:
    """Everybody's lines on one stream, each with the name of its process, in its colour on a terminal."""

    def __init__(self, coloured: bool):
        self.coloured, self.lock, self.names = coloured, threading.Lock(), list[str]()

    def follow(self, name: str, process: subprocess.Popen[bytes]) -> None:
        threading.Thread(target=self.copy, args=(name, process), daemon=True).start()

    def copy(self, name: str, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.write(name, line.rstrip(b"\n").decode(errors="replace"))

    def write(self, name: str, line: str) -> None:
        if name not in self.names:
            self.names.append(name)
        prefix = f"{name:<11} |"
        if self.coloured:
            prefix = f"\033[{COLOURS[self.names.index(name) % len(COLOURS)]}m{prefix}\033[0m"
        with self.lock, contextlib.suppress(OSError, ValueError):  # nobody listens any more: keep draining the pipes
            print(prefix, line, flush=True)


class Supervisor:
    """The stack under one CFT_VAR. `run` returns the exit status."""

    def __init__(self, environment: Mapping[str, str]):
        self.given = dict(environment)
        self.var = embedded.default_var(self.given)
        self.port = port_of(self.given, "CFT_PORT", 8000)
        self.model_port = port_of(self.given, "CFT_MODEL_PORT", self.port + 1 if self.port < 65535 else self.port - 1)
        self.output = Output(sys.stdout.isatty() or bool(self.given.get("CFT_COLOUR")))
        self.children: dict[str, Child] = {}
        self.stopping = threading.Event()
        self.is_ready = False

    @property
    def url(self) -> str:
        return self.given.get("CFT_URL") or f"http://127.0.0.1:{self.port}"

    def say(self, line: str) -> None:
        self.output.write("up", line)

    # --- the stack, in order --------------------------------------------------------------------------------------

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self.stopping.set())
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        try:
            self.check()
            first_time = not (self.var / "accounts.txt").exists()
            self.start_services()
            self.start_model_server()
            self.prepare()
            self.start_processes()
            if self.await_ready():
                self.announce(first_time)
            self.watch()
        except (Unusable, OSError) as problem:
            self.say(str(problem))
            return 1
        finally:
            self.stop()
        return 0

    def check(self) -> None:
        embedded.check_space(self.var)
        require_port(self.port, "CFT_PORT")
        if not self.given.get("CFT_MODEL_SERVER_URL"):
            require_port(self.model_port, "CFT_MODEL_PORT")
        if bool(self.given.get("DATABASE_URL")) != bool(self.given.get("VAULT_DATABASE_URL")):
            raise Unusable("Set both DATABASE_URL and VAULT_DATABASE_URL (two databases), or neither.")

    def start_services(self) -> None:
        self.owner = embedded.owner_environment(self.given)
        self.owner |= {"CFT_URL": self.url, "PYTHONUNBUFFERED": "1"}
        self.owner.setdefault("CFT_LOG_FORMAT", "console")
        self.owner.setdefault("CFT_MODEL_SERVER_URL", f"http://127.0.0.1:{self.model_port}")
        self.owner.setdefault("OMP_NUM_THREADS", "1")
        self.owner.setdefault("OMP_WAIT_POLICY", "passive")
        redis = None if self.given.get("REDIS_URL") else Redis(self.var)
        postgres = None if self.given.get("DATABASE_URL") else Postgres(self.var, self.owner)
        for service in (postgres, redis):
            if service:
                self.start_service(service)
        if postgres:
            embedded.wait_until(postgres.is_ready, 90, "PostgreSQL did not become ready in 90 s; its reason is above.")
            postgres.create_databases()
        if redis:
            embedded.wait_until(redis.is_ready, 30, "Redis did not become ready in 30 s; its reason is above.")

    def start_service(self, service: Postgres | Redis) -> None:
        service.prepare()
        plan = service.service()
        before_exec = service.before_exec if isinstance(service, Postgres) else lambda: None
        child = Child(
            plan.name,
            plan.command,
            plan.environment,
            folder=plan.folder if isinstance(service, Redis) else Path("/"),
            stop_signal=plan.stop_signal,
            before_start=service.prepare,
            before_exec=before_exec,
        )
        self.add(child)

    def start_model_server(self) -> None:
        if self.given.get("CFT_MODEL_SERVER_URL"):
            return
        environment = roles.environment_for("modelserver", self.owner)
        base = self.owner.get("CFT_BASE_MODEL") or str(ROOT / "training" / "demo_model" / "base")
        adapters = self.var / "runs"
        adapters.mkdir(exist_ok=True, mode=0o700)
        command = [sys.executable, "-m", "serving.engine", "--base", base, "--name", "base"]
        command += ["--adapters-dir", str(adapters), "--host", "127.0.0.1", "--port", str(self.model_port)]
        self.add(Child("modelserver", command, environment))

    def prepare(self) -> None:
        """Migrations, roles, grants, accounts, static files and the demo: one process as the owner, then it is gone."""
        child = Child("prepare", [sys.executable, "manage.py", "prepare"], self.owner)
        child.start(self.output)
        while child.is_running():
            if self.stopping.wait(0.1):
                child.signal(signal.SIGTERM)
                return
        if child.process is None or child.process.returncode:
            raise Unusable("Preparing the databases failed; the reason is above. Mend it and start again.")

    def start_processes(self) -> None:
        if self.stopping.is_set():
            return
        serve = ["-m", "uvicorn", "cftapp.asgi:application", "--host", "127.0.0.1", "--port", str(self.port)]
        quiet = ["--lifespan", "off", "--no-access-log", "--no-server-header", "--timeout-graceful-shutdown", "5"]
        self.add_role("web", [*serve, *quiet])
        for name, role in roles.ROLES.items():
            if role.queue:
                options = ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
                self.add_role(
                    name, ["-m", "celery", "-q", "-A", "cftapp", "worker", "-Q", role.queue, "-n", name, *options]
                )
        (self.var / "beat").mkdir(exist_ok=True, mode=0o700)
        self.add_role("beat", ["-m", "celery", "-q", "-A", "cftapp", "beat", "--pidfile=", "--loglevel", "WARNING"])
        self.add_role("sealer", ["manage.py", "seal", "--every", "3"])

    def add_role(self, name: str, arguments: list[str]) -> None:
        self.add(Child(name, [sys.executable, *arguments], roles.environment_for(name, self.owner)))

    def add(self, child: Child) -> None:
        self.children[child.name] = child
        child.start(self.output)
        self.record()

    # --- while it runs --------------------------------------------------------------------------------------------

    def await_ready(self) -> bool:
        """Wait for the web process to say that every part is there; say what is missing when it takes long."""
        deadline, report = time.monotonic() + READY_WITHIN, {"web": "no answer yet"}
        while not self.stopping.is_set() and time.monotonic() < deadline:
            self.revive()
            ready, report = readiness(self.port)
            if ready:
                self.is_ready = True
                self.record()
                return True
            self.stopping.wait(0.25)
        if not self.stopping.is_set():
            self.say(f"Not everything is ready after {READY_WITHIN:.0f} s: {report}. Still trying.")
        return False

    def watch(self) -> None:
        while not self.stopping.wait(0.25):
            self.revive()

    def revive(self) -> None:
        """Start again what has crashed and is due; kill what a dead child left behind."""
        for child in self.children.values():
            if child.is_running():
                continue
            if child.due == 0.0 and child.process is not None:
                pause = child.schedule()
                self.say(
                    f"{child.name} ended with status {child.process.returncode}, starting it again in {pause:.0f} s"
                )
                self.kill_strays()
            elif time.monotonic() >= child.due:
                child.due = 0.0
                child.start(self.output)
                self.record()

    def kill_strays(self) -> None:
        known = {child.process.pid for child in self.children.values() if child.process}
        strays = [child for child in psutil.Process().children() if child.pid not in known]
        for stray in strays:
            for process in [*descendants(stray), stray]:
                with contextlib.suppress(psutil.Error):
                    process.kill()
        psutil.wait_procs(strays, timeout=3)

    def record(self) -> None:
        """Who runs as what, for `make up` itself, for tests and for the curious."""
        processes = {name: child.process.pid for name, child in self.children.items() if child.process}
        stack = {"url": self.url, "ready": self.is_ready, "keeper": os.getppid(), "supervisor": os.getpid()}
        files.write(self.var / "stack.json", json.dumps(stack | {"processes": processes}) + "\n", private=True)

    def announce(self, first_time: bool) -> None:
        file = self.var / "accounts.txt"
        self.say(f"cftapp is ready: {self.url}   (stop with Ctrl-C)")
        if first_time and file.exists():
            self.say("demo accounts (shown this once, kept in " + str(file) + "):")
            for line in file.read_text().splitlines():
                self.say("  {:<12} {}".format(*line.split("\t")))
        elif file.exists():
            self.say(f"demo accounts: {file}")

    # --- the end --------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        services = [self.children[name] for name in ("redis", "postgres") if name in self.children]
        workers = [child for child in self.children.values() if child not in services]
        if any(child.is_running() for child in self.children.values()):
            self.say("stopping")
        stop_children(workers, GRACE)
        self.kill_strays()
        for service in services:
            stop_children([service], DATABASE_GRACE)
        with contextlib.suppress(OSError):
            (self.var / "stack.json").unlink(missing_ok=True)


def stop_children(children: list[Child], grace: float) -> None:
    """Ask all, wait together, then kill the groups of those that stay."""
    for child in children:
        child.signal(child.stop_signal)
    deadline = time.monotonic() + grace
    for child in children:
        if not child.wait(deadline - time.monotonic()):
            child.signal(signal.SIGKILL)
            child.wait(5)


def descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def port_of(environment: Mapping[str, str], variable: str, usual: int) -> int:
    """The port that a variable names, or the usual one."""
    text = environment.get(variable) or str(usual)
    if text.isascii() and text.isdigit() and 0 < int(text[:6]) < 2**16:
        return int(text)
    raise Unusable(f"{variable} is {text!r}: set it to a port from 1 to 65535, such as `{variable}=8000 make up`.")


def main() -> int:
    try:
        supervisor = Supervisor(os.environ)
    except Unusable as problem:
        print(problem, file=sys.stderr)
        return 1
    return supervisor.run()


def require_port(port: int, variable: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as taken:
            raise Unusable(
                f"Port {port} is in use by another program: stop that one, or choose another port, "
                f"such as `{variable}={port + 10} make up`."
            ) from taken


def readiness(port: int) -> tuple[bool, dict[str, str]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return True, json.load(answer)
    except urllib.error.HTTPError as refused:
        with contextlib.suppress(ValueError):
            return False, json.load(refused)
        return False, {"web": f"status {refused.code}"}
    except (OSError, ValueError):
        return False, {"web": "no answer yet"}


if __name__ == "__main__":
    sys.exit(main())
