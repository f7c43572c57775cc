import json

from feedback.models import Comment, ConsentEntry, Correction, Interaction, Subject
from tests.support.wordings import SHOWN


def rows(count: int) -> list[dict[str, object]]:
    return [
        {"kind": "interaction", "subject": f"u-{n}", "prompt": "p", "answer": "a", "external_id": f"x-{n}"}
        for n in range(count)
    ]


def test_a_bad_row_is_refused_alone(application):
    bad = [
        {"kind": "interaction", "subject": "u", "prompt": "", "answer": "a"},
        {"kind": "comment", "external_id": "nobody", "text": "x"},
        {"kind": "thumbs"},
        {"kind": ["correction"]},
        "row",
        None,
        {"kind": "interaction", "prompt": "p", "answer": "a", "replay_of": "0" * 32},
    ]
    reply = application.post("feedback/batch", [*rows(2), *bad]).json()
    assert [r["status"] for r in reply["results"]] == ["recorded"] * 2 + ["refused"] * 7
    assert (reply["recorded"], reply["refused"]) == (2, 7)
    assert all(r["errors"][0]["remedy"] for r in reply["results"][2:])
    assert [r["errors"][0]["field"] for r in reply["results"][2:]] == [
        "prompt", "interaction", "kind", "kind", "body", "body", "replay_of",
    ]  # fmt: skip


def test_feedback_may_follow_its_interaction_in_the_same_batch(application):
    whose = {"external_id": "x-0", "subject": rows(1)[0]["subject"]}
    correction = {"kind": "correction", **whose, "replacement": "b", "consent": SHOWN}
    reply = application.post("feedback/batch", [*rows(1), correction]).json()
    assert reply["recorded"] == 2
    recorded = Correction.objects.get(pk=reply["results"][1]["id"])
    assert str(recorded.interaction_id) == reply["results"][0]["id"]
    assert Subject.objects.consented().count() == ConsentEntry.objects.count() == 1


def test_one_event_covers_all_rows(application, event_names):
    before = len(event_names())
    application.post("feedback/batch", rows(50))
    comments = [{"kind": "comment", "external_id": f"x-{n}", "rating": "bad"} for n in range(50)]
    application.post("feedback/batch", comments)
    assert event_names()[before:] == ["interactions.recorded", "feedback.imported"]


def test_a_thousand_rows_take_few_statements(application, django_assert_max_num_queries):
    comments = [{"kind": "comment", "external_id": f"x-{n}", "rating": "bad"} for n in range(500)]
    with django_assert_max_num_queries(30):
        reply = application.post("feedback/batch", [*rows(500), *comments]).json()
    assert reply["recorded"] == 1_000
    assert Comment.objects.count() == Interaction.objects.count() == 500


def test_more_than_a_thousand_are_refused(application):
    assert application.post("feedback/batch", rows(1_001)).status_code == 422
    assert application.post("feedback/batch", []).status_code == 422
    assert application.post("feedback/batch", {"kind": "comment"}).status_code == 422
    assert not Interaction.objects.exists()


def test_json_lines(application):
    raw = b"\n".join(json.dumps(row).encode() for row in rows(3)) + b"\n\n"
    for mark, status in (b"", "recorded"), (b"\xef\xbb\xbf", "already_recorded"):
        reply = application.post("feedback/batch", None, raw=mark + raw, **{"Content-Type": "application/x-ndjson"})
        assert reply.json()[status] == 3


def test_a_repeated_batch_changes_nothing(application, event_names):
    batch = [*rows(3), {"kind": "comment", "external_id": "x-1", "text": "t"}]
    first = application.post("feedback/batch", batch, idempotency_key="b-1")
    before = event_names()
    assert application.post("feedback/batch", batch, idempotency_key="b-1").content == first.content
    again = application.post("feedback/batch", rows(3)).json()
    assert again["already_recorded"] == 3
    assert event_names() == before
    assert Comment.objects.count() == 1


def test_rows_with_one_external_id_are_one_interaction(application):
    reply = application.post("feedback/batch", [rows(1)[0], rows(1)[0]]).json()
    assert [r["status"] for r in reply["results"]] == ["recorded", "already_recorded"]
    assert reply["results"][0]["id"] == reply["results"][1]["id"]


def test_lanes_in_a_batch_are_those_of_single_posts(application, db):
    from feedback.models import Source

    Source.objects.filter(pk=application.source.pk).update(held_out_percent=50)
    for n in range(20):
        application.interaction(subject=f"u-{n}")
    application.post("feedback/batch", rows(40))
    assert Subject.objects.count() == 40
    lanes = set(Interaction.objects.values_list("subject", "lane"))
    assert len(lanes) == 40 and {lane for _, lane in lanes} == {"training", "held_out"}
