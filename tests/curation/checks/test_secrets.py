"""Known answers: keys and tokens, and words about keys and tokens. No secret here is real."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.checks.secrets import entropy, scan


def jwt():
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "HS256"}, {"sub": "1"})
    ]
    return ".".join([*parts, "c2lnbmF0dXJl"])


MIXED = "aB3dE5gH7jK9mN1pQ2sT4vW6xY8z"
FORMS = [  # put together here, so that no scanner takes this file for a leak
    ("AKIA" + "IOSFODNN7EXAMPLE", "aws_access_key"),
    ("ghp" + "_" + (MIXED * 2)[:36], "github_token"),
    ("github" + "_pat_" + MIXED, "github_token"),
    ("glpat" + "-" + MIXED[:20], "gitlab_token"),
    ("xoxb" + "-1234567890-" + MIXED, "slack_token"),
    ("sk" + "_live_" + MIXED, "stripe_key"),
    ("AIza" + (MIXED * 2)[:35], "google_api_key"),
    ("sk" + "-ant-" + MIXED, "anthropic_key"),
    ("sk" + "-proj-" + MIXED * 2, "openai_key"),
    ("hf" + "_" + (MIXED * 2)[:34], "hugging_face_token"),
    ("npm" + "_" + (MIXED * 2)[:36], "npm_token"),
    ("SG." + MIXED[:22] + "." + (MIXED * 2)[:43], "sendgrid_key"),
    ("cft" + "_" + (MIXED * 2)[:43], "cftapp_key"),
    ("-----BEGIN " + "RSA PRIVATE KEY-----", "private_key"),
    ("-----BEGIN " + "PRIVATE KEY-----", "private_key"),
    (jwt(), "jwt"),
]


@pytest.mark.parametrize(("secret", "rule"), FORMS)
def test_a_providers_key_is_found_inside_a_sentence(secret, rule):
    text = f"Use {secret} for it."
    (hit,) = scan(text)
    assert (hit.rule, text[hit.start : hit.end]) == (rule, secret)


@pytest.mark.parametrize(
    "text",
    [
        "password: f8Gh2kL0pQ9zXv",
        'api_key = "f8Gh2kL0pQ9zXv"',
        "The token is f8Gh2kL0pQ9zXv",
        "client-secret=f8Gh2kL0pQ9zXv3b",
        "Authorization: Bearer f8Gh2kL0pQ9zXv3b",
        "MY_SECRET=f8Gh2kL0pQ9zXv3b",
    ],
)
def test_a_random_string_beside_a_keyword_is_found(text):
    (hit,) = scan(text)
    assert hit.rule == "random_beside_keyword" and text[hit.start : hit.end].startswith("f8Gh2kL0pQ9zXv")


def test_a_password_in_a_url_is_found():
    (hit,) = scan("postgresql://bob:s3cr3t@db.example/shop")
    assert hit.rule == "url_password"


@pytest.mark.parametrize(
    "text",
    [
        "The password policy requires at least twelve characters.",
        "The secretary keeps the key to the archive, token of our trust.",
        "Your password is your birthday backwards.",
        "A token costs 2.50 euros; the api key page explains more.",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8 fixed it",
        "See https://example.com/reset?user=bob for the password page.",
        "eyJub3QiOiAiYSBqd3QifQ.aaaaaaaaaaaa.bbbb",
        "",
    ],
)
def test_ordinary_text_has_no_hit(text):
    assert scan(text) == []


def test_entropy_by_hand():
    assert entropy("aabb") == pytest.approx(1.0)
    assert entropy("abcdefgh") == pytest.approx(3.0)
    assert entropy("") == 0


@given(st.text(max_size=200))
def test_hits_lie_inside_the_text(text):
    assert all(0 <= hit.start < hit.end <= len(text) for hit in scan(text))
