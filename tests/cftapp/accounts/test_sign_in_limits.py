"""Guessing ends: for an account, for an address, for whoever is behind a proxy; and its holder is not locked out."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.cache import cache
from django.db import connections
from django.test import Client

from cftapp.accounts import limits
from cftapp.accounts.models import Attempt
from cftapp.tasks import forget_attempts
from tests.cftapp.accounts.conftest import PASSWORD, sign_in

pytestmark = pytest.mark.django_db(transaction=True)

HOME, ELSEWHERE = "192.0.2.1", "198.51.100.7"


def fail(name, times=1, address=ELSEWHERE, browser=None, **more):
    """The last reply to so many wrong passwords."""
    browser = browser or Client()
    replies = [sign_in(browser, name, f"wrong-{n}", REMOTE_ADDR=address, **more) for n in range(times)]
    assert {reply.status_code for reply in replies[:-1]} <= {200, 429}
    return replies[-1]


def test_an_account_is_tried_ten_times(web):
    assert fail("rosa", limits.PER_ACCOUNT).status_code == 200
    late = sign_in(Client(), "rosa", PASSWORD, REMOTE_ADDR=HOME)
    assert late.status_code == 429 and 0 < int(late["Retry-After"]) <= 900
    page = late.content.decode()
    assert "Too many tries" in page and "Try again in 15 minutes" in page
    assert sign_in(Client(), "otto", REMOTE_ADDR=HOME).status_code == 302


@pytest.mark.parametrize("spelling", ["ROSA", " rosa ", "\uff52osa"])
def test_another_spelling_is_the_same_account(web, spelling):
    fail(spelling, limits.PER_ACCOUNT)
    assert sign_in(Client(), "rosa").status_code == 429


def test_who_there_is_cannot_be_told_from_who_there_is_not(web):
    known, unknown = ([fail(name, times) for times in (1, limits.PER_ACCOUNT)] for name in ("rosa", "nobody"))
    for one, other in zip(known, unknown, strict=True):
        said = [reply.content.decode().replace("rosa", "nobody") for reply in (one, other)]
        assert one.status_code == other.status_code
        assert [text.split("csrf")[0] for text in said][0] == [text.split("csrf")[0] for text in said][1]


def test_an_address_is_tried_fifty_times_whatever_the_name(web):
    for number in range(limits.PER_ADDRESS):
        assert fail(f"name-{number}").status_code == 200
    assert sign_in(Client(), "rosa", REMOTE_ADDR=ELSEWHERE).status_code == 429
    assert sign_in(Client(), "rosa", REMOTE_ADDR=HOME).status_code == 302


def test_an_address_that_is_stopped_locks_no_more_accounts(web):
    for number in range(limits.PER_ADDRESS):
        fail(f"name-{number}")
    fail("rosa", limits.PER_ACCOUNT)
    assert sign_in(Client(), "rosa", REMOTE_ADDR=HOME).status_code == 302


def test_tries_at_the_same_time_are_counted_one_by_one(web):
    def one(_):
        try:
            return sign_in(Client(), "rosa", "wrong").status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(one, range(24)))
    assert codes.count(200) == limits.PER_ACCOUNT and codes.count(429) == 24 - limits.PER_ACCOUNT


def test_signing_in_forgets_the_account_s_failures_and_none_of_the_address(web):
    fail("rosa", limits.PER_ACCOUNT - 1, HOME)
    assert sign_in(Client(), "rosa", REMOTE_ADDR=HOME).status_code == 302
    fail("rosa", limits.PER_ACCOUNT - 1, HOME)
    assert sign_in(Client(), "rosa", REMOTE_ADDR=HOME).status_code == 302
    assert {one.failures for one in Attempt.objects.all()} == {2 * (limits.PER_ACCOUNT - 1)}


def test_a_stranger_does_not_lock_the_holder_s_own_browser(web):
    mine = Client()
    assert sign_in(mine, "rosa", REMOTE_ADDR=HOME).status_code == 302
    mine.post("/accounts/logout/")
    fail("rosa", limits.PER_ACCOUNT)
    assert sign_in(Client(), "rosa", REMOTE_ADDR=HOME).status_code == 429
    assert sign_in(mine, "rosa", REMOTE_ADDR=HOME).status_code == 302


def test_nor_do_many_behind_one_address(web):
    mine = Client()
    sign_in(mine, "rosa", REMOTE_ADDR=HOME)
    mine.post("/accounts/logout/")
    for number in range(limits.PER_ADDRESS):
        fail(f"name-{number}", address=HOME)
    assert sign_in(Client(), "otto", REMOTE_ADDR=HOME).status_code == 429
    assert sign_in(mine, "rosa", REMOTE_ADDR=HOME).status_code == 302


def test_a_known_browser_is_limited_too_and_only_known_to_its_account(web):
    mine = Client()
    sign_in(mine, "rosa", REMOTE_ADDR=HOME)
    mine.post("/accounts/logout/")
    assert fail("rosa", limits.PER_ACCOUNT, HOME, mine).status_code == 200
    assert sign_in(mine, "rosa", REMOTE_ADDR=HOME).status_code == 429
    fail("otto", limits.PER_ACCOUNT)
    assert sign_in(mine, "otto", REMOTE_ADDR=HOME).status_code == 429
    assert mine.cookies[limits.KNOWN]["httponly"] and mine.cookies[limits.KNOWN]["samesite"] == "Lax"


@pytest.mark.parametrize("cookie", ["", "x", "WzEsIngiXQ:1abcde:sig", "\u00e9"])
def test_a_cookie_of_one_s_own_making_counts_for_nothing(web, cookie):
    browser = Client()
    browser.cookies[limits.KNOWN] = cookie
    fail("rosa", limits.PER_ACCOUNT)
    assert sign_in(browser, "rosa").status_code == 429


# --- where a request comes from ---
def test_nobody_says_themselves_where_they_come_from(web):
    for number in range(limits.PER_ADDRESS):
        fail(f"name-{number}", headers={"X-Forwarded-For": f"203.0.113.{number}"})
    assert sign_in(Client(), "rosa", REMOTE_ADDR=ELSEWHERE, headers={"X-Forwarded-For": HOME}).status_code == 429


def test_behind_a_proxy_its_last_word_counts(web, settings):
    settings.CFT_BEHIND_PROXY = True
    for number in range(limits.PER_ADDRESS):
        fail(f"name-{number}", address="10.0.0.1", headers={"X-Forwarded-For": f"203.0.113.{number}, {ELSEWHERE}"})
    for forwarded, status in ((f"{HOME}, {ELSEWHERE}", 429), (f"{ELSEWHERE}, {HOME}", 302), ("nonsense", 302)):
        reply = sign_in(Client(), "rosa", REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": forwarded})
        assert reply.status_code == status


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_what_counts_as_one_address(rf, address, counted):
    assert limits.address_of(rf.get("/", REMOTE_ADDR=address)) == counted


@pytest.mark.parametrize(
    ("said", "counted"),
    [
        ("192.0.2.1:4711", "192.0.2.1"),
        ("[2001:db8:1:2::5]:4711", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::5", "2001:db8:1:2::/64"),
        ("192.0.2.9, 192.0.2.1", "192.0.2.1"),
        ("unknown", "10.0.0.1"),
        ("", "10.0.0.1"),
    ],
)
def test_as_proxies_write_it(rf, settings, said, counted):
    settings.CFT_BEHIND_PROXY = True
    assert limits.address_of(rf.get("/", REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": said})) == counted


# --- where it is counted ---
def test_a_flushed_cache_forgets_nothing(web):
    fail("rosa", limits.PER_ACCOUNT)
    cache.clear()
    assert sign_in(Client(), "rosa").status_code == 429


def test_nothing_that_was_typed_is_kept(web):
    fail("my password by mistake")
    kept = str(list(Attempt.objects.values()))
    assert "mistake" not in kept and ELSEWHERE not in kept


def test_counts_end_after_a_quarter_of_an_hour(web):
    fail("rosa", limits.PER_ACCOUNT)
    Attempt.objects.update(since=Attempt.objects.values_list("since", flat=True)[0] - limits.WINDOW)
    assert sign_in(Client(), "rosa").status_code == 302


def test_the_curator_clears_what_has_ended(company, connect_as):
    fail("rosa")
    assert forget_attempts() == 0
    curator = connect_as("curator")
    assert curator.execute("DELETE FROM accounts_attempt WHERE since < now()").rowcount == 2


def test_the_back_office_is_no_second_door(web):
    reply = Client().post("/admin/login/", {"username": "ada", "password": PASSWORD})
    assert reply.status_code == 302 and reply["Location"].startswith("/accounts/login/")
