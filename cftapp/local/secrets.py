"""Secrets of an embedded stack: made once, kept in CFT_VAR with mode 0600, given out by role."""

import json
import os
import secrets
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path

from cftapp.access import redis_users
from cftapp.access.roles import all_logins, password_variable, redis_password_variable
from cftapp.base import files

KEYS = ("CFT_SECRET_KEY", "CFT_SUBJECT_KEY", "CFT_REGISTRY_KEY")
DATABASE_PASSWORDS = ("CFT_DB_PASSWORD_SUPERUSER", "CFT_DB_PASSWORD_OWNER")
REDIS_PASSWORDS = tuple(redis_password_variable(user) for user in redis_users.users())
LOGIN_PASSWORDS = tuple(password_variable(login) for login in all_logins())


def load(
    var: Path,
    environment: Mapping[str, str] = os.environ,
    names: Sequence[str] = (*KEYS, *DATABASE_PASSWORDS, *LOGIN_PASSWORDS),
) -> dict[str, str]:
    """Secrets by variable name: from the environment where set, else from `secrets.json`, else made now."""
    file = var / "secrets.json"
    stored: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    missing = [name for name in names if name not in stored and not environment.get(name)]
    if missing:
        stored |= {name: secrets.token_hex(32) for name in missing}
        files.write(file, json.dumps(stored, indent=1) + "\n", private=True)
    return {name: environment.get(name) or stored[name] for name in names}


def login_passwords(var: Path) -> dict[str, str]:
    """Login to password, for provision."""
    known = load(var, names=LOGIN_PASSWORDS)
    return {login: known[password_variable(login)] for login in all_logins()}


def ensure_signing_key(var: Path, environment: MutableMapping[str, str]) -> None:
    """Name the Ed25519 key files in `environment`; make them under `var/keys` unless they are given."""
    if environment.get("CFT_SIGNING_KEY_FILE"):
        return
    private, public = var / "keys" / "audit-signing.pem", var / "keys" / "audit-public.pem"
    if not (private.exists() and public.exists()):
        from audit.checkpoint import create_keys

        private.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        create_keys(private, public)
    environment["CFT_SIGNING_KEY_FILE"] = str(private)
    environment["CFT_AUDIT_PUBLIC_KEY_FILE"] = str(public)
