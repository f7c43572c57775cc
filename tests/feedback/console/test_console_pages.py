"""The console's pages: who may open them, what they show, what they cost."""

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils.timezone import now
from redis.exceptions import RedisError

from curation.models import Case
from feedback.actions import grant_consent, record_interaction, register_source, submit_bug_report, submit_comment
from feedback.models import ApiKey, ConsentEntry, Source, Subject
from tests.support.people import person, signed_in
from tests.support.wordings import SHOWN

PAGES = {
    "/feedback/": {"rosa": 200, "carl": 200, "ada": 200, "otto": 403},
    "/feedback/sources/": {"rosa": 403, "carl": 403, "ada": 200, "otto": 403},
    "/feedback/consent/": {"rosa": 403, "carl": 200, "ada": 403, "otto": 403},
}


@pytest.mark.parametrize("url", PAGES)
def test_who_may_open_it(url, rosa, carl, ada, outsider):
    assert Client().get(url).status_code == 302
    statuses = {user.username: signed_in(user).get(url).status_code for user in (rosa, carl, ada, outsider)}
    assert statuses == PAGES[url]


# --- all feedback ---
@pytest.fixture
def much_feedback(shop, exam):
    for n in range(60):
        interaction = record_interaction(shop, f"u-{n}", "p", "a", by="process:test")
        submit_comment(interaction.pk, rating="bad", text=f"comment {n}", by="process:test")
    submit_bug_report(interaction.pk, what_happened="it hung", by="process:test")
    held_out = record_interaction(exam, "u-1", "p", "a", by="process:test")
    submit_bug_report(held_out.pk, what_happened="it hung too", by="process:test")


def test_pages_by_kind_and_lane(much_feedback, rosa):
    client = signed_in(rosa)
    first = client.get("/feedback/?kind=comment").content.decode()
    assert "bad · comment 59" in first and "bad · comment 9<" not in first
    older = client.get("/feedback/?kind=comment&before=" + first.split("before=")[1].split('"')[0]).content.decode()
    assert "bad · comment 9<" in older and "comment 59" not in older
    assert "it hung" not in first
    held_out = client.get("/feedback/?lane=held_out").content.decode()
    assert "in the vault" in held_out and "it hung" not in held_out
    assert "Bug 2" in held_out and "Comment 60" in held_out  # the counts are those of all feedback


def test_it_takes_few_queries_and_little_weight(much_feedback, rosa, django_assert_max_num_queries):
    client = signed_in(rosa)
    client.get("/feedback/")
    with django_assert_max_num_queries(12):
        page = client.get("/feedback/")
    assert len(page.content) < 60_000


@pytest.mark.parametrize("query", ["?before=nonsense", "?kind=thumbs&lane=bike", "?before=" + "0" * 32])
def test_a_strange_query_shows_everything(much_feedback, rosa, query):
    assert "it hung" in signed_in(rosa).get(f"/feedback/{query}").content.decode()


def test_a_row_leads_to_its_open_case(shop, rosa, carl):
    interaction = record_interaction(shop, "u-1", "p", "a", by="process:test")
    report = submit_bug_report(interaction.pk, what_happened="it hung", by="process:test")
    case = Case.objects.create(bug_report=report, subject=interaction.subject)
    assert "?case=" not in signed_in(rosa).get("/feedback/").content.decode()  # it waits for screening
    Case.objects.filter(pk=case.pk).update(state="open", screened_at=now(), screened_epoch=1)
    assert f'href="/curation/bench/?case={case.pk}"' in signed_in(rosa).get("/feedback/").content.decode()
    assert "?case=" not in signed_in(carl).get("/feedback/").content.decode()  # the bench would refuse


def test_an_empty_list_says_what_to_do(rosa):
    assert "Open the playground" in signed_in(rosa).get("/feedback/").content.decode()


# --- sources and keys ---
def test_a_source_is_registered(ada, event_names):
    form = {
        "name": "forum",
        "title": "Forum",
        "subject_kind": "user",
        "environment": "staging",
        "held_out_percent": "12.5",
    }
    client = signed_in(ada)
    assert client.post("/feedback/sources/", form).status_code == 302
    source = Source.objects.get(name="forum")
    assert (str(source.held_out_percent), source.environment) == ("12.50", "staging")
    assert event_names() == ["source.created"]
    again = client.post("/feedback/sources/", form)
    assert again.status_code == 422 and "already" in again.content.decode()


def test_a_source_and_a_key_may_be_of_one_tenant(ada, shop, event_names):
    client = signed_in(ada)
    form = {"name": "acme-desk", "title": "Acme desk", "subject_kind": "user", "environment": "production"}
    assert client.post("/feedback/sources/", form | {"held_out_percent": "10", "tenant": "acme"}).status_code == 302
    client.post(f"/feedback/sources/{shop.pk}/keys/", {"label": "checkout", "tenant": "bolt"})
    assert event_names()[-2:] == ["source.created", "api_key.issued"]
    assert ApiKey.objects.get().tenant == "bolt" and Source.objects.get(name="acme-desk").tenant == "acme"
    page = client.get("/feedback/sources/").content.decode()
    assert "for bolt only" in page and "all for the tenant <code>acme</code>" in page


