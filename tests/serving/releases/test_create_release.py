"""A finished run becomes a release, once, under the hash of its model."""

import pytest
from django.db import IntegrityError, InternalError, transaction

from audit.models import Edge, Event
from cftapp.base.refusal import Conflict
from serving.models import Release
from serving.releases.actions import create_release
from tests.support import serving_rows

pytestmark = pytest.mark.django_db


def test_it_is_numbered_after_the_base_and_named_by_its_content():
    serving_rows.base_release()
    first, second = serving_rows.candidate(adapter="1" * 64)[0], serving_rows.candidate(adapter="2" * 64)[0]
    assert [first.number, second.number] == [1, 2]
    assert (first.served_name, str(second)) == ("cft-" + "1" * 16, "v2")


def test_its_event_names_run_adapter_and_gate():
    release, gate = serving_rows.candidate(adapter="1" * 64)
    event = Event.objects.get(name="release.created")
    used = set(Edge.objects.filter(event=event, relation="used").values_list("kind", "object_id"))
    assert used == {("run", str(release.run_id)), ("adapter", "1" * 64), ("gate", str(gate.pk))}
    assert list(Edge.objects.filter(event=event, relation="generated").values_list("object_id", flat=True)) == [
        str(release.pk)
    ]


def test_creating_it_again_returns_it_and_records_nothing():
    release, _ = serving_rows.candidate()
    before = Event.objects.count()
    assert create_release(release.run, by="process:curator") == release
    assert (Release.objects.count(), Event.objects.count()) == (1, before)


def test_two_runs_with_the_same_bytes_share_one_release():
    release, _ = serving_rows.candidate(adapter="1" * 64)
    twin = serving_rows.finished_run(adapter="1" * 64)
    assert create_release(twin, by="process:curator") == release


def test_a_run_that_has_not_finished_is_refused():
    with pytest.raises(Conflict, match="is queued") as refused:
        create_release(serving_rows.queued_run(), by="process:curator")
    assert refused.value.blockers[0].field == "run"
    assert not Release.objects.exists()


def test_postgresql_refuses_a_release_that_is_not_its_runs_adapter():
    run = serving_rows.finished_run(adapter="1" * 64)
    with pytest.raises(IntegrityError, match="byte for byte"), transaction.atomic():
        Release.objects.create(number=1, run=run, model_sha256="2" * 64)
    with pytest.raises(IntegrityError, match="byte for byte"), transaction.atomic():
        Release.objects.create(number=1, run=serving_rows.queued_run(), model_sha256="")
    with pytest.raises(IntegrityError, match="release_v0_is_the_base_model"), transaction.atomic():
        Release.objects.create(number=3, model_sha256="3" * 64)


def test_postgresql_refuses_to_change_a_release():
    release, _ = serving_rows.candidate()
    with pytest.raises((IntegrityError, InternalError), match="never changed"), transaction.atomic():
        Release.objects.filter(pk=release.pk).update(model_sha256="9" * 64)
