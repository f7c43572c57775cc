"""Publishing: what is refused, what is protected afterwards, and what a crash leaves behind."""

import pytest
from django.db import DatabaseError, connections, transaction

from audit.models import Event
from cftapp.base.refusal import Refused
from curation.models import RegistryEpoch
from curation.screening.current_epoch import open_registry
from evaluation.benchmarks import actions as benchmark_actions
from evaluation.gates import actions as gate_actions
from evaluation.models import Benchmark, BenchmarkVersion
from evaluation.vault.models import Item, RegistrySnapshot
from tests.evaluation.conftest import rows

pytestmark = pytest.mark.django_db


def events(name: str) -> list[Event]:
    return list(Event.objects.filter(name=name))


def test_a_version_is_published_with_its_items_in_the_vault(publish, examiner):
    version = publish("towns", items=rows(20))
    assert (str(version), version.items, version.published_by) == ("towns v1", 20, examiner)
    items = Item.objects.filter(version_sha256=version.sha256).order_by("position")
    assert [item.question for item in items] == [row["question"] for row in rows(20)]
    (event,) = events("benchmark.published")
    assert event.detail["sha256"] == version.sha256
    assert rows(20)[0]["question"] not in bytes(event.body).decode()


def test_its_items_are_protected_from_then_on(publish):
    publish("towns", items=rows(20))
    epoch = RegistryEpoch.objects.get()
    registry = open_registry()
    assert (registry.number, len(registry), epoch.sha256) == (
        epoch.number,
        epoch.items,
        RegistrySnapshot.objects.get().sha256,
    )
    assert registry.check(rows(20)[0]["question"], "").benchmark == "towns v1"
    assert registry.check("Where is the key to the shed kept over winter?", "Under the pot.").benchmark == ""


def test_the_next_version_protects_all_benchmarks_and_keeps_the_last(publish):
    publish("rivers", items=rows(5, "rivers"))
    publish("towns", items=rows(20))
    publish("towns", items=rows(20, "Now,"))
    assert BenchmarkVersion.objects.filter(benchmark__name="towns").count() == 2
    registry = open_registry()
    assert registry.number == 3
    assert len(registry) == 45
    assert RegistryEpoch.objects.order_by("-number").first().items == 45


def test_a_version_that_a_gate_pinned_stays_protected(publish, run, engineer):
    first = publish("towns", items=rows(6, "First,"))
    gate_actions.queue_gate(run, by=engineer)
    publish("towns", items=rows(6, "Second,"))
    publish("towns", items=rows(6, "Third,"))
    publish("towns", items=rows(6, "Fourth,"))
    labels = set(open_registry().header["benchmarks"])
    assert labels == {str(first), "towns v3", "towns v4"}


def test_importing_again_changes_nothing(publish):
    first = publish("towns")
    assert publish("towns") == first
    assert len(events("benchmark.published")) == 1
    assert RegistrySnapshot.objects.count() == RegistryEpoch.objects.count() == 1


def test_another_margin_is_another_version_of_the_same_items(publish):
    first, second = publish("towns"), publish("towns", margin=0.1)
    assert (second.number, second.sha256) == (2, first.sha256)
    assert RegistryEpoch.objects.count() == 1