@pytest.mark.parametrize("tenant", ["not a slug", "x" * 61])
def test_a_tenant_that_is_no_name_is_refused(ada, shop, tenant):
    page = signed_in(ada).post(f"/feedback/sources/{shop.pk}/keys/", {"label": "a", "tenant": tenant}, follow=True)
    assert "Name the tenant" in page.content.decode() and not ApiKey.objects.exists()


def test_a_key_for_another_tenant_than_the_sources_is_refused(ada):
    brand = register_source("brand", "Brand", tenant="acme", by="process:test")
    form = {"label": "a", "tenant": "bolt"}
    page = signed_in(ada).post(f"/feedback/sources/{brand.pk}/keys/", form, follow=True)
    assert "is a source of acme" in page.content.decode() and not ApiKey.objects.exists()


def test_a_token_is_shown_once_and_only_its_hash_is_kept(ada, shop, default_database_text, event_names):
    client = signed_in(ada)
    issued = client.post(f"/feedback/sources/{shop.pk}/keys/", {"label": "checkout"})
    assert issued.status_code == 302
    page = client.get(issued.url)
    token = page.content.decode().split("<code>cft_")[1].split("<")[0]
    assert page.status_code == 200 and "no-store" in page.headers["Cache-Control"]
    assert ApiKey.objects.matching(f"cft_{token}").source == shop
    assert token not in default_database_text()
    assert f"cft_{token}" not in client.get("/feedback/sources/").content.decode()
    assert event_names().count("api_key.issued") == 1


def test_a_token_waits_for_its_issuer_alone_and_sealed(ada, shop):
    client = signed_in(ada)
    client.post(f"/feedback/sources/{shop.pk}/keys/", {"label": "checkout"})
    assert "hash token" not in signed_in(person("anna", "admin")).get("/feedback/sources/").content.decode()
    assert "cft_" not in cache.get(f"feedback:token:{ada.pk}")
    assert "hash token" in client.get("/feedback/sources/").content.decode()


def test_a_token_that_cannot_wait_is_shown_at_once(ada, shop, monkeypatch):
    def broken(*_: object) -> None:
        raise RedisError("no cache")

    monkeypatch.setattr(cache, "set", broken)
    page = signed_in(ada).post(f"/feedback/sources/{shop.pk}/keys/", {"label": "checkout"})
    assert page.status_code == 200 and "shown this once" in page.content.decode()


@pytest.mark.parametrize(("label", "message"), [("", "Say what the key is for."), ("x" * 81, "at most 80 characters")])
def test_a_label_that_does_not_fit_is_refused_by_name(ada, shop, label, message):
    page = signed_in(ada).post(f"/feedback/sources/{shop.pk}/keys/", {"label": label}, follow=True)
    assert message in page.content.decode()
    assert not ApiKey.objects.exists()


def test_a_key_is_revoked(ada, application, event_names):
    client = signed_in(ada)
    client.post(f"/feedback/keys/{application.key.pk}/revoke/")
    assert ApiKey.objects.matching(application.token) is None
    before = event_names()
    assert before[-1] == "api_key.revoked"
    page = client.post(f"/feedback/keys/{application.key.pk}/revoke/", follow=True)
    assert "was revoked before" in page.content.decode()
    assert event_names() == before


@pytest.mark.parametrize("path", ["sources/1/keys/", "keys/1/revoke/"])
def test_keys_are_the_admins(rosa, carl, path):
    assert signed_in(rosa).post(f"/feedback/{path}").status_code == 403
    assert signed_in(carl).post(f"/feedback/{path}").status_code == 403
    assert Client().post(f"/feedback/{path}").status_code == 302


# --- the ledger ---
@pytest.fixture
def subject(shop) -> Subject:
    return record_interaction(shop, "u-1", "p", "a", by="process:test").subject


def test_a_subject_is_found_by_the_beginning_of_its_label(carl, subject):
    client = signed_in(carl)
    for query in (subject.label, subject.label[:5], subject.label.upper()):
        assert subject.label in client.get("/feedback/consent/", {"q": query}).content.decode()
    assert "No such subject" in client.get("/feedback/consent/", {"q": "s-zzzz"}).content.decode()


def test_a_grant_and_a_withdrawal_are_recorded_on_request(carl, subject):
    client = signed_in(carl)
    form = {"wording_version": SHOWN, "legal_basis": "consent", "expires_at": ""}
    page = client.post(f"/feedback/consent/{subject.pk}/grant/", form, follow=True)
    assert "Recorded" in page.content.decode() and "Models may be trained" in page.content.decode()
    assert Subject.objects.consented().get() == subject
    client.post(f"/feedback/consent/{subject.pk}/withdraw/")
    assert not Subject.objects.consented().exists()
    entry = ConsentEntry.objects.latest("id")
    assert entry.recorded_by == f"user:{carl.pk}"


def test_a_grant_that_is_past_is_refused_with_the_reason(carl, subject):
    form = {"wording_version": SHOWN, "legal_basis": "consent", "expires_at": "2020-01-01T00:00"}
    page = signed_in(carl).post(f"/feedback/consent/{subject.pk}/grant/", form, follow=True)
    assert "is past" in page.content.decode()
    assert not ConsentEntry.objects.exists()


def test_the_ledger_is_listed(carl, subject):
    grant_consent(subject, wording_version=SHOWN, by="visitor")
    page = signed_in(carl).get("/feedback/consent/").content.decode()
    assert "Models may be trained" in page and subject.label in page
