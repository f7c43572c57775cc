"""`make up`: one stack a folder, only on loopback, no orphans, starting again resumes."""

import contextlib
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from cftapp.accounts.demo import PEOPLE
from cftapp.local import secrets, stages
from cftapp.local.embedded import Postgres, Redis
from tests.conftest import Services
from tests.support.stack import ROOT, Stack, wait_for

pytestmark = pytest.mark.heavy

EVERYBODY = {
    "postgres", "redis", "modelserver", "web", "curator", "screener", "trainer", "evaluator", "beat", "sealer",
}  # fmt: skip


def survivors(processes: list[psutil.Process]) -> list[str]:
    """Those that still run, as text for the failure message."""
    _, alive = psutil.wait_procs(processes, timeout=30)
    found = []
    for process in alive:
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
    return found


def start_again(var: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {"PATH": os.environ["PATH"], "CFT_VAR": str(var), **environment}
    return subprocess.run(
        [sys.executable, "-m", "cftapp.local.up"], cwd=ROOT, env=given, capture_output=True, text=True, timeout=60
    )


def test_every_process_runs_under_the_supervisor(stack):
    assert set(stack.pids) == EVERYBODY
    supervisor = stack.record["supervisor"]
    assert {psutil.Process(pid).ppid() for pid in stack.pids.values()} == {supervisor}


def test_the_start_says_its_stages_and_last_of_all_who_may_sign_in_and_where(stack):
    said = [line for line in stack.log.read_text().splitlines() if line.strip()]
    count = len(stages.ALL)
    expected = [f"[{number}/{count}] {title} …" for number, title in enumerate(stages.ALL, 1)]
    assert [re.sub(r" \d+\.\d s$", "", line) for line in said[:count]] == expected
    assert said[count].startswith("cftapp is ready after")
    assert all(f"{role} " in " ".join(said[count:]) for role in stack.accounts)
    assert [line.split()[0] for line in said[-2:]] == ["logs", "address"] and said[-1].endswith(stack.url)


def test_nothing_on_the_terminal_is_a_warning_or_a_request(stack):
    with urllib.request.urlopen(f"{stack.url}/accounts/login/", timeout=20) as answer:
        assert answer.status == 200
    wait_for(
        lambda: "GET accounts/login/ 200" in (stack.var / "logs" / "web.log").read_text(), 20, "the request's line"
    )
    said = stack.log.read_text()
    assert not re.search("warning|GET|Redis|oO0Oo", said, re.IGNORECASE), said


def test_every_process_has_a_log_that_is_closed_to_others(stack):
    logs = stack.var / "logs"
    assert stat.S_IMODE(logs.stat().st_mode) == 0o700
    assert {"prepare.log", "web.log", "curator.log", "screener.log"} <= {file.name for file in logs.iterdir()}


def test_everything_listens_on_loopback_only(stack):
    addresses = set()
    for process in stack.everybody():
        with contextlib.suppress(psutil.Error):
            addresses |= {c.laddr for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN}
    assert {address.port for address in addresses} == {stack.port, stack.model_port}
    assert {address.ip for address in addresses} == {"127.0.0.1"}


@pytest.mark.parametrize("name", ["trainer", "curator", "beat", "sealer", "modelserver"])
def test_a_running_process_does_not_hold_what_its_role_may_not(stack, name):
    environment = psutil.Process(stack.pids[name]).environ()
    assert environment["CFT_ROLE"] == name
    assert not {"VAULT_DATABASE_URL", "CFT_REGISTRY_KEY", "CFT_SUBJECT_KEY", "CFT_SECRET_KEY"} & set(environment)
    assert not [key for key in environment if key.startswith(("CFT_DB_PASSWORD", "CFT_REDIS_PASSWORD"))]


def test_redis_had_to_refuse_no_process_of_ours(stack):
    owner = redis.from_url(stack.owner_environment()["REDIS_URL"])
    refused = [(entry["username"], entry["object"]) for entry in owner.acl_log()]
    assert not [one for one in refused if one[0].startswith("cft_")]


def test_secrets_and_accounts_are_closed_to_others(stack):
    for name in ("secrets.json", "accounts.txt", "keys/audit-signing.pem"):
        assert stat.S_IMODE((stack.var / name).stat().st_mode) == 0o600, name
    assert set(stack.accounts) == set(PEOPLE)


def test_a_second_start_in_the_same_folder_says_so(stack):
    again = start_again(stack.var, CFT_PORT="1")
    assert again.returncode == 1
    assert f"cftapp already runs with the folder {stack.var} ({stack.url}" in again.stderr


def test_a_port_in_use_is_said_in_a_sentence(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = start_again(tmp_path / "var", CFT_PORT=str(port))
    assert done.returncode == 1
    assert f"Port {port} is in use by another program" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_one_database_without_the_other_is_said_in_a_sentence(tmp_path, stack):
    done = start_again(tmp_path / "var", CFT_PORT="18999", DATABASE_URL="postgresql:///x")
    assert done.returncode == 1
    assert "Set both DATABASE_URL and VAULT_DATABASE_URL" in done.stdout


@pytest.fixture(scope="module")
def own_stack() -> Iterator[Stack]:
    """A running stack that may be broken, below a folder with spaces in its name; the tests use it in this order."""
    with tempfile.TemporaryDirectory(prefix="cft up ") as folder:
        own = Stack(Path(folder) / "a var with spaces", CFT_EMBEDDING_MODEL="off")
        yield own.start().wait_ready()
        if own.process and not own.has_ended():
            own.stop()


@pytest.mark.slow
def test_what_crashes_is_started_again(own_stack):
    old = own_stack.pids["beat"]
    assert own_stack.restart("beat") != old
    assert "beat ended with status -9" in own_stack.log.read_text()


@pytest.mark.slow
def test_workers_hear_their_queues_again_after_redis_was_killed(own_stack):
    killed = time.time()
    own_stack.restart("redis")
    client = redis.from_url(own_stack.owner_environment()["REDIS_URL"])

    def heard() -> bool:
        with contextlib.suppress(redis.RedisError):
            keys = list(client.scan_iter("*heartbeat:*"))
            return len(keys) == 4 and all(float(client.get(key) or 0) > killed for key in keys)
        return False

    wait_for(heard, 150, "a heartbeat of each of the four workers through the new Redis")
    wait_for(own_stack.is_ready, 60, "readiness after Redis came back")


@pytest.mark.slow
def test_the_web_serves_again_after_postgresql_was_killed(own_stack):
    own_stack.restart("postgres")
    wait_for(own_stack.is_ready, 90, "readiness after PostgreSQL came back")


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["supervisor", "keeper"])
def test_a_kill_leaves_no_orphan_and_the_next_start_resumes(own_stack, victim):
    accounts, everybody = own_stack.accounts, own_stack.everybody()
    assert len(everybody) > len(EVERYBODY)
    os.kill(own_stack.record[victim], signal.SIGKILL)
    assert survivors(everybody) == []
    own_stack.process.wait(60)

    own_stack.start()
    wait_for(lambda: own_stack.record.get("ready") and own_stack.is_ready(), 120, "the next start")
    assert own_stack.accounts == accounts


@pytest.mark.slow
def test_ctrl_c_stops_everything_in_order(own_stack):
    everybody = own_stack.everybody()
    assert own_stack.stop(signal.SIGINT) == 0
    assert survivors(everybody) == []
    assert not (own_stack.var / "stack.json").exists()


@pytest.fixture
def external(tmp_path: Path) -> Iterator[Services]:
    """A PostgreSQL and a Redis that belong to nobody's stack."""
    var = tmp_path / "elsewhere"
    var.mkdir()
    running = Services(Postgres(var, secrets.load(var, {}), durable=False), Redis(var), {})
    running.start(running.postgres)
    running.start(running.redis)
    running.postgres.create_databases()
    yield running
    running.stop("postgres", signal.SIGQUIT)
    running.stop("redis", signal.SIGKILL)


@pytest.mark.slow
def test_with_services_of_your_own_the_embedded_ones_are_not_started(external, tmp_path):
    stack = Stack(
        tmp_path / "var",
        CFT_EMBEDDING_MODEL="off",
        DATABASE_URL=external.postgres.url("cft"),
        VAULT_DATABASE_URL=external.postgres.url("vault"),
        REDIS_URL=external.redis.url,
    )
    try:
        stack.start().wait_ready()
        assert set(stack.pids) == EVERYBODY - {"postgres", "redis"}
        assert not (stack.var / "postgres").exists()
        assert "cft_trainer:" in psutil.Process(stack.pids["trainer"]).environ()["DATABASE_URL"]
    finally:
        stack.stop()
