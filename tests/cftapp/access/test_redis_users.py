"""Redis itself refuses what a process role may not do there."""

import os

import pytest
import redis
from redis.exceptions import AuthenticationError, NoPermissionError

from cftapp.access import redis_users
from cftapp.access.roles import ROLES, environment_for, redis_password_variable

WORKERS = [role for role in ROLES.values() if role.queue]


@pytest.fixture
def reach(services):
    """`reach("web")`: Redis, signed in as that role."""
    opened = []

    def connect(role):
        opened.append(redis.from_url(environment_for(role, os.environ)["REDIS_URL"]))
        return opened[-1]

    yield connect
    for client in opened:
        client.close()
    services_owner = redis.from_url(os.environ["REDIS_URL"])
    services_owner.flushall()
    services_owner.close()


def test_nobody_comes_in_without_a_password(services):
    with redis.Redis(unix_socket_path=str(services.redis.socket)) as stranger, pytest.raises(AuthenticationError):
        stranger.get("anything")


@pytest.mark.parametrize("role", [role.name for role in WORKERS])
def test_a_worker_neither_reads_nor_writes_the_cache_but_for_its_heartbeat(reach, role):
    client = reach(role)
    client.set(f":1:heartbeat:{role}", 1)
    other = "trainer" if role != "trainer" else "curator"
    for attempt in (
        lambda: client.get(f":1:heartbeat:{role}"),
        lambda: client.set(f":1:heartbeat:{other}", 1),
        lambda: client.set(":1:readyz", 1),
        lambda: client.get(":1:feedback:token:1"),
    ):
        with pytest.raises(NoPermissionError):
            attempt()


@pytest.mark.parametrize("role", WORKERS, ids=lambda role: role.name)
def test_a_worker_rings_for_every_queue_and_takes_from_its_own(reach, role):
    client = reach(role.name)
    for other in WORKERS:
        client.lpush(other.queue, "a message")
        if other is role:
            assert client.brpop(other.queue, timeout=5)
        else:
            for steal in (client.rpop, client.delete, lambda queue: client.lrange(queue, 0, -1)):
                with pytest.raises(NoPermissionError):
                    steal(other.queue)


def test_what_a_worker_took_is_no_other_s(reach):
    reach("curator").hset("unacked:curator:unacked", "tag", "a message")
    with pytest.raises(NoPermissionError):
        reach("trainer").hset("unacked:curator:unacked", "tag", "another")


@pytest.mark.parametrize("role", [role.name for role in ROLES.values() if role.uses_redis])
def test_no_role_administers_it(reach, role):
    client = reach(role)
    assert client.ping()
    for attempt in (client.flushall, client.config_get, client.acl_list, client.keys, client.save):
        with pytest.raises(NoPermissionError):
            attempt()


def test_the_file_of_users_holds_no_password(services):
    text = services.redis.users.read_text()
    assert services.redis.users.stat().st_mode & 0o077 == 0
    assert not any(services.redis.passwords[redis_password_variable(user)] in text for user in redis_users.users())


def test_a_redis_of_somebody_s_own_is_reached_as_they_say():
    owner = {name: value for name, value in os.environ.items() if not name.startswith("CFT_REDIS_")}
    assert environment_for("curator", owner | {"REDIS_URL": "redis://db:6379/0"})["REDIS_URL"] == "redis://db:6379/0"
