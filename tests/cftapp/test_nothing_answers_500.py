"""Requests that hypothesis makes, on every address of the running site: none is answered with a 5xx."""

import json
import re
import uuid
from collections import Counter
from urllib.parse import quote

import httpx
import pytest
from django.conf import settings as django_settings
from django.urls import get_resolver
from django.urls.resolvers import RoutePattern, URLResolver
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cftapp.base.accounts import ROLES
from curation.models import Case
from feedback.actions import issue_api_key, record_interaction, submit_correction
from feedback.models import Interaction
from tests.support import servers, serving_rows
from tests.support.people import person, signed_in
from tests.support.wordings import SHOWN

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

REQUESTS = {"api": 3_500, "gateway": 2_500, "console": 3_000, "uploads": 1_000}
ADDRESSES = 4  # that the same request is sent to: what costs most is to make it
# Not asked: what ends the session, and what is to say 503 where no worker runs.
LEFT_OUT = re.compile(r"logout|^readyz")
EXISTING = uuid.UUID(int=7)

ODD = [
    "", " ", "\0", "a\0b", "\u202e", "²", "９", "٣", "-1", "0", "1", "2", "1.5", "1e999", "NaN", "inf", "null", "[]",
    "true", "9" * 19, "9" * 30, "9" * 4_400, "x" * 3_000, "%", "%s%n", "{{7*7}}", "' OR 1=1 --", "../../etc/passwd",
    "a/b", "😀", "\r\n", "2026-11-30", "0000-00-00T00:00", "correction", "accepted", "champion", "v0", "exact",
    "production", str(EXISTING), f"chatcmpl-{EXISTING}", "=cmd|x", "\x85", "\ufffe", "ß" * 600,
]  # fmt: skip
TEXTS = st.sampled_from(ODD) | st.text(max_size=20)
NUMBERS = st.sampled_from([0, 1, -1, 2**31, 2**63, -(2**63) - 1, 10**400, 0.1, 1e308, float("nan"), float("inf")])
LEAVES = TEXTS | NUMBERS | st.booleans() | st.none() | st.sampled_from(["\ud800", "x\udfff", "\ud83d"])
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)

NAMES = {
    "api": "kind subject prompt answer interaction external_id replacement reason consent rating text note "
    "wording_version consent_given_at given_at legal_basis expires_at happened_at environment replay_of model_name "
    "what_happened expected "
    "preference aspect name recipe dataset preset seed to seen values replaces check case \ud800",
    "gateway": "model messages stream user safety_identifier metadata n temperature top_p stop max_tokens logit_bias "
    "response_format tools stream_options seed store \ud800",
    "console": "q kind page before cursor limit seen at case shown_to whole name about lane kept method state curve "
    "prompt dataset note o p all e id__exact format verdict check reason answer next run decision release gate "
    "replaces confirmed door title label held_out_percent environment correction-replacement bug_report-what_happened "
    "username password containment cosine wording wording_version version language text source given_at",
    "uploads": "name title kind scorer margin file upload items fields csv note benchmark",
}  # fmt: skip
ASK = {"model": "champion", "messages": [{"role": "user", "content": "hi"}], "user": "u"}
RIGHT = {
    "api": [
        {"subject": "u", "prompt": "p", "answer": "a"},
        {"interaction": str(EXISTING), "what_happened": "x"},
        {"interaction": str(EXISTING), "replacement": "x", "consent": SHOWN},
        {"kind": "comment", "interaction": str(EXISTING), "rating": "1"},
        {"name": "lessons", "recipe": {"window_days": 7}},
        {"dataset": 1, "recipe": {"rank": 8}},
        {"values": {"cosine": 0.8}, "note": "n", "replaces": 0},
    ],
    "gateway": [ASK, ASK | {"stream": True}],
}
RAW = [
    b"",
    b"{",
    b"[" * 100_000,
    b'{"a":' * 20_000,
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{}",
    b"null",
    b'"x"',
    b"-",
    b"9" * 5_000,
]


