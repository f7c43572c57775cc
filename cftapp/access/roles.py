"""Who may hold what: one table, shared by the supervisor (environments) and by provision (roles and grants).

A process gets its own database logins and the keys named here; nothing else of the owner's secrets reaches it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit, urlunsplit

DATABASE_VARIABLE = {"default": "DATABASE_URL", "vault": "VAULT_DATABASE_URL"}


@dataclass(frozen=True)
class Role:
    """A process role. `logins` maps a database alias to the PostgreSQL role it signs in as."""

    name: str
    logins: Mapping[str, str] = field(default_factory=dict)
    keys: frozenset[str] = frozenset()
    queue: str = ""
    uses_redis: bool = True

    @property
    def redis_user(self) -> str:
        return f"cft_{self.name}"


ROLES: dict[str, Role] = {
    role.name: role
    for role in (
        Role(
            "web",
            logins={"default": "cft_web", "vault": "cft_mailbox"},
            keys=frozenset({"CFT_SECRET_KEY", "CFT_SUBJECT_KEY"}),
        ),
        Role("curator", logins={"default": "cft_curator"}, queue="curation"),
        Role(
            "screener",
            logins={"default": "cft_screener", "vault": "cft_screener"},
            keys=frozenset({"CFT_REGISTRY_KEY"}),
            queue="screening",
        ),
        Role("trainer", logins={"default": "cft_trainer"}, queue="training"),
        Role(
            "evaluator",
            logins={"default": "cft_evaluator", "vault": "cft_evaluator"},
            keys=frozenset({"CFT_REGISTRY_KEY"}),
            queue="evaluation",
        ),
        Role("beat", logins={"default": "cft_beat"}),
        Role("sealer", logins={"default": "cft_sealer"}, keys=frozenset({"CFT_SIGNING_KEY_FILE"}), uses_redis=False),
        Role("modelserver", uses_redis=False),
    )
}

# What any process may know: where things are and how to log, nothing that opens a door.
HARMLESS = (
    "CFT_ALLOWED_HOSTS",
    "CFT_API_REQUESTS_PER_MINUTE",
    "CFT_AUDIT_PUBLIC_KEY_FILE",
    "CFT_BASE_MODEL",
    "CFT_BEHIND_PROXY",
    "CFT_DEBUG",
    "CFT_EMBEDDING_DEVICE",
    "CFT_EMBEDDING_DTYPE",
    "CFT_EMBEDDING_MODEL",
    "CFT_HSTS_SECONDS",
    "CFT_LABELLED_ITEMS",
    "CFT_LOG_FORMAT",
    "CFT_LOG_LEVEL",
    "CFT_METRICS_PORT",
    "CFT_METRICS_TOKEN",  # figures, nobody's words
    "CFT_MODEL_SERVER_CALLS",
    "CFT_MODEL_SERVER_URL",
    "CFT_MULTILINGUAL_MODEL",
    "CFT_SECURE_COOKIES",
    "CFT_SSL_REDIRECT",
    "CFT_TRAINING_DEVICE",
    "CFT_TRAINING_DTYPE",
    "CFT_TRAINING_THREADS",
    "CFT_TRUSTED_ORIGINS",
    "CFT_URL",
    "CFT_VAR",
    "CFT_VAULT_NAME",
    "CUDA_VISIBLE_DEVICES",
    "HF_HOME",
    "HF_HUB_OFFLINE",
    "HOME",
    "LANG",
    "LC_ALL",
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "PATH",
    "TMPDIR",
    "TZ",
    "USER",
)
SECRETS = frozenset({"CFT_SECRET_KEY", "CFT_SUBJECT_KEY", "CFT_REGISTRY_KEY", "CFT_SIGNING_KEY_FILE"})


def logins(alias: str) -> list[str]:
    """PostgreSQL roles that may connect to the database `alias`, sorted."""
    return sorted({role.logins[alias] for role in ROLES.values() if alias in role.logins})


def all_logins() -> list[str]:
    return sorted(set(logins("default")) | set(logins("vault")))


def password_variable(login: str) -> str:
    """`CFT_DB_PASSWORD_WEB` for `cft_web`."""
    return "CFT_DB_PASSWORD_" + login.removeprefix("cft_").upper()


def redis_password_variable(user: str) -> str:
    """`CFT_REDIS_PASSWORD_WEB` for the Redis user `cft_web`."""
    return "CFT_REDIS_PASSWORD_" + user.removeprefix("cft_").upper()


def url_for(owner_url: str, login: str, password: str) -> str:
    """The owner's URL with another login: same server, same database."""
    parts = urlsplit(owner_url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{login}:{quote(password, safe='')}@{place}"))


def environment_for(name: str, owner: Mapping[str, str]) -> dict[str, str]:
    """What the process `name` gets of the owner's environment: default-deny, by the table above.

    `owner` holds owner URLs, the keys, and a password per login (`password_variable`, `redis_password_variable`).
    """
    role = ROLES[name]
    given = {key: owner[key] for key in HARMLESS if key in owner}
    given |= {key: owner[key] for key in sorted(role.keys) if key in owner}
    for alias, login in role.logins.items():
        given[DATABASE_VARIABLE[alias]] = url_for(
            owner[DATABASE_VARIABLE[alias]], login, owner[password_variable(login)]
        )
    if port := given.get("CFT_METRICS_PORT"):
        given["CFT_METRICS_PORT"] = str(int(port) + list(ROLES).index(name))  # on one machine each has its own
    if role.uses_redis:
        password = owner.get(redis_password_variable(role.redis_user))  # none: a Redis of somebody's own, without users
        given["REDIS_URL"] = url_for(owner["REDIS_URL"], role.redis_user, password) if password else owner["REDIS_URL"]
    return given | {"CFT_ROLE": name, "PYTHONUNBUFFERED": "1"}
