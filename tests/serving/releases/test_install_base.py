"""The base model is v0 and the first champion, once."""

import pytest

from audit.models import Event
from cftapp.base.refusal import Conflict
from serving.models import Promotion
from serving.releases.actions import install_base
from serving.releases.champion import champion, predecessor

pytestmark = pytest.mark.django_db
BASE, OTHER = "b" * 64, "c" * 64


def test_it_becomes_v0_and_the_champion_with_one_event():
    release = install_base(BASE, by="process:owner")
    assert (str(release), release.served_name, release.model_name) == ("v0", "base", "cft-" + "b" * 16)
    assert champion() == release
    assert predecessor(release) is None
    events = list(Event.objects.filter(name="release.created").values_list("actor", flat=True))
    assert events == ["process:owner"]


def test_installing_it_again_changes_nothing():
    assert install_base(BASE, by="process:owner") == install_base(BASE, by="process:owner")
    assert Promotion.objects.count() == 1
    assert Event.objects.count() == 1


def test_another_base_is_refused_because_adapters_would_not_fit():
    install_base(BASE, by="process:owner")
    with pytest.raises(Conflict, match="adapters fit only the base") as refused:
        install_base(OTHER, by="process:owner")
    assert refused.value.blockers[0].field == "base_model"
    assert champion().model_sha256 == BASE