def test_a_crash_between_the_databases_leaves_nothing_that_counts(publish, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(benchmark_actions, "publish", lambda **_: (_ for _ in ()).throw(ConnectionError("killed")))
        with pytest.raises(ConnectionError):
            publish("towns")
    assert Item.objects.exists()
    assert not Benchmark.objects.exists()
    assert not RegistryEpoch.objects.exists()
    assert not events("benchmark.published")

    version = publish("towns")
    assert (version.number, Item.objects.count(), RegistrySnapshot.objects.count()) == (1, 20, 1)
    assert RegistryEpoch.objects.get().number == RegistrySnapshot.objects.get().number


def test_other_items_after_a_crash_do_not_mix_with_what_it_left(publish, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(benchmark_actions, "publish", lambda **_: (_ for _ in ()).throw(ConnectionError("killed")))
        with pytest.raises(ConnectionError):
            publish("towns", items=rows(20))
    version = publish("towns", items=rows(10, "Corrected,"))
    assert Item.objects.filter(version_sha256=version.sha256).count() == 10
    assert len(open_registry()) == 10


@pytest.mark.parametrize(
    ("row", "field", "message"),
    [
        ({"answer": "x"}, "line 2, question", "missing"),
        ({"question": "  ", "answer": "x"}, "line 2, question", "empty"),
        ({"question": "Why?"}, "line 2, answer", "missing"),
        ({"question": "Why?", "answer": 7}, "line 2, answer", "is int"),
        ({"question": "Why?", "answer": "x", "anwser": "y"}, "line 2, anwser", "not a field"),
        ({"question": "Why\x00?", "answer": "x"}, "line 2, question", "NUL"),
        ({"question": "Why \ud800?", "answer": "x"}, "line 2, question", "surrogate"),
        ({"question": "Why?" * 60_000, "answer": "x"}, "line 2, question", "240000 characters"),
        ({"question": rows(1)[0]["question"], "answer": "x"}, "line 2, question", "line 1"),
        ("text", "line 2", "no JSON object"),
    ],
)
def test_a_bad_item_is_refused_by_line_and_field_and_nothing_is_written(publish, row, field, message):
    with pytest.raises(Refused) as refused:
        publish("towns", items=[rows(1)[0], row])
    (blocked,) = refused.value.blockers
    assert blocked.field == field
    assert message in blocked.message
    assert blocked.remedy
    assert not Item.objects.exists()


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"margin": 0}, "margin"),
        ({"margin": float("nan")}, "margin"),
        ({"kind": "other"}, "kind"),
        ({"kind": "safety", "scorer": "exact"}, "scorer"),
        ({"scorer": "refusal"}, "scorer"),
        ({"scorer": "vibes"}, "scorer"),
        ({"name": "no spaces"}, "name"),
        ({"items": [{}] * 30}, "line 1, question"),
    ],
)
def test_bad_facts_are_refused(publish, facts, field):
    with pytest.raises(Refused) as refused:
        publish(**facts)
    assert refused.value.blockers[0].field == field
    assert len(refused.value.blockers) <= 21


def test_a_benchmark_keeps_its_kind(publish):
    publish("towns", "regression")
    with pytest.raises(Refused, match="regression benchmark"):
        publish("towns", "business")


@pytest.mark.parametrize(
    ("alias", "statement"),
    [
        ("default", "UPDATE evaluation_benchmarkversion SET margin = 0.9"),
        ("default", "DELETE FROM evaluation_benchmarkversion"),
        ("default", "TRUNCATE evaluation_benchmarkversion CASCADE"),
        ("default", "UPDATE evaluation_benchmark SET kind = 'safety'"),
        ("vault", "UPDATE vault_item SET answer = 'easy'"),
        ("vault", "DELETE FROM vault_item"),
        ("vault", "TRUNCATE vault_item CASCADE"),
        ("vault", "UPDATE vault_registrysnapshot SET content = ''"),
        ("vault", "DELETE FROM vault_referencetext"),
    ],
)
def test_postgresql_refuses_to_change_what_was_published(publish, alias, statement):
    publish("towns", background=["A clean text that is no exam."])
    with pytest.raises(DatabaseError, match="is refused"), transaction.atomic(using=alias):
        connections[alias].cursor().execute(f"SET CONSTRAINTS ALL IMMEDIATE; {statement}")


def test_an_items_id_tells_nothing_of_its_words(publish):
    first = publish("towns", items=rows(3))
    ids = list(Item.objects.order_by("pk").values_list("pk", flat=True))
    assert {id_.version for id_ in ids} == {4}  # random, not made from a hash that a guess could be compared with
    publish("towns", items=rows(3), margin=0.1)
    again = Item.objects.filter(version_sha256=first.sha256).order_by("pk")
    assert list(again.values_list("pk", flat=True)) == ids
