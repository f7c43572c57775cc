"""Who may do what in Redis: a user for each process role, from the table in `cftapp.access.roles`. Default: deny.

A worker takes from its own queue alone and may ring for every other (a message is a task's name and ids; the row is the
job). Only the web process reads the cache; a worker leaves its heartbeat there. The lines are of Valkey's ACL file,
https://valkey.io/topics/acl: key patterns after `~`, those that may only be written after `%W~`, a second set of rights
in parentheses.
"""

from collections.abc import Mapping
from hashlib import sha256

from cftapp.access.roles import ROLES, Role, redis_password_variable

OWNER = "cft_owner"
KINDS = "connection transaction pubsub string list hash set sortedset keyspace scripting"
COMMANDS = " ".join(f"+@{kind}" for kind in KINDS.split()) + " -@dangerous -@admin"
QUEUES = [role.queue for role in ROLES.values() if role.queue]
RING = "(+lpush +llen +exists " + " ".join(f"%W~{queue}*" for queue in QUEUES) + ")"


def users() -> list[str]:
    return [OWNER, *(role.redis_user for role in ROLES.values() if role.uses_redis)]


def acl_file(passwords: Mapping[str, str]) -> str:
    """Every user's line; `passwords` by variable. Only their hashes are written."""
    hashes = {user: sha256(passwords[redis_password_variable(user)].encode()).hexdigest() for user in users()}
    return "".join(f"{line}\n" for line in lines({user: f"#{digest}" for user, digest in hashes.items()}))


def lines(passwords: Mapping[str, str]) -> list[str]:
    """The lines of an ACL file; `passwords` by user, as such a file writes them: `>words` or `#sha256`."""
    roles = [role for role in ROLES.values() if role.uses_redis]
    return [
        "user default off",
        f"user {OWNER} on {passwords[OWNER]} ~* &* +@all",
        *(f"user {role.redis_user} on {passwords[role.redis_user]} {rights(role)}" for role in roles),
    ]


def rights(role: Role) -> str:
    """What a role needs as kombu uses Redis: its queue, what it took and has not acknowledged, who is bound to what."""
    keys = ["~_kombu.binding*", f"~unacked:{role.name}*"]
    keys += [f"~{role.queue}*", f"%W~:1:heartbeat:{role.name}"] if role.queue else []
    keys += ["~:1:*"] if role.name == "web" else []
    keys += ["~celery-task*", "&celery-task*"] if role.name == "screener" else []  # its batches are chords
    return f"{' '.join(keys)} {COMMANDS} {RING}"
