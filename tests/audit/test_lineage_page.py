"""From a pair, in one page: whose words, on what consent, in which dataset, run and release."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from audit.actions import record
from feedback.actions import record_interaction, submit_correction, withdraw_consent
from serving.releases.marking import mark_withdrawal
from tests.support import serving_rows
from tests.support.people import person, signed_in
from tests.support.wordings import SHOWN

pytestmark = pytest.mark.django_db


@pytest.fixture
def omar():
    return signed_in(person("omar", "compliance"))


def tell(name, used=(), generated=()):
    with transaction.atomic():
        record(name, by="process:test", used=used, generated=generated)


@pytest.fixture
def learnt():
    """A pair of ana's in a release, with the events that the stages before serving record."""
    serving_rows.base_release()
    pair = serving_rows.accepted_pair("ana")
    case = pair.correction.case
    tell("case.decided", [("correction", pair.correction_id), ("case", case.pk)], [("pair", pair.pk)])
    rows = serving_rows.dataset(pair)
    tell("dataset.frozen", [("pair", pair.pk)], [("dataset", rows.pk)])
    run = serving_rows.queued_run(rows)
    tell("run.queued", [("dataset", rows.pk)], [("run", run.pk)])
    release, _ = serving_rows.candidate(trained=serving_rows.finish(run, "5" * 64))
    return pair, rows, release


def test_the_pair_tells_its_subject_consent_dataset_run_and_release(omar, learnt):
    pair, rows, release = learnt
    page = omar.get(f"/audit/lineage/pair/{pair.pk}/").content.decode()
    for kind, key in (
        ("subject", pair.subject_id),
        ("correction", pair.correction_id),
        ("dataset", rows.pk),
        ("run", release.run_id),
        ("release", release.pk),
    ):
        assert f"/audit/lineage/{kind}/{key}/" in page, kind
    assert "Consent to training:" in page
    assert page.index("Where it came from") < page.index("What became of it")


def test_after_a_withdrawal_it_says_so_on_the_pair_and_on_all_that_learnt_it(omar, learnt):
    pair, rows, release = learnt
    withdraw_consent(pair.subject, by="visitor")
    mark_withdrawal(pair.subject_id, by="process:curator")
    page = omar.get(f"/audit/lineage/pair/{pair.pk}/").content.decode()
    assert "Consent was withdrawn; marked" in page
    assert page.count("withdrawn, marked") == 3
    response = omar.get(f"/audit/lineage/release/{release.pk}/")
    assert response.context["withdrawn"] == {str(pair.subject_id)}


def test_a_withdrawal_that_has_not_been_marked_yet_is_shown_all_the_same(omar, learnt):
    pair, _, release = learnt
    withdraw_consent(pair.subject, by="visitor")
    page = omar.get(f"/audit/lineage/release/{release.pk}/").content.decode()
    assert "1 subject behind this does not consent any more." in page


def test_it_speaks_in_questions_names_and_words(omar, learnt):
    pair, rows, release = learnt
    page = omar.get(f"/audit/lineage/pair/{pair.pk}/").content.decode()
    assert f'<h1><span title="pair {pair.pk}"><b>Pair:</b> {pair.prompt}</span></h1>' in page
    assert f"<b>dataset</b> #{rows.pk} {rows.name}" in page
    assert f"<b>release</b> {release}" in page
    assert ">accepted</a> by" in page and "case.decided" not in page
    assert '<span title="process:test">test</span>' in page


def test_a_question_that_is_no_pair_is_shown_to_whom_may_read_feedback(omar, learnt):
    prompt = "What is the code of the east door?"
    interaction = record_interaction(serving_rows.source(), "bea", prompt, "7.", model_name="cft-x", by="source:1")
    correction = submit_correction(interaction.pk, replacement="None.", consent=SHOWN, by="source:1")
    address = f"/audit/lineage/correction/{correction.pk}/"
    assert prompt not in omar.get(address).content.decode()
    assert prompt in signed_in(person("rolf", "reviewer")).get(address).content.decode()


def test_it_takes_a_role_a_known_kind_and_a_known_row(omar, learnt):
    pair = learnt[0]
    assert signed_in(person("nobody")).get(f"/audit/lineage/pair/{pair.pk}/").status_code == 403
    assert omar.get("/audit/lineage/unicorn/1/").status_code == 404
    assert omar.get("/audit/lineage/run/999/").status_code == 404
    assert omar.get("/audit/lineage/pair/not-a-uuid/").status_code == 404


def test_a_dataset_of_a_thousand_pairs_is_a_small_page_of_few_queries(omar):
    for number in range(1000):
        tell("case.decided", [("case", number)], [("pair", f"p{number}")])
    tell("dataset.frozen", [("pair", f"p{number}") for number in range(1000)], [("dataset", 1)])
    with CaptureQueriesContext(connection) as queries:
        page = omar.get("/audit/lineage/dataset/1/")
    assert len(queries) <= 12
    assert len(page.content) < 60_000
    ((curation, left_out),) = page.context["directions"][0].stages
    assert ({step.kind for step in curation.steps}, left_out) == ({"pair"}, 1960)
    assert "and 1,960 more" in page.content.decode()
