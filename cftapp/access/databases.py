"""How a process reaches its databases: one URL, the limits of its role, and a router that keeps the vault apart."""

from typing import Any

import environ

VAULT_APP = VAULT = "vault"

# Milliseconds a statement may take. A page that needs longer is a defect; a worker's batch may take minutes;
# owner (migrations, imports) is not limited.
STATEMENT_TIMEOUT = {"web": 15_000, "beat": 15_000, "sealer": 60_000}
WORKER_TIMEOUT = 300_000
POOL_SIZE = 8
"""Connections that the threads of a web process share, to each of its databases."""


def server_options(role: str) -> str:
    if role == "owner":
        return ""
    timeout = STATEMENT_TIMEOUT.get(role, WORKER_TIMEOUT)
    return f"-c statement_timeout={timeout} -c lock_timeout=10000 -c idle_in_transaction_session_timeout=120000"


def connection_settings(url: str, role: str) -> dict[str, Any]:
    """Django's settings for a `postgresql://` URL; a socket folder is given as `?host=/folder`.

    The web process shares a small pool between its threads; a worker keeps its one connection and checks it.
    """
    settings: dict[str, Any] = dict(environ.Env.db_url_config(url))
    options = settings.setdefault("OPTIONS", {})
    options["application_name"] = f"cft-{role}"
    options["connect_timeout"] = 10
    if limits := server_options(role):
        options["options"] = limits
    settings["CONN_HEALTH_CHECKS"] = True
    settings["CONN_MAX_AGE"] = 0
    if role == "web":
        options["pool"] = {"min_size": 1, "max_size": POOL_SIZE, "timeout": 10, "max_idle": 120}
    elif role != "owner":
        settings["CONN_MAX_AGE"] = 600
    return settings


class VaultRouter:
    """Sends the vault's models to the vault and nothing else there; a process without a vault gets an error."""

    def db_for_read(self, model: Any, **_: Any) -> str | None:
        return VAULT if model._meta.app_label == VAULT_APP else None

    db_for_write = db_for_read

    def allow_relation(self, left: Any, right: Any, **_: Any) -> bool:
        return (left._meta.app_label == VAULT_APP) == (right._meta.app_label == VAULT_APP)

    def allow_migrate(self, db: str, app_label: str, **_: Any) -> bool:
        return (db == VAULT) == (app_label == VAULT_APP)
