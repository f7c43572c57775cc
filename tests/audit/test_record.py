"""An event belongs to the transaction of its change."""

import json

import pytest
import rfc8785
from django.db import transaction

from audit.actions import Announcement, _subscribers, record, subscribe
from audit.models import Event
from audit.vocabulary import UndeclaredEvent

pytestmark = pytest.mark.django_db


def test_it_stores_the_canonical_bytes_and_the_edges() -> None:
    with transaction.atomic():
        event_id = record(
            "case.decided", by="process:test", used=[("case", 7)], generated=[("pair", "p1")], detail={"n": 1}
        )
    event = Event.objects.get(pk=event_id)
    body = json.loads(bytes(event.body))
    assert bytes(event.body) == rfc8785.dumps(body)
    assert body["used"] == [["case", "7"]]
    assert {(e.relation, e.kind, e.object_id) for e in event.edges.all()} == {
        ("used", "case", "7"),
        ("generated", "pair", "p1"),
    }
    assert (event.name, event.actor, event.detail) == ("case.decided", "process:test", {"n": 1})


@pytest.mark.django_db(transaction=True)
def test_it_refuses_to_record_outside_a_transaction() -> None:
    with pytest.raises(RuntimeError, match="needs the transaction"):
        record("case.decided", by="process:test")


def test_it_refuses_an_event_that_no_app_declares() -> None:
    with pytest.raises(UndeclaredEvent, match="'case.thrown_away': add it to EVENTS"), transaction.atomic():
        record("case.thrown_away", by="process:test")
    assert not Event.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_it_is_undone_with_its_change_and_then_not_announced() -> None:
    heard: list[Announcement] = []
    subscribe(heard.append)
    try:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            record("case.decided", by="process:test")
            raise ZeroDivisionError
        assert not Event.objects.filter(name="case.decided").exists()
        assert heard == []
        with transaction.atomic():
            record("case.decided", by="process:test", generated=[("pair", 3)])
            assert heard == []
        assert [event.about("pair") for event in heard] == [["3"]]
    finally:
        _subscribers.remove(heard.append)
