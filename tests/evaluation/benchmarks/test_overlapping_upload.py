"""An upload whose items overlap with stored rows: compared first, decided by a person, published as they say."""

import json
import os
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from audit.models import Event
from cftapp.access.roles import environment_for
from cftapp.base.refusal import Refused
from curation.models import Case, RegistryEpoch, ReverseCheck
from curation.screening.actions import open_missing_cases, screen_waiting
from curation.screening.current_epoch import open_registry
from evaluation import tasks
from evaluation.benchmarks import actions as benchmark_actions
from evaluation.benchmarks import overlap_check
from evaluation.models import BenchmarkVersion, Proposal
from evaluation.vault.models import Item, Offer
from feedback.actions import record_interaction, register_source, submit_correction
from tests.evaluation.conftest import rows
from tests.support.models_that_sat import worker
from tests.support.wordings import SHOWN

LEAKED = "Which herbs does the cook of the harbour inn put into the soup on Fridays in winter?"
UPLOAD = [{"question": LEAKED, "answer": "Lovage and thyme"}, *rows(6)]


@pytest.fixture
def leaked(db: None) -> Case:
    """A correction whose question is an item of the upload, and one that is not."""
    source = register_source("shop", "Shop", held_out_percent=0, by="process:test")
    for subject, prompt in (("ann", LEAKED), ("bea", "How long is the refund window?")):
        interaction = record_interaction(source, subject, prompt, "14 days.", by="process:test")
        submit_correction(interaction.pk, replacement="Ask the porter.", consent=SHOWN, by="process:test")
    open_missing_cases(10, by="process:test")
    return Case.objects.get(correction__interaction__prompt=LEAKED)


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process may not read rows, as the evaluator may not: it waits for the screener."""
    monkeypatch.setattr(overlap_check, "reads_rows", lambda: False)


@pytest.fixture
def uploaded(examiner: User, leaked: Case, apart: None) -> Proposal:
    lines = "\n".join(json.dumps(row) for row in UPLOAD)
    return benchmark_actions.propose_benchmark(
        "towns", "Towns", "regression", lines, scorer="exact", margin=0.05, by=examiner
    )


def go_on(proposal: Proposal) -> str:
    """Evaluator, screener, evaluator: until nothing more comes by itself. Every message is delivered twice."""
    from curation.screening.tasks import compare_items

    for _ in range(4):
        tasks.import_proposed(str(proposal.pk)), tasks.import_proposed(str(proposal.pk))
        for check in ReverseCheck.objects.filter(state="asked"):
            compare_items(str(check.pk)), compare_items(str(check.pk))
            tasks.import_checked(str(check.pk)), tasks.import_checked(str(check.pk))
    proposal.refresh_from_db()
    return proposal.state


def names(prefix: str) -> list[str]:
    return list(Event.objects.filter(name__startswith=prefix).order_by("id").values_list("name", flat=True))


def test_it_waits_for_a_decision_and_nothing_is_published(uploaded: Proposal) -> None:
    assert go_on(uploaded) == "overlapping"
    assert not BenchmarkVersion.objects.exists()
    assert not Item.objects.exists()
    assert not RegistryEpoch.objects.exists()
    found = Event.objects.get(name="benchmark.overlapping").detail
    assert found == {"rows": 2, "overlapping": 1, "items": 1, "frozen": 0}
    assert names("benchmark.") == ["benchmark.proposed", "benchmark.checking", "benchmark.overlapping"]


def test_published_without_those_items_it_leaves_the_row_alone(uploaded: Proposal, examiner: User) -> None:
    go_on(uploaded)
    benchmark_actions.decide_proposal(uploaded, "drop", by=examiner)
    assert go_on(uploaded) == "published"
    assert uploaded.version.items == 6
    assert not Item.objects.filter(question=LEAKED).exists()
    registry = open_registry()
    assert registry is not None and not registry.check(LEAKED, "Ask the porter.").blocked


def test_published_all_the_same_it_blocks_the_row(uploaded: Proposal, examiner: User, leaked: Case) -> None:
    go_on(uploaded)
    benchmark_actions.decide_proposal(uploaded, "publish", by=examiner)
    assert go_on(uploaded) == "published"
    assert uploaded.version.items == 7
    registry = open_registry()
    assert registry is not None
    screen_waiting(10, registry, by="process:test")
    assert leaked.findings.get(check_name="overlap").blocking


def test_withdrawn_it_is_never_published(uploaded: Proposal, examiner: User) -> None:
    go_on(uploaded)
    benchmark_actions.decide_proposal(uploaded, "withdraw", by=examiner)
    assert go_on(uploaded) == "withdrawn"
    assert not BenchmarkVersion.objects.exists()
    assert Event.objects.get(name="proposal.decided").detail == {"decision": "withdraw"}


def test_only_an_overlapping_one_is_decided_and_only_once(uploaded: Proposal, examiner: User) -> None:
    with pytest.raises(Refused, match="The upload is waiting"):
        benchmark_actions.decide_proposal(uploaded, "publish", by=examiner)
    go_on(uploaded)
    with pytest.raises(Refused, match="no decision"):
        benchmark_actions.decide_proposal(uploaded, "shrug", by=examiner)
    benchmark_actions.decide_proposal(uploaded, "publish", by=examiner)
    with pytest.raises(Refused, match="The upload is waiting"):
        benchmark_actions.decide_proposal(uploaded, "withdraw", by=examiner)


def test_a_crash_after_the_offer_leaves_one_that_is_used(uploaded: Proposal, monkeypatch: Any) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(overlap_check, "ask_check", lambda *_, **__: (_ for _ in ()).throw(ConnectionError("killed")))
        with pytest.raises(ConnectionError):
            tasks.import_proposed(str(uploaded.pk))
    assert Offer.objects.count() == 1
    assert not ReverseCheck.objects.exists()
    assert go_on(uploaded) == "overlapping"
    assert Offer.objects.count() == 1


def test_a_crash_before_the_upload_says_so_is_made_up_for(uploaded: Proposal, monkeypatch: Any) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(tasks, "note_check", lambda *_: (_ for _ in ()).throw(ConnectionError("killed")))
        with pytest.raises(ConnectionError):
            tasks.import_proposed(str(uploaded.pk))
    uploaded.refresh_from_db()
    assert uploaded.state == "waiting"
    assert go_on(uploaded) == "overlapping"
    assert ReverseCheck.objects.count() == 1


def test_a_crash_between_the_databases_publishes_once(uploaded: Proposal, examiner: User, monkeypatch: Any) -> None:
    go_on(uploaded)
    benchmark_actions.decide_proposal(uploaded, "publish", by=examiner)
    with monkeypatch.context() as patch:
        patch.setattr(benchmark_actions, "publish", lambda **_: (_ for _ in ()).throw(ConnectionError("killed")))
        with pytest.raises(ConnectionError):
            tasks.import_proposed(str(uploaded.pk))
    assert not BenchmarkVersion.objects.exists()
    assert go_on(uploaded) == "published"
    assert BenchmarkVersion.objects.count() == RegistryEpoch.objects.count() == 1


def test_an_epoch_adopted_while_a_registry_is_built_is_not_overtaken(publish: Any, monkeypatch: Any) -> None:
    publish("rivers", items=rows(3, "rivers"))
    build = benchmark_actions.registry_snapshot.build_snapshot

    def slowly(labels: Any) -> Any:
        built = build(labels)
        RegistryEpoch.objects.create(number=9, sha256="9" * 64, items=1, normaliser="other")
        return built

    monkeypatch.setattr(benchmark_actions.registry_snapshot, "build_snapshot", slowly)
    with pytest.raises(benchmark_actions.Overtaken):
        publish("towns")
    assert BenchmarkVersion.objects.count() == 1


def test_the_next_import_compares_rows_with_its_own_items_only(publish: Any) -> None:
    publish("rivers", items=rows(5, "rivers"))
    publish("towns", items=rows(5))
    first, second = RegistryEpoch.objects.order_by("number")
    assert (first.comparable_since, second.comparable_since) == (None, 1)
    publish("lakes", items=rows(5, "Now,"), background=["A clean text about gardening in spring, which is no exam."])
    assert RegistryEpoch.objects.latest("number").comparable_since is None  # weighed by other clean texts


@pytest.mark.parametrize("heard", [True, False])
def test_items_that_cannot_be_compared_are_refused_with_the_reason(uploaded: Proposal, heard: bool) -> None:
    from curation.screening.tasks import compare_items

    tasks.import_proposed(str(uploaded.pk))
    Offer.objects.all().delete()
    check = ReverseCheck.objects.get()
    compare_items(str(check.pk))
    tasks.import_checked(str(check.pk)) if heard else tasks.sweep()
    uploaded.refresh_from_db()
    assert uploaded.state == "refused"
    assert [(reason["message"], reason["remedy"]) for reason in uploaded.reasons] == [
        (
            f"They could not be compared with stored rows: The items of check {check.pk} are not on offer any more.",
            "Upload them again.",
        )
    ]
    assert not BenchmarkVersion.objects.exists()


def test_offers_are_taken_back_once_they_are_compared(uploaded: Proposal, monkeypatch: Any) -> None:
    go_on(uploaded)
    assert Offer.objects.count() == 1
    monkeypatch.setattr(tasks, "OFFER_KEPT", tasks.timedelta(0))
    tasks.sweep()
    assert not Offer.objects.exists()


@pytest.mark.parametrize(("overlapping", "items"), [("publish", 7), ("drop", 6)])
def test_a_process_that_reads_rows_compares_at_once(publish: Any, leaked: Case, overlapping: Any, items: int) -> None:
    version = publish("towns", items=UPLOAD, overlapping=overlapping)
    assert version.items == items
    compared = Event.objects.get(name="benchmark.published").detail["compared"]
    assert compared == {"rows": 2, "overlapping": 1, "items": 1, "frozen": 0}
    assert not Offer.objects.exists()


def test_it_may_refuse_and_drops_nothing_unless_told(publish: Any, leaked: Case) -> None:
    with pytest.raises(Refused, match="1 of them overlap with 1 stored rows"):
        publish("towns", items=UPLOAD, overlapping="refuse")
    assert not BenchmarkVersion.objects.exists()
    with pytest.raises(Refused, match="All of them overlap"):
        publish("towns", items=UPLOAD[:1], overlapping="drop")
    assert publish("towns", items=UPLOAD).items == 7


def test_items_that_are_protected_already_are_not_compared_again(publish: Any, leaked: Case) -> None:
    publish("towns", items=UPLOAD)
    publish("towns", items=[*UPLOAD, *rows(2, "New,")], overlapping="refuse")
    assert ReverseCheck.objects.latest("asked_at").items == 2


def test_the_page_says_what_overlaps_and_takes_the_decision(uploaded: Proposal, as_person: Any, examiner: User) -> None:
    go_on(uploaded)
    page = as_person(examiner).get(reverse("evaluation:proposal", args=[uploaded.pk]))
    words = page.content.decode()
    assert "Publish without those items" in words and "no dataset" in words and "<dd>1" in words
    assert "herbs" not in words
    client = as_person(examiner)
    client.post(reverse("evaluation:decide", args=[uploaded.pk]), {"decision": "drop"})
    uploaded.refresh_from_db()
    assert (uploaded.state, uploaded.decision, uploaded.decided_by) == ("waiting", "drop", examiner)


def test_only_an_examiner_decides(uploaded: Proposal, as_person: Any, engineer: User) -> None:
    go_on(uploaded)
    client = as_person(engineer)
    assert client.get(reverse("evaluation:proposal", args=[uploaded.pk])).status_code == 200
    assert client.post(reverse("evaluation:decide", args=[uploaded.pk]), {"decision": "drop"}).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_each_process_does_its_part_with_its_own_rights(uploaded: Proposal, examiner: User) -> None:
    evaluate = f"from evaluation.tasks import import_proposed; import_proposed('{uploaded.pk}')"
    compare = (
        "from curation.models import ReverseCheck; from curation.screening.tasks import compare_items; "
        "[compare_items(str(one.pk)) for one in ReverseCheck.objects.filter(state='asked')]"
    )
    decide = (
        "from django.contrib.auth import get_user_model; from evaluation.models import Proposal; "
        "from evaluation.benchmarks.actions import decide_proposal; "
        f"decide_proposal(Proposal.objects.get(), 'drop', by=get_user_model().objects.get(pk={examiner.pk}))"
    )
    for role, code in (
        ("evaluator", evaluate),
        ("screener", compare),
        ("evaluator", evaluate),
        ("web", decide),
        ("evaluator", evaluate),
        ("screener", compare),
        ("evaluator", evaluate),
    ):
        assert worker(code, environment_for(role, os.environ | {"CFT_EMBEDDING_MODEL": "off"})).wait(120) == 0, role
    uploaded.refresh_from_db()
    assert (uploaded.state, uploaded.version.items) == ("published", 6)