# --- addresses --------------------------------------------------------------------------------------------------------
def routes(resolver, before=""):
    """Every address of the site, with {int}, {uuid} and {text} where it varies."""
    for entry in resolver.url_patterns:
        here = before + shape(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, here)
        elif not LEFT_OUT.search(here):
            yield here


def shape(pattern):
    if isinstance(pattern, RoutePattern):
        kinds = {"int": "{int}", "uuid": "{uuid}"}
        return re.sub(r"<(?:(\w+):)?\w+>", lambda found: kinds.get(found[1], "{text}"), str(pattern))
    plain = re.sub(r"\(\?P<\w+>[^)]*\)", "{text}", str(pattern))
    return re.sub(r"^\^|\$$|\\Z$", "", plain).replace("\\.", ".")


PLACES = {
    "{int}": st.sampled_from(["1", "2", "0", "9" * 18, "9" * 40]),
    "{uuid}": st.sampled_from([str(EXISTING), str(uuid.UUID(int=1))]),
    "{text}": TEXTS.map(lambda text: quote(text, safe="", errors="replace")),
}


@st.composite
def addresses(draw, surface):
    route = draw(st.sampled_from(ROUTES[surface]))
    path = "/" + re.sub(r"{\w+}", lambda found: draw(PLACES[found[0]]), route)
    if draw(st.integers(0, 9)) == 0:
        path = path.removesuffix("/") if path.endswith("/") else f"{path}/"
    return route, path


ALL = sorted(set(routes(get_resolver())))
ROUTES = {
    "api": [route for route in ALL if route.startswith("api/")],
    "gateway": [route for route in ALL if route.startswith("v1/")],
    "console": [route for route in ALL if not route.startswith(("api/", "v1/"))],
    "uploads": ["evaluation/benchmarks/propose/", "curation/batches/queue/", "curation/check/", "training/runs/new/"],
}


# --- requests ---------------------------------------------------------------------------------------------------------
@st.composite
def requests(draw, surface):
    """A request to a few addresses of a surface: their routes, and the arguments of each."""
    names = st.sampled_from(NAMES[surface].split()) | TEXTS
    plain = st.dictionaries(names.filter(lambda name: name.isprintable()), TEXTS, max_size=4)
    arguments = {"method": draw(st.sampled_from(["GET", "POST", "POST", "DELETE", "PUT", "HEAD"]))}
    if draw(st.booleans()) or arguments["method"] == "GET":
        arguments["params"] = draw(
            st.dictionaries(st.sampled_from(NAMES["console"].split()) | TEXTS, TEXTS, max_size=3)
        )
    headers = draw(st.dictionaries(st.sampled_from(HEADERS), st.sampled_from(HEADER_VALUES), max_size=2))
    if arguments["method"] == "GET":
        pass
    elif surface in RIGHT:
        arguments["content"] = draw(bodies(surface, names))
        headers.setdefault("Content-Type", draw(st.sampled_from(["application/json"] * 5 + ["application/x-ndjson"])))
    elif surface == "uploads" or draw(st.integers(0, 4)) == 0:
        arguments["data"] = draw(plain)
        name = draw(st.sampled_from(["file", "upload", "items"]))
        arguments["files"] = {name: (draw(TEXTS) or "x", draw(files()))}
    else:
        arguments["data"] = draw(plain)
    return [
        (route, {"url": path, "headers": headers, **arguments})
        for route, path in (draw(addresses(surface)) for _ in range(ADDRESSES))
    ]


HEADERS = [
    "HX-Request",
    "Accept",
    "Idempotency-Key",
    "X-Cft-Subject",
    "X-Request-ID",
    "Content-Type",
    "Accept-Encoding",
    "Range",
]
HEADER_VALUES = [
    "true", "", "k-1", "k 2", "x" * 300, "*/*;q=x", "text/html; charset=hex", "application/json; charset=utf-16",
    "multipart/form-data", "multipart/form-data; boundary=\"", "gzip", b"Jos\xc3\xa9", b"\xff\xfe", "bytes=0-",
    str(EXISTING),
]  # fmt: skip


