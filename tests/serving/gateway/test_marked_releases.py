"""A release that learnt withdrawn words, or an exam, answers nobody once another is champion: no fallback, no name."""

import pytest
from django.db.models.functions import Now
from django.test import Client

from feedback.actions import issue_api_key
from serving.gateway.openai_format import GatewayError
from serving.gateway.routing import champion_targets, targets_for
from serving.models import Release
from serving.releases.actions import promote
from tests.support import serving_rows

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def former():
    """v1, once champion; v2 is the champion now."""
    serving_rows.base_release()
    first, gate = serving_rows.candidate()
    promote(first, gate, by="process:test")
    second, gate = serving_rows.candidate(champion_run=first.run)
    promote(second, gate, by="process:test")
    return first


MARKS = {"withdrawn": {"learnt_from_withdrawn_at": Now()}, "exam": {"contamination": {"rows": 2}}}


def names(targets):
    return [target.title for target in targets]


def listed():
    _, token = issue_api_key(serving_rows.source(), "test", by="process:test")
    answer = Client().get("/v1/models", headers={"Authorization": f"Bearer {token}"})
    return [model["id"] for model in answer.json()["data"]]


def test_unmarked_it_is_the_fallback_and_may_be_asked(former):
    assert names(champion_targets()) == ["v2", "v1"]
    assert names(targets_for("v1")) == names(targets_for(former.model_name)) == ["v1"]
    assert listed() == ["champion", "v2", "v1", "v0"]


@pytest.mark.parametrize("mark", MARKS.values(), ids=MARKS)
def test_marked_it_is_neither(former, mark):
    Release.objects.filter(pk=former.pk).update(**mark)
    assert names(champion_targets()) == ["v2"]
    assert listed() == ["champion", "v2", "v0"]
    for name in ("v1", former.model_name):
        with pytest.raises(GatewayError, match="may not answer any more"):
            targets_for(name)


def test_the_champion_answers_until_people_replace_it(former):
    Release.objects.filter(number=2).update(learnt_from_withdrawn_at=Now())
    assert names(champion_targets()) == ["v2", "v1"]
    assert names(targets_for("v2")) == ["v2"]
