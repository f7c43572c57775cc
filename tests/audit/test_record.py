"""An event belongs to the transaction of its change."""

import json

import pytest
import rfc8785
from django.db import transaction

from audit.actions import Announcement, _subscribers, record, subscribe
from audit.models import Event

pytestmark = pytest.mark.django_db


def test_it_stores_the_canonical_bytes_and_the_edges() -> None:
    with transaction.atomic():
        event_id = record(
            "pair.accepted", by="process:test", used=[("case", 7)], generated=[("pair", "p1")], detail={"n": 1}
        )
    event = Event.objects.get(pk=event_id)
    body = json.loads(bytes(event.body))
    assert bytes(event.body) == rfc8785.dumps(body)
    assert body["used"] == [["case", "7"]]
    assert {(e.relation, e.kind, e.object_id) for e in event.edges.all()} == {
        ("used", "case", "7"),
        ("generated", "pair", "p1"),
    }
    assert (event.name, event.actor, event.detail) == ("pair.accepted", "process:test", {"n": 1})


@pytest.mark.django_db(transaction=True)
def test_it_refuses_to_record_outside_a_transaction() -> None:
    with pytest.raises(RuntimeError, match="needs the transaction"):
        record("pair.accepted", by="process:test")


@pytest.mark.django_db(transaction=True)
def test_it_is_undone_with_its_change_and_then_not_announced() -> None:
    heard: list[Announcement] = []
    subscribe(heard.append)
    try:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            record("pair.accepted", by="process:test")
            raise ZeroDivisionError
        assert not Event.objects.filter(name="pair.accepted").exists()
        assert heard == []
        with transaction.atomic():
            record("pair.accepted", by="process:test", generated=[("pair", 3)])
            assert heard == []
        assert [event.about("pair") for event in heard] == [["3"]]
    finally:
        _subscribers.remove(heard.append)