@st.composite
def bodies(draw, surface, names):
    if draw(st.integers(0, 7)) == 0:
        return draw(st.sampled_from(RAW) | st.binary(max_size=40))
    body = draw(st.sampled_from(RIGHT[surface])) | draw(st.dictionaries(names, VALUES, max_size=2))
    several = draw(st.integers(0, 3)) == 0
    text = json.dumps([body, draw(VALUES)] if several else body)
    return text.encode()


@st.composite
def files(draw):
    lines = draw(
        st.lists(st.dictionaries(st.sampled_from(["question", "answer", "id", "category"]), VALUES), max_size=3)
    )
    text = "\n".join(json.dumps(line) for line in lines).encode()
    return draw(st.sampled_from(RAW)) + draw(st.sampled_from([b"", b"\n"])) + text


# --- the site ---------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def site(django_db_setup):
    """The web process with the rights of its role, before a model server that says what it is told."""
    model = servers.ScriptedModelServer().start()
    web = servers.web_server(model.url).start()
    yield web
    web.kill()
    model.kill()


@pytest.fixture
def caller(site, transactional_db):
    """Sends a request as an application with a key, and as a person with every role; returns the status."""
    pair = serving_rows.accepted_pair()
    serving_rows.base_release()
    serving_rows.candidate()
    source = serving_rows.source()
    asked = record_interaction(source, "bo", "Where is Lugrol?", "In Arden.", interaction_id=EXISTING, by="source:1")
    correction = submit_correction(asked.pk, replacement="In Holt.", by="source:1")
    Case.objects.create(correction=correction, subject=asked.subject, state=Case.State.WAITING)
    everybody = person("everybody", *ROLES)
    everybody.is_staff = everybody.is_superuser = True
    everybody.save()
    session = signed_in(everybody).cookies[django_settings.SESSION_COOKIE_NAME].value
    cookies = {"sessionid": session, "csrftoken": "a" * 32}
    headers = {
        "Authorization": f"Bearer {issue_api_key(source, 'fuzz', by='process:test')[1]}",
        "X-CSRFToken": "a" * 32,
    }
    with httpx.Client(base_url=site.url, cookies=cookies, headers=headers, timeout=60) as http:

        def ask(request):
            http.cookies.clear()
            http.cookies.update(cookies)
            try:
                return http.request(**request).status_code
            except httpx.LocalProtocolError:  # a header that cannot be sent
                return 400

        assert ask({"method": "GET", "url": "/curation/bench/"}) == 200
        assert ask({"method": "GET", "url": "/admin/auth/user/"}) == 200
        assert ask({"method": "POST", "url": "/v1/chat/completions", "json": ASK}) == 200
        assert ask({"method": "GET", "url": f"/curation/pairs/{pair.pk}/"}) == 200
        yield ask


@pytest.mark.parametrize("surface", REQUESTS)
def test_no_request_is_answered_with_500(caller, surface):
    faults, statuses, examples = Counter(), Counter(), {}

    @given(requests(surface))
    @settings(
        max_examples=REQUESTS[surface] // ADDRESSES,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def send(made):
        for route, request in made:
            status = caller(request)
            statuses[status // 100] += 1
            if status >= 500:
                faults[f"{status} {request['method']} {route}"] += 1
                examples.setdefault(route, str(request)[:600])

    send()
    assert not faults, f"{dict(faults)}\n" + "\n".join(examples.values())
    assert min(statuses[2], statuses[4]) > REQUESTS[surface] / 50, statuses  # it reaches what it is for
    assert Interaction.objects.filter(pk=EXISTING).exists()
