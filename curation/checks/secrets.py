"""Secrets in a text: keys in the forms of usual providers, tokens, private keys, and random strings beside a word."""

import base64
import json
import math
import re
from collections import Counter

from curation.checks.patterns import Hit, Rule, apply, without_nested

VERSION = "secrets-1"
LEAST_ENTROPY = 3.2  # bits a character: words and dates are below, random strings of 12 or more characters above


def entropy(text: str) -> float:
    """Shannon entropy in bits a character."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values()) if text else 0.0


def is_random(text: str) -> bool:
    """Looks like no word: letters and digits mixed, and no character much more frequent than the others."""
    kinds = sum(bool(re.search(kind, text)) for kind in ("[a-z]", "[A-Z]", r"\d", r"[^\w\s]"))
    return kinds >= 2 and bool(re.search(r"\d", text)) and entropy(text) >= LEAST_ENTROPY


def is_jwt(text: str) -> bool:
    """The first part of a JSON Web Token says its algorithm."""
    head = text.split(".")[0]
    try:
        return "alg" in json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except ValueError:
        return False


def provider(name: str, pattern: str) -> Rule:
    return Rule(name, re.compile(rf"(?<![A-Za-z0-9]){pattern}(?![A-Za-z0-9])"))


_KEYWORD = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[ _-]?key|access[ _-]?key|private[ _-]?key|client[ _-]?secret"
    r"|auth(?:orization)?|bearer|credentials?)"
)

RULES = (
    Rule("private_key", re.compile(r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----")),
    Rule("jwt", re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"), is_jwt),
    provider("aws_access_key", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}"),
    provider("github_token", r"(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})"),
    provider("gitlab_token", r"gl(?:pat|dt|rt|ft|soat)-[A-Za-z0-9_-]{20,}"),
    provider("slack_token", r"xox[abeoprs]-[A-Za-z0-9-]{10,}"),
    Rule("slack_webhook", re.compile(r"https://hooks\.slack\.com/services/T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]{16,}")),
    provider("stripe_key", r"[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    provider("google_api_key", r"AIza[A-Za-z0-9_-]{35}"),
    provider("google_oauth", r"GOCSPX-[A-Za-z0-9_-]{28}"),
    provider("anthropic_key", r"sk-ant-[A-Za-z0-9_-]{20,}"),
    provider("openai_key", r"sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{32,}"),
    provider("hugging_face_token", r"hf_[A-Za-z0-9]{30,}"),
    provider("npm_token", r"npm_[A-Za-z0-9]{36}"),
    provider("pypi_token", r"pypi-AgE[A-Za-z0-9_-]{50,}"),
    provider("sendgrid_key", r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}"),
    provider("twilio_key", r"(?:AC|SK)[0-9a-f]{32}"),
    provider("telegram_bot", r"\d{8,10}:AA[A-Za-z0-9_-]{33}"),
    provider("databricks_token", r"dapi[0-9a-f]{32}"),
    provider("digitalocean_token", r"do[opr]_v1_[0-9a-f]{64}"),
    provider("cftapp_key", r"cft_[A-Za-z0-9_-]{43}"),
    Rule("azure_storage_key", re.compile(r"AccountKey=(?P<value>[A-Za-z0-9+/]{60,}={0,2})")),
    Rule(
        "url_password",
        re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,100}:(?P<value>[^\s/@]{3,200})@[\w.-]+", re.I),
    ),
    Rule(
        "random_beside_keyword",
        re.compile(
            rf"(?i:\b|_){_KEYWORD}['\"]?(?i:\s{{0,3}}[:=]+>?\s{{0,3}}|\s+(?:is|was)\s+|\s+)['\"`]?"
            r"(?P<value>[A-Za-z0-9_+/.~!@#$%^&*=-]{12,200})".replace(_KEYWORD, f"(?i:{_KEYWORD})")
        ),
        is_random,
    ),
)


def scan(text: str) -> list[Hit]:
    """All secrets found, in order of position."""
    return without_nested(apply(RULES, text, VERSION))
