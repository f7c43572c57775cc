"""The decontamination report: what it says, that its hash names it, and that a changed one is noticed."""

import hashlib
import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from audit.models import Event
from cftapp.base.refusal import Refused
from curation.checks.findings import UNTOLD
from curation.datasets import actions as dataset_actions
from curation.datasets import decontamination_report, freezing
from curation.datasets.decontamination_report import Caught, Epoch, Facts, Measured
from curation.models import Dataset
from curation.triage import actions as triage_actions
from curation.triage.override_actions import confirm_override, request_override
from tests.curation.conftest import EXAM, World
from tests.support.people import person, signed_in

FACTS = Facts(
    merkle_root="ab" * 32,
    recipe={},
    epoch=Epoch(4, "cd" * 32, 3, 50, 2, "strong-1", 2, {"containment_limit": 0.3, "jaccard_limit": 0.8}),
    considered=5,
    pairs=2,
    replay_rows=10,
    refusals=1,
    dropped=[
        ("p3", "overlap", {"method": "exact", "benchmark": "exam v1"}),
        ("p1", "overlap", {"method": "containment", "benchmark": "exam v1"}),
        ("p2", "consent", {}),
    ],
    replay_dropped={"overlap": 3},
    replay_wanted=10,
    skills={"chat": 10},
    subjects=Counter(ann=1, bob=1),
    measured=Measured(2, {"exact": 2, "containment": 2, "jaccard": 2, "meaning": 1}, ["mini@1"]),
    stream=[
        Caught("overlap", "exact", "exam v1", 7),
        Caught("overlap", "meaning", "exam v2", 2),
        Caught("consent", "", "", 4),
    ],
    screened=40,
    overrides=[],
)


def test_it_counts_what_was_caught_by_method_and_benchmark() -> None:
    report = decontamination_report.report(FACTS)
    assert report["dropped"] == {"overlap": 2, "consent": 1}
    assert report["caught"] == {"by_method": {"exact": 1, "containment": 1}, "by_benchmark": {"exam v1": 2}}
    assert [row["pair"] for row in report["dropped_rows"]] == ["p1", "p2", "p3"]
    assert report["stream"]["by_check"] == {"overlap": 9, "consent": 4}
    assert report["stream"]["overlap_by_method"] == {"exact": 7, "meaning": 2}
    assert report["checked"] == {"pairs": 5, "replay_rows": 13}


def test_it_says_what_was_not_checked() -> None:
    report = " ".join(decontamination_report.report(FACTS)["not_checked"])
    for words in ("1 of 2 pairs were not compared by meaning", "2 of 50 items", "another language", "reject"):
        assert words in report


def test_it_says_in_which_languages_pairs_were_compared_and_by_what() -> None:
    searched = decontamination_report.Translation(2, ["many-languages 1"], {"de": 1})
    report = decontamination_report.report(replace(FACTS, measured=replace(FACTS.measured, translation=searched)))
    assert report["languages"] == {
        "encoders": ["many-languages 1"],
        "pairs_searched": 2,
        "pairs_compared": {"de": 1},
    }
    assert "another language" not in " ".join(report["not_checked"])


def test_it_says_how_many_pairs_are_in_no_language_that_is_told() -> None:
    searched = decontamination_report.Translation(2, ["many-languages 1"], {})
    measured = replace(FACTS.measured, translation=searched, unread={UNTOLD: 1, "texts_in_German": 2})
    report = decontamination_report.report(replace(FACTS, measured=measured))["not_checked"]
    assert [text for text in report if "1 of 2 pairs hold a text in no language that is told apart" in text]
    assert "Not compared with the exam: texts in German (2 pairs)." in report


def test_every_method_says_its_limit_and_how_many_pairs_it_looked_at() -> None:
    report = decontamination_report.report(FACTS)["methods"]
    assert (report["containment"]["limit"], report["meaning"]["pairs"]) == (0.3, 1)
    assert set(report) == {
        "exact",
        "sequence",
        "containment",
        "jaccard",
        "template",
        "structure",
        "meaning",
        "translation",
    }


def test_its_hash_is_that_of_its_rfc_8785_bytes() -> None:
    document = {"b": 1.0, "a": "é", "c": [0.3]}
    assert decontamination_report.encode(document) == '{"a":"é","b":1,"c":[0.3]}'.encode()
    assert (
        decontamination_report.digest(document) == hashlib.sha256(decontamination_report.encode(document)).hexdigest()
    )


@pytest.fixture
def dataset(world: World, rosa: User, erin: User) -> Dataset:
    """A pair that is clean, and one that two people let pass."""
    world.accepted(rosa)
    case = world.screened(EXAM[0][2], right="Twenty.", subject="bob")
    confirm_override(request_override(case.pk, "overlap", "Printed everywhere.", by=rosa).pk, by=person("lea", "lead"))
    triage_actions.claim_case(rosa, case.pk)
    triage_actions.decide_case(case.pk, "accepted", by=rosa)
    return dataset_actions.freeze_dataset("All", {"replay_count": 0}, by=erin)


def tamper(report: dict[str, Any]) -> None:
    """As somebody could who owns the database: past the trigger."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE curation_dataset SET report = %s", [json.dumps(report)])
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_the_stored_hash_is_that_of_the_file_and_in_the_log(dataset: Dataset, erin: User) -> None:
    page = signed_in(erin).get(f"/curation/datasets/{dataset.pk}/report.json")
    assert hashlib.sha256(page.content).hexdigest() == dataset.report_sha256
    assert Event.objects.get(name="dataset.frozen").detail["report_sha256"] == dataset.report_sha256


def test_it_names_what_people_let_pass_without_their_words(dataset: Dataset, rosa: User) -> None:
    (one,) = dataset.report["overrides"]
    assert (one["check"], one["item"], one["asked_by"]) == ("overlap", "item-train", f"user:{rosa.pk}")
    assert "Printed" not in json.dumps(dataset.report)


def test_the_page_shows_it(dataset: Dataset, erin: User) -> None:
    page = signed_in(erin).get(f"/curation/datasets/{dataset.pk}/report/").content.decode()
    for words in (dataset.report_sha256, "What was not checked", "Containment", "lea", "not compared by meaning"):
        assert words in page
    assert "This is not the report" not in page


def test_a_changed_report_is_noticed_and_no_run_starts(dataset: Dataset, erin: User) -> None:
    from training.actions import refuse_unfit

    refuse_unfit(dataset)
    tamper(dataset.report | {"overrides": []})
    changed = Dataset.objects.get()
    with pytest.raises(Refused, match="changed after the freeze"):
        refuse_unfit(changed)
    with pytest.raises(Refused, match="changed after the freeze"):
        freezing.refuse_changed_report(changed)
    assert "This is not the report" in signed_in(erin).get(f"/curation/datasets/{dataset.pk}/report/").content.decode()


def test_no_visitor_reads_it(dataset: Dataset, client: Any) -> None:
    assert client.get(f"/curation/datasets/{dataset.pk}/report/").status_code == 302
