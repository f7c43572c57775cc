"""An examiner's upload: through the mailbox into the vault, by two processes that cannot do each other's part."""

import json
import os

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from audit.models import Event
from cftapp.access.roles import environment_for
from evaluation import tasks
from evaluation.benchmarks.actions import propose_benchmark
from evaluation.models import BenchmarkVersion, Proposal
from evaluation.vault.models import Item, MailboxEntry
from tests.evaluation.conftest import rows
from tests.support.models_that_sat import worker

LINES = "\n".join(json.dumps(row) for row in rows(6))


def upload(client, text=LINES, **changes):
    form = {"name": "towns", "title": "Towns", "kind": "regression", "scorer": "exact", "points": "5"} | changes
    file = SimpleUploadedFile("towns.jsonl", text.encode())
    return client.post(reverse("evaluation:propose"), form | {"file": file})


@pytest.mark.django_db
def test_the_page_posts_into_the_mailbox_and_keeps_no_text(as_person, examiner):
    answer = upload(as_person(examiner))
    assert answer.status_code == 302
    proposal = Proposal.objects.get()
    assert (proposal.state, proposal.items, proposal.margin) == ("waiting", 6, 0.05)
    assert MailboxEntry.objects.get(object_id=proposal.pk).content["items"][0]["question"] == rows(1)[0]["question"]
    assert not Item.objects.exists()
    assert rows(1)[0]["question"] not in str(list(Proposal.objects.values()) + list(Event.objects.values()))


@pytest.mark.django_db
def test_the_evaluator_publishes_it_once(examiner):
    proposal = propose_benchmark("towns", "Towns", "regression", LINES, scorer="exact", margin=0.05, by=examiner)
    tasks.import_proposed(str(proposal.pk))
    tasks.import_proposed(str(proposal.pk))
    proposal.refresh_from_db()
    version = BenchmarkVersion.objects.get()
    assert (proposal.state, proposal.version, version.published_by) == ("published", version, examiner)
    assert Item.objects.count() == 6


@pytest.mark.django_db
def test_an_upload_of_what_is_published_becomes_no_version(publish, examiner):
    version = publish("towns", items=rows(6))
    proposal = propose_benchmark("towns", "Towns", "regression", LINES, scorer="exact", margin=0.05, by=examiner)
    tasks.import_proposed(str(proposal.pk))
    proposal.refresh_from_db()
    assert (proposal.state, proposal.version) == ("published", version)
    assert BenchmarkVersion.objects.count() == 1
    assert Event.objects.filter(name="benchmark.unchanged").count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_evaluator_s_and_the_screener_s_own_rights_are_enough(examiner):
    proposal = propose_benchmark("towns", "Towns", "regression", LINES, scorer="exact", margin=0.05, by=examiner)
    evaluate = f"from evaluation.tasks import import_proposed; import_proposed('{proposal.pk}')"
    assert worker(evaluate, environment_for("evaluator", os.environ | {"CFT_EMBEDDING_MODEL": "off"})).wait(120) == 0
    proposal.refresh_from_db()
    assert proposal.state == "checking"
    compare = f"from curation.screening.tasks import compare_items; compare_items('{proposal.reverse_check_id}')"
    assert worker(compare, environment_for("screener", os.environ | {"CFT_EMBEDDING_MODEL": "off"})).wait(120) == 0
    assert worker(evaluate, environment_for("evaluator", os.environ | {"CFT_EMBEDDING_MODEL": "off"})).wait(120) == 0
    assert str(BenchmarkVersion.objects.get()) == "towns v1"


@pytest.mark.django_db(transaction=True)
def test_the_web_process_own_rights_are_enough(examiner):
    code = (
        "from django.contrib.auth import get_user_model; from evaluation.benchmarks.actions import propose_benchmark; "
        f"propose_benchmark('towns', 'Towns', 'regression', {LINES!r}, scorer='exact', margin=.05, "
        f"by=get_user_model().objects.get(pk={examiner.pk}))"
    )
    assert worker(code, environment_for("web", os.environ)).wait(120) == 0
    assert MailboxEntry.objects.filter(object_id=Proposal.objects.get().pk).exists()


@pytest.mark.django_db
def test_what_cannot_be_published_says_why(publish, examiner):
    proposal = propose_benchmark("towns", "Towns", "regression", LINES, scorer="exact", margin=0.05, by=examiner)
    publish("towns", "business", items=rows(4, "Other,"))  # meanwhile
    tasks.import_proposed(str(proposal.pk))
    proposal.refresh_from_db()
    assert (proposal.state, proposal.reasons[0]["field"]) == ("refused", "kind")
    assert Event.objects.filter(name="benchmark.refused").count() == 1


@pytest.mark.django_db
def test_a_proposal_whose_mail_is_missing_is_refused(examiner):
    proposal = Proposal.objects.create(
        id="00000000-0000-0000-0000-00000000000a", name="towns", title="Towns", kind="regression",
        scorer="exact", margin=0.05, items=3, proposed_by=examiner,
    )  # fmt: skip
    tasks.import_proposed(str(proposal.pk))
    proposal.refresh_from_db()
    assert proposal.reasons[0]["message"] == "It did not reach the vault."


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "changes", "words"),
    [
        ('{"question": "Why?"', {}, "line 1: It is no JSON."),
        ('{"question": "Why?"}', {}, "line 1, answer: It is missing"),
        (LINES, {"kind": "safety"}, "refusal for safety probes"),
        (LINES, {"points": "0"}, "greater than or equal"),
        (LINES, {"name": "not a name"}, "valid"),
        ("\n\n", {}, "at least one line"),
    ],
)
def test_a_bad_upload_is_refused_on_the_page_by_field(as_person, examiner, text, changes, words):
    answer = upload(as_person(examiner), text, **changes)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Proposal.objects.exists()
    assert not MailboxEntry.objects.exists()


@pytest.mark.django_db
def test_only_examiners_upload(as_person, engineer):
    assert upload(as_person(engineer)).status_code == 403
    assert not MailboxEntry.objects.exists()
