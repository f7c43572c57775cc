"""The pages of batches: who may queue, what is shown while it is worked on and after."""

import json

import pytest

from curation.batches import actions as batch_actions
from curation.batches import work as batch_work
from curation.models import BatchScreening
from tests.curation.conftest import EXAM, TEST, publish
from tests.support.people import signed_in

LIST, QUEUE = "/curation/batches/", "/curation/batches/queue/"
FILES = {"input_name": "rows.jsonl", "output_name": "report.parquet"}


@pytest.fixture
def batch(vault):
    """Four rows, one of them a leak, in two ranges; planned."""
    publish(1)
    batch_work.folder().mkdir()
    texts = ["Tea", EXAM[0][2], "Toast", "Talk"]
    content = "".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate(texts))
    (batch_work.folder() / "rows.jsonl").write_text(content)
    queued = batch_actions.queue_batch(**FILES, range_rows=2, by=TEST)
    batch_work.work(batch_work.next_part(queued.pk), by=TEST)
    return queued


def test_an_engineer_queues_a_file(erin, events):
    events()
    answer = signed_in(erin).post(QUEUE, FILES, follow=True)
    assert "Batch" in answer.content.decode() and "rows.jsonl" in answer.content.decode()
    assert events() == ["batch.queued"]


def test_an_engineer_chooses_columns_and_is_told_what_was_not_read(erin, vault):
    publish(1)
    batch_work.folder().mkdir()
    record = {"id": 1, "prompt": "Tea", "notes": EXAM[0][2], "link": "https://example.org/"}
    (batch_work.folder() / "rows.jsonl").write_text(json.dumps(record))
    client = signed_in(erin)
    client.post(QUEUE, FILES | {"columns": " prompt, ", "left_out": "link"})
    batch = BatchScreening.objects.get()
    assert (batch.columns, batch.left_out) == (["prompt"], ["link"])
    while part := batch_work.next_part(batch.pk):
        batch_work.work(part, by=TEST)
    page = " ".join(client.get(f"{LIST}{batch.pk}/").content.decode().split())
    assert "“Clean” says nothing about notes:" in page
    assert "prompt, without link" in page
    assert "<code>notes</code> (1 row)" in page and "<code>link</code> (1 row)" in page


def test_a_column_that_cannot_be_is_told_beside_its_field(erin):
    answer = signed_in(erin).post(QUEUE, FILES | {"columns": "x" * 201})
    assert answer.status_code == 422 and "longer than 200 characters" in answer.content.decode()


def test_a_reviewer_sees_batches_and_queues_none(rosa):
    client = signed_in(rosa)
    assert "No batch yet" in client.get(LIST).content.decode()
    assert "Screen a file" not in client.get(LIST).content.decode()
    assert client.post(QUEUE, FILES).status_code == 403


def test_somebody_without_a_role_sees_none(otto):
    assert signed_in(otto).get(LIST).status_code == 403


def test_queueing_takes_a_post(erin):
    assert signed_in(erin).get(QUEUE).status_code == 405


def test_a_name_that_leads_elsewhere_is_told_beside_its_field(erin):
    answer = signed_in(erin).post(QUEUE, FILES | {"input_name": "../secrets.jsonl"})
    assert answer.status_code == 422
    assert "is no file below CFT_VAR/batches" in answer.content.decode()


def test_two_batches_do_not_write_one_file(erin):
    client = signed_in(erin)
    assert client.post(QUEUE, FILES).status_code == 302
    again = client.post(QUEUE, FILES)
    assert again.status_code == 409
    assert f"A batch that has not ended writes {FILES['output_name']}." in again.content.decode()


def test_the_page_follows_a_batch_to_its_end(erin, batch):
    client = signed_in(erin)
    progress = f"{LIST}{batch.pk}/progress/"
    batch_work.work(batch_work.next_part(batch.pk), by=TEST)

    live = client.get(progress)
    assert live.status_code == 200
    assert '<progress max="4" value="2"' in live.content.decode()
    assert 'hx-trigger="every 2s"' in client.get(f"{LIST}{batch.pk}/").content.decode()

    while part := batch_work.next_part(batch.pk):
        batch_work.work(part, by=TEST)
    over = client.get(progress)
    assert (over.status_code, over["HX-Refresh"]) == (286, "true")
    page = client.get(f"{LIST}{batch.pk}/").content.decode()
    assert "hx-trigger" not in page.split("</header>")[-1]
    assert "Blocked rows by method" in page and "25.00" in page


def test_a_failed_batch_says_why(erin, batch):
    batch_actions.fail_batch(batch.pk, "rows.jsonl, line 3: <b>bad</b>", by=TEST)
    page = signed_in(erin).get(f"{LIST}{batch.pk}/").content.decode()
    assert "line 3: &lt;b&gt;bad&lt;/b&gt;" in page
    assert "not written" in page


def test_a_page_of_batches_takes_few_queries(erin, batch, django_assert_max_num_queries):
    for n in range(30):
        batch_actions.queue_batch("rows.jsonl", f"{n}.jsonl", by=erin)
    client = signed_in(erin)
    client.get(LIST)
    with django_assert_max_num_queries(12):
        assert "Batch" in client.get(LIST).content.decode()
