"""The settings: production checks, headers, no torch, what is refused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "PATH": os.environ["PATH"],
    "CFT_ROLE": "web",
    "CFT_URL": "https://cftapp.example",
    "CFT_ALLOWED_HOSTS": "cftapp.example",
    "CFT_SECRET_KEY": "Zk3v9Qw1LrT8yXn5Bp2Ms7Hd4Gf6Jc0AaEeUuOoIi-RrTtYyPp_SsDdFf",
    "CFT_SUBJECT_KEY": "00112233445566778899aabbccddeeff",
    "DATABASE_URL": "postgresql://cft_web:x@127.0.0.1:1/cft",
    "VAULT_DATABASE_URL": "postgresql://cft_mailbox:x@127.0.0.1:1/vault",
}


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env={**PRODUCTION, **environment}, capture_output=True, text=True
    )


def test_deployment_checks_are_clean(tmp_path):
    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", CFT_VAR=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no issues" in done.stdout


def test_the_web_process_refuses_to_sign_without_a_key(tmp_path):
    done = run("manage.py", "check", CFT_VAR=str(tmp_path), CFT_SECRET_KEY="")
    assert done.returncode != 0
    assert "CFT_SECRET_KEY is not set" in done.stderr


@pytest.mark.parametrize(("value", "complaint"), [("xyz", "must be hexadecimal"), ("00ff", "2 bytes")])
def test_a_key_that_is_no_key_is_refused(tmp_path, value, complaint):
    done = run("manage.py", "check", CFT_VAR=str(tmp_path), CFT_SUBJECT_KEY=value)
    assert done.returncode != 0
    assert complaint in done.stderr


def test_a_process_without_a_vault_url_has_no_vault(tmp_path):
    code = "import cftapp.settings as s; print(sorted(s.DATABASES))"
    assert run("-c", code, CFT_VAR=str(tmp_path)).stdout.strip() == "['default', 'vault']"
    trainer = run("-c", code, CFT_VAR=str(tmp_path), CFT_ROLE="trainer", VAULT_DATABASE_URL="")
    assert trainer.stdout.strip() == "['default']"


def test_the_web_and_the_workers_load_no_torch(tmp_path):
    code = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "cftapp.settings"
import django
django.setup()
from django.urls import get_resolver
get_resolver().url_patterns
from cftapp.celery import app
app.loader.import_default_modules()
heavy = {"torch", "transformers", "peft", "trl", "accelerate", "numba"} & set(sys.modules)
print("heavy:", sorted(heavy), "tasks:", len([name for name in app.tasks if not name.startswith("celery.")]))
"""
    done = run("-c", code, CFT_VAR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "heavy: []" in done.stdout
    assert "tasks: 1\n" not in done.stdout, "the workers' tasks were not found, so nothing was proved"


def test_every_answer_carries_the_policy(client, settings):
    answer = client.get("/healthz")
    policy = dict(part.strip().split(" ", 1) for part in answer["Content-Security-Policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "script-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_behind_https_a_visitor_is_sent_there_and_told_to_stay(client, settings):
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = True, 31_536_000
    assert client.get("/", headers={"host": "localhost"})["Location"] == "https://localhost/"
    assert client.get("/healthz", secure=True)["Strict-Transport-Security"].startswith("max-age=31536000")


def test_health_checks_answer_without_https(client, settings):
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/healthz").status_code == 200


def test_every_setting_is_documented():
    import re

    source = (ROOT / "cftapp" / "settings.py").read_text()
    read = set(re.findall(r'(?:env\.\w+|key_from_hex|path_or_none)\(\s*"([A-Z_]+)"', source))
    documented = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    assert read <= documented
