"""What people call the rows that the log numbers, from what every app declares."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cftapp.base import names
from cftapp.base.declared import declarations
from feedback.actions import record_interaction, submit_correction
from tests.support import serving_rows
from tests.support.people import person
from tests.support.wordings import SHOWN

QUESTION = "What is the code of the east door?"


@pytest.fixture
def correction(db):
    asked = record_interaction(serving_rows.source(), "bea", QUESTION, "7.", model_name="cft-x", by="source:1")
    return submit_correction(asked.pk, replacement="None.", consent=SHOWN, by="source:1")


def wanted(correction):
    return [("interaction", str(correction.interaction_id)), ("correction", str(correction.pk))]


def test_accounts_and_sources_have_names(db):
    edda, source = person("edda"), serving_rows.source("shop")
    actors = names.actors()
    assert (actors[f"user:{edda.pk}"], actors[f"source:{source.pk}"]) == ("edda", "shop")


def test_a_question_is_shown_to_those_who_may_read_feedback(correction):
    assert names.entities(wanted(correction), reads=False) == {}
    assert names.entities(wanted(correction), reads=True) == dict.fromkeys(wanted(correction), QUESTION)


def test_the_question_of_a_pair_is_shown_to_every_role(db):
    pair = serving_rows.accepted_pair("ana")
    case = pair.correction.case
    rows = [("pair", str(pair.pk)), ("case", str(case.pk)), *wanted(pair.correction)]
    assert names.entities(rows, reads=False) == dict.fromkeys(rows, names.shortened(pair.prompt))


def test_it_is_one_query_whatever_is_asked(correction):
    with CaptureQueriesContext(connection) as queries:
        names.actors()
        names.entities([*wanted(correction), ("release", "1"), ("unicorn", "x"), ("pair", "no-uuid")], reads=True)
    assert len(queries) == 2


def test_ids_that_cannot_be_are_left_out(db):
    rows = [("pair", "x"), ("case", "-1"), ("case", "9" * 30), ("release", "²"), ("unicorn", "1")]
    assert names.entities(rows, reads=True) == {}


def test_a_kind_has_one_sort_of_ids_and_each_look_up_takes_its_own():
    every = names.look_ups()
    assert not every.by_uuid & every.by_number
    for _, module in declarations("names"):
        for sort, cast in (("BY_UUID", "uuid"), ("BY_NUMBER", "bigint")):
            for kind, statement in getattr(module, sort, {}).items():
                assert set(re.findall(r"%\((\w+)\)s", statement)) - {"reads"} == {kind}, (module, kind)
                assert f"= ANY (%({kind})s::{cast}[])" in statement, (module, kind)
