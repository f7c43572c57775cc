"""One parent for every process of the stack: start in order, say how far, restart what crashes, leave no orphan.

Started by `cftapp.local.up`, its keeper. The kernel sends each child a signal when the supervisor dies; children of
dead children are handed to the supervisor (it is their subreaper), which kills them: no engine outlives its worker.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from audit.outside import first_file, kept_first
from cftapp.access import roles
from cftapp.base import files
from cftapp.local import embedded, stages
from cftapp.local.child import Child, stop_children
from cftapp.local.embedded import Postgres, Redis, Unusable
from cftapp.local.output import Output
from cftapp.local.ports import port_of, readiness, require_port
from cftapp.local.reload import Changes, broken, concerned
from cftapp.local.unprivileged import PR_SET_CHILD_SUBREAPER, prctl

ROOT = Path(__file__).resolve().parents[2]
GRACE, DATABASE_GRACE = 8.0, 30.0
READY_WITHIN = 120.0
# Workers know nothing of each other: a role's rights in Redis end at its own queue.
WORKER_OPTIONS = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO"]


class Supervisor:
    """The stack under one CFT_VAR. `run` returns the exit status."""

    def __init__(self, environment: Mapping[str, str], *, reload: bool = False):
        self.given = dict(environment)
        self.var = embedded.default_var(self.given)
        self.port = port_of(self.given, "CFT_PORT", 8000)
        self.model_port = port_of(self.given, "CFT_MODEL_PORT", self.port + 1 if self.port < 65535 else self.port - 1)
        self.logs = log_folder(self.given, self.var)
        coloured = sys.stdout.isatty() or bool(self.given.get("CFT_COLOUR"))
        self.output = Output(self.logs, coloured, seen={"web"} if reload else set())
        self.stages = stages.Stages(self.output)
        self.children: dict[str, Child] = {}
        self.stopping = threading.Event()
        self.changes = Changes(ROOT, self.stopping) if reload else None
        self.unloaded: set[Path] = set()
        self.is_ready = False

    @property
    def url(self) -> str:
        return self.given.get("CFT_URL") or f"http://127.0.0.1:{self.port}"

    # --- the stack, in order --------------------------------------------------------------------------------------

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: self.stopping.set())
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        try:
            self.check()
            first_time = not (self.var / "accounts.txt").exists()
            self.stages.begin(stages.SERVICES)
            self.owner = self.environment()
            self.compile_kernel()
            self.start_services()
            self.start_model_server()
            self.prepare()
            self.start_processes()
            if self.await_ready():
                self.announce(first_time)
            self.watch()
        except (Unusable, OSError) as problem:
            self.show_last_lines()
            self.output.say(str(problem))
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

    def environment(self) -> dict[str, str]:
        """What the owner's processes see; the roles get less of it."""
        owner = embedded.owner_environment(self.given) | {"CFT_URL": self.url, "PYTHONUNBUFFERED": "1"}
        owner.setdefault("CFT_LOG_FORMAT", "console")
        owner.setdefault("CFT_MODEL_SERVER_URL", f"http://127.0.0.1:{self.model_port}")
        owner.setdefault("OMP_NUM_THREADS", "1")
        owner.setdefault("OMP_WAIT_POLICY", "passive")
        return owner

    def start_services(self) -> None:
        redis = None if self.given.get("REDIS_URL") else Redis(self.var, self.owner)
        postgres = None if self.given.get("DATABASE_URL") else Postgres(self.var, self.owner)
        for service in (postgres, redis):
            if service:
                self.start_service(service)
        if postgres:
            embedded.wait_until(postgres.is_ready, 90, "PostgreSQL did not become ready in 90 s.")
            postgres.create_databases()
        if redis:
            embedded.wait_until(redis.is_ready, 30, "Valkey did not become ready in 30 s.")

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

    def compile_kernel(self) -> None:
        """The screener's kernel: half a minute of one core on a new machine, spent while the databases migrate."""
        Child("kernel", [sys.executable, "-m", "curation.screening.warm_up"], self.owner).start(self.output)

    def prepare(self) -> None:
        """Migrations, roles, grants, accounts, static files and the demo: one process as the owner, then it is gone."""
        command = [sys.executable, "manage.py", "prepare"]
        child = Child("prepare", command, self.owner, hear=self.stages.hear)
        child.start(self.output)
        while child.is_running():
            if self.stopping.wait(0.1):
                child.signal(signal.SIGTERM)
                return
        if child.process is None or child.process.returncode:
            self.output.show_last(child.name)
            raise Unusable("Preparing the databases failed; the reason is above. Mend it and start again.")

    def start_processes(self) -> None:
        if self.stopping.is_set():
            return
        self.stages.begin(stages.PROCESSES)
        serve = ["-m", "uvicorn", "cftapp.asgi:application", "--host", "127.0.0.1", "--port", str(self.port)]
        quiet = ["--lifespan", "off", "--no-access-log", "--no-server-header", "--timeout-graceful-shutdown", "5"]
        # What a header says of scheme and address is believed where CFT_BEHIND_PROXY says so, and nowhere else.
        self.add_role("web", [*serve, *quiet, "--no-proxy-headers"])
        for name, role in roles.ROLES.items():
            if role.queue:
                worker = ["-m", "celery", "-q", "-A", "cftapp", "worker", "-Q", role.queue, "-n", name]
                self.add_role(name, [*worker, *WORKER_OPTIONS])
        self.add_role("beat", ["-m", "celery", "-q", "-A", "cftapp", "beat", "--pidfile=", "--loglevel", "WARNING"])
        self.add_role("sealer", ["manage.py", "seal", "--every", "3"])

    def add_role(self, name: str, arguments: list[str]) -> None:
        environment = roles.environment_for(name, self.owner)
        if self.changes and name == "web":
            environment["CFT_DEBUG"] = "true"  # static files as they are now, and tracebacks in the browser
        self.add(Child(name, [sys.executable, *arguments], environment))

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
                self.stages.end()
                self.record()
                return True
            self.stopping.wait(0.25)
        if not self.stopping.is_set():
            self.output.say(f"Not everything is ready after {READY_WITHIN:.0f} s: {report}. Still trying.")
        return False

    def watch(self) -> None:
        while not self.stopping.wait(0.25):
            self.revive()
            if self.changes and (changed := self.changes.take()):
                self.reload(changed)

    def reload(self, changed: set[Path]) -> None:
        """Start again whom the changed files concern, unless one of them cannot be read as Python."""
        changed |= self.unloaded
        self.unloaded = set()
        for file in sorted(changed):
            if problem := broken(file):
                self.output.say(f"{problem} Nothing is reloaded until that is mended.")
                self.unloaded = changed
                return
        names = concerned({file.relative_to(ROOT) for file in changed}, list(self.children))
        if not names:
            return
        first = str(sorted(changed)[0].relative_to(ROOT))
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        self.output.say(f"{first}{more} changed: reloading {', '.join(names)}")
        stop_children([self.children[name] for name in names], GRACE)
        self.kill_strays()
        for name in names:
            self.children[name].start_soon()
        self.revive()

    def revive(self) -> None:
        """Start again what has crashed and is due; kill what a dead child left behind."""
        for child in self.children.values():
            if child.is_running():
                continue
            if child.due == 0.0 and child.process is not None:
                pause = child.schedule()
                self.output.say(
                    f"{child.name} ended with status {child.process.returncode}, starting it again in {pause:.0f} s"
                )
                self.output.show_last(child.name)
                self.kill_strays()
            elif time.monotonic() >= child.due:
                self.start_again(child)

    def start_again(self, child: Child) -> None:
        """What cannot be started now, for want of room on the disk say, is tried again for as long as it takes."""
        child.due = 0.0
        try:
            child.start(self.output)
            self.record()
        except (Unusable, OSError) as problem:
            self.output.say(f"{child.name} cannot be started ({problem}), trying again in {child.schedule():.0f} s")

    def kill_strays(self) -> None:
        known = {child.process.pid for child in self.children.values() if child.process}
        strays = [child for child in psutil.Process().children() if child.pid not in known]
        for stray in strays:
            for process in [*descendants(stray), stray]:
                with contextlib.suppress(psutil.Error):
                    process.kill()
        psutil.wait_procs(strays, timeout=3)

    def show_last_lines(self) -> None:
        """Why a process has ended that should run, or what it waits for."""
        for child in self.children.values():
            if not child.is_running() or not self.is_ready:
                self.output.show_last(child.name)

    def record(self) -> None:
        """Who runs as what, for `make up` itself, for tests and for the curious."""
        processes = {name: child.process.pid for name, child in self.children.items() if child.process}
        stack = {"url": self.url, "ready": self.is_ready, "keeper": os.getppid(), "supervisor": os.getpid()}
        with contextlib.suppress(OSError):  # of a full disk; the next change writes it again
            files.write(self.var / "stack.json", json.dumps(stack | {"processes": processes}) + "\n", private=True)

    def announce(self, first_time: bool) -> None:
        """Last of all: who may sign in, where the logs are, and the address."""
        lines = [f"\ncftapp is ready after {self.stages.seconds:.0f} s; Ctrl-C stops it."]
        file = self.var / "accounts.txt"
        if first_time and file.exists():
            lines.append(f"  accounts   (shown this once, kept in {file})")
            lines += ["             {:<12} {}".format(*line.split("\t")) for line in file.read_text().splitlines()]
        elif file.exists():
            lines.append(f"  accounts   {file}")
        if first := kept_first(first_file(Path(self.owner["CFT_AUDIT_PUBLIC_KEY_FILE"]))):
            lines.append(f"  log        begins with checkpoint {first} (note it: verify_log compares)")
        if self.logs:
            lines.append(f"  logs       {self.logs}")
        for line in [*lines, f"  address    {self.url}"]:
            self.output.say(line)

    # --- the end --------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        services = [self.children[name] for name in ("redis", "postgres") if name in self.children]
        workers = [child for child in self.children.values() if child not in services]
        if any(child.is_running() for child in self.children.values()):
            self.stages.abandon()
            self.output.say("stopping")
        stop_children(workers, GRACE)
        self.kill_strays()
        for service in services:
            stop_children([service], DATABASE_GRACE)
        with contextlib.suppress(OSError):
            (self.var / "stack.json").unlink(missing_ok=True)
        self.output.close()


def log_folder(environment: Mapping[str, str], var: Path) -> Path | None:
    """Where CFT_LOGS wants the logs: a folder of files (the usual), or None for the terminal."""
    wanted = environment.get("CFT_LOGS") or "files"
    if wanted not in {"files", "terminal"}:
        raise Unusable(f"CFT_LOGS is {wanted!r}: set it to files or terminal, such as `CFT_LOGS=terminal make up`.")
    return var.resolve() / "logs" if wanted == "files" else None


def descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m cftapp.local.supervisor", description=__doc__)
    parser.add_argument("--reload", action="store_true", help="start web and workers again when a file changes")
    try:
        supervisor = Supervisor(os.environ, reload=parser.parse_args().reload)
    except Unusable as problem:
        print(problem, file=sys.stderr)
        return 1
    return supervisor.run()


if __name__ == "__main__":
    sys.exit(main())
