"""docker-compose.yml is the same processes with the same rights as the table of roles."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cftapp.access import redis_users
from cftapp.access.roles import DATABASE_VARIABLE, ROLES, SECRETS, environment_for, redis_password_variable
from tests.support.servers import Process, collect_static_files
from tests.support.stack import free_ports

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]


def test_every_process_is_a_service():
    assert set(SERVICES) == {"postgres", "redis", "migrate", *ROLES}


@pytest.mark.parametrize("name", ROLES)
def test_a_service_holds_what_its_role_may_hold(name):
    environment, role = SERVICES[name]["environment"], ROLES[name]
    assert environment["CFT_ROLE"] == name
    for alias, variable in DATABASE_VARIABLE.items():
        found = re.match(r"postgresql://(\w+):\$", environment.get(variable, ""))
        assert (found and found[1]) == role.logins.get(alias)
    assert set(environment) & SECRETS == role.keys
    assert ("REDIS_URL" in environment) == role.uses_redis
    if role.uses_redis:
        password = redis_password_variable(role.redis_user)
        assert environment["REDIS_URL"] == f"redis://{role.redis_user}:${{{password}:?}}@redis:6379/0"


@pytest.mark.parametrize("name", [role.name for role in ROLES.values() if role.queue])
def test_a_worker_serves_its_queue(name):
    command = SERVICES[name]["command"]
    assert command[command.index("-Q") + 1] == ROLES[name].queue


def test_redis_knows_the_users_of_the_table_and_no_other():
    content = COMPOSE["configs"]["redis-users"]["content"]
    words = {user: f">${{{redis_password_variable(user)}:?}}" for user in redis_users.users()}
    assert content.splitlines() == redis_users.lines(words)
    assert SERVICES["redis"]["configs"] == [{"source": "redis-users", "target": SERVICES["redis"]["command"][-1]}]


def test_only_migrate_and_the_sealer_reach_the_private_key():
    holders = [name for name, service in SERVICES.items() if any("signing:" in v for v in service.get("volumes", []))]
    assert sorted(holders) == ["migrate", "sealer"]


@pytest.mark.parametrize(
    ("folder", "readers"),
    [
        ("evaluation", {"evaluator"}),
        ("registry", {"screener"}),
        ("checkpoints", {"migrate", "sealer", "web"}),
        ("runs", {"migrate", "trainer", "web", "evaluator", "modelserver"}),
        ("static", {"migrate", "web"}),
    ],
)
def test_what_only_some_may_see_lies_on_a_volume_of_their_own(folder, readers):
    place = f":/var/lib/cftapp/{folder}"
    mounts = {name: [v for v in service.get("volumes", []) if place in v] for name, service in SERVICES.items()}
    assert {name for name, found in mounts.items() if found} == readers
    assert {v.split(":")[0] for found in mounts.values() for v in found}.isdisjoint({"shared"})
    assert f"/var/lib/cftapp/{folder}" in (ROOT / "Dockerfile").read_text()  # or the new volume would be root's


@pytest.mark.parametrize(("folder", "writer"), [("checkpoints", "sealer"), ("runs", "trainer"), ("static", None)])
def test_beside_migrate_one_role_writes_there(folder, writer):
    place = f"{folder}:/var/lib/cftapp/{folder}"
    writers = {name for name, service in SERVICES.items() if place in service.get("volumes", [])}
    assert writers - {"migrate"} == ({writer} if writer else set())


def example_environment():
    return dict(re.findall(r"^([A-Z_]+)=(.+)$", (ROOT / ".env.example").read_text(), re.M))


def test_the_web_process_is_healthy_with_the_example_s_names(services):
    """With its https, its proxy and its host; the command is the service's own, but for the port."""
    (port,) = free_ports(1)
    asked = {name: value for name, value in SERVICES["web"]["environment"].items() if str(value).startswith("${CFT_")}
    given = {name: example_environment()[name] for name in asked if name in example_environment()}
    environment = environment_for("web", os.environ) | given | {"CFT_URL": example_environment()["CFT_URL"]}
    collect_static_files(environment)
    probe = [sys.executable, *(part.replace("8000", str(port)) for part in SERVICES["web"]["healthcheck"]["test"][2:])]
    command = [sys.executable, "-m", "uvicorn", "cftapp.asgi:application", "--port", str(port), "--lifespan", "off"]
    server = Process(command, environment, f"http://127.0.0.1:{port}/healthz").start()
    try:
        assert subprocess.run(probe, cwd=ROOT, env=environment).returncode == 0
        stranger = environment | {"CFT_URL": "https://elsewhere.example"}
        assert subprocess.run(probe, cwd=ROOT, env=stranger, capture_output=True).returncode == 1
    finally:
        server.kill()


def test_ports_are_published_on_loopback_only():
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_everything_named_is_declared():
    networks = {each for service in SERVICES.values() for each in service.get("networks", [])}
    volumes = {each.split(":")[0] for service in SERVICES.values() for each in service.get("volumes", [])}
    assert networks == set(COMPOSE["networks"])
    assert volumes == set(COMPOSE["volumes"])


def test_every_variable_is_documented():
    asked = set(re.findall(r"\$\{(CFT_[A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    assert asked <= set(re.findall(r"^(CFT_[A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))


def test_docker_reads_it(tmp_path):
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("docker compose is not installed here: only the structure was checked")
    environment = re.sub(r"^([A-Z_]+)=$", r"\1=x", (ROOT / ".env.example").read_text(), flags=re.M)
    (tmp_path / "env").write_text(environment)
    command = [docker, "compose", "--env-file", str(tmp_path / "env"), "-f", str(ROOT / "docker-compose.yml"), "config"]
    done = subprocess.run([*command, "--quiet"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
