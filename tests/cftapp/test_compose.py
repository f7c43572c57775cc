"""docker-compose.yml is the same processes with the same rights as the table of roles."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cftapp.access.roles import DATABASE_VARIABLE, ROLES, SECRETS

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


@pytest.mark.parametrize("name", [role.name for role in ROLES.values() if role.queue])
def test_a_worker_serves_its_queue(name):
    command = SERVICES[name]["command"]
    assert command[command.index("-Q") + 1] == ROLES[name].queue


def test_only_migrate_and_the_sealer_reach_the_private_key():
    holders = [name for name, service in SERVICES.items() if any("signing:" in v for v in service.get("volumes", []))]
    assert sorted(holders) == ["migrate", "sealer"]


@pytest.mark.parametrize(
    ("folder", "readers"),
    [("evaluation", {"evaluator"}), ("registry", {"screener"}), ("checkpoints", {"sealer", "web"})],
)
def test_what_only_some_may_see_lies_on_a_volume_of_their_own(folder, readers):
    place = f":/var/lib/cftapp/{folder}"
    mounts = {name: [v for v in service.get("volumes", []) if place in v] for name, service in SERVICES.items()}
    assert {name for name, found in mounts.items() if found} == readers
    assert {v.split(":")[0] for found in mounts.values() for v in found}.isdisjoint({"shared"})
    assert f"/var/lib/cftapp/{folder}" in (ROOT / "Dockerfile").read_text()  # or the new volume would be root's


def test_the_heads_outside_the_database_are_written_by_the_sealer_alone():
    assert "checkpoints:/var/lib/cftapp/checkpoints:ro" in SERVICES["web"]["volumes"]


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
