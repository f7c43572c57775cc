"""A saved policy becomes an epoch of the same snapshot; every row is screened under it before it trains."""

import pytest

from audit.models import Event
from cftapp.pipeline import NEXT
from curation.models import Case, RegistryEpoch, ScreeningPolicy
from curation.screening import actions as screening_actions
from curation.screening import current_epoch
from curation.thresholds.actions import save_policy
from curation.thresholds.policies import policy_state
from evaluation import tasks
from evaluation.benchmarks.actions import adopt_policy
from feedback.actions import record_interaction, register_source, submit_correction
from tests.curation.screening.test_roles import signed_in_as
from tests.evaluation.benchmarks.test_labelling import clean, problem
from tests.support.wordings import SHOWN

pytestmark = pytest.mark.django_db
TEST = "process:test"


@pytest.fixture
def exam(publish, settings):
    """Under a fixed key: which half of the n-grams is kept depends on it, and one key in ten misses this row."""
    settings.CFT_REGISTRY_KEY = bytes(range(32))
    publish("trade", items=[problem(n) for n in range(40)], background=[clean(n) for n in range(40)])


def test_the_newest_policy_is_adopted_as_an_epoch_of_the_same_snapshot(exam, engineer):
    first = RegistryEpoch.objects.current()
    save_policy({"containment_limit": 0.5}, "Fewer alarms", replaces=0, by=engineer)
    epoch = adopt_policy()
    assert (epoch.number, epoch.policy_version) == (first.number + 1, 1)
    assert (epoch.snapshot_number, epoch.sha256, epoch.items) == (first.snapshot_number, first.sha256, first.items)
    assert epoch.comparable_since is None  # nothing that was measured before counts
    event = Event.objects.filter(name="epoch.adopted").latest("id")
    assert event.detail["policy"] == 1 and event.detail["snapshot"] == first.snapshot_number
    assert policy_state().version == 1 and policy_state().pending is None


def test_adopting_again_does_nothing(exam, engineer):
    save_policy({"containment_limit": 0.5}, "Fewer alarms", replaces=0, by=engineer)
    assert adopt_policy() is not None and adopt_policy() is None
    assert RegistryEpoch.objects.count() == 2


def test_before_the_first_benchmark_there_is_nothing_to_adopt(engineer):
    save_policy({"containment_limit": 0.5}, "Early", replaces=0, by=engineer)
    assert adopt_policy() is None and not RegistryEpoch.objects.exists()


def test_the_first_benchmark_comes_under_a_policy_saved_before(engineer, publish):
    save_policy({"containment_limit": 0.5}, "Early", replaces=0, by=engineer)
    publish("trade", items=[problem(n) for n in range(5)])
    assert RegistryEpoch.objects.current().policy_version == 1
    assert current_epoch.open_registry().policy.containment_limit == 0.5


def test_a_publication_after_a_policy_keeps_the_policy_and_takes_the_new_snapshot(exam, engineer, publish):
    save_policy({"containment_limit": 0.5}, "Fewer alarms", replaces=0, by=engineer)
    adopted = adopt_policy()
    publish("tools", items=[problem(n) for n in range(100, 110)])
    epoch = RegistryEpoch.objects.current()
    assert epoch.number > adopted.number and epoch.snapshot_number > adopted.snapshot_number
    assert epoch.policy_version == 1 and epoch.items == 50
    assert current_epoch.open_registry().number == epoch.number and len(current_epoch.open_registry()) == 50


def test_what_nobody_can_read_is_not_adopted(exam, engineer):
    ScreeningPolicy.objects.create(version=1, values={"containment_limit": 17}, note="By hand", saved_by=engineer)
    assert adopt_policy() is None and RegistryEpoch.objects.count() == 1


def test_the_registry_opens_the_snapshot_with_the_epochs_policy(exam, engineer):
    before = current_epoch.open_registry()
    assert before.policy.containment_limit == 0.25
    save_policy({"containment_limit": 0.5}, "Fewer alarms", replaces=0, by=engineer)
    assert current_epoch.open_registry().policy.containment_limit == 0.25
    adopt_policy()
    now = current_epoch.open_registry()
    assert now.policy.containment_limit == 0.5 and now.number == before.number + 1 and len(now) == len(before)


def test_rows_are_screened_again_and_their_findings_say_by_which_policy(exam, engineer):
    shop = register_source("shop", "Shop", held_out_percent=0, by=TEST)
    words = problem(3)["question"].split()
    interaction = record_interaction(shop, "ann", "A riddle", "No.", by=TEST)
    replacement = " ".join(words[: len(words) * 6 // 10])
    half = submit_correction(interaction.pk, replacement=replacement, consent=SHOWN, by=TEST)
    case = screening_actions.open_case("correction", half.pk, by=TEST)
    screening_actions.screen_case(case.pk, current_epoch.open_registry(), by=TEST)
    finding = case.findings.get(check_name="overlap")
    assert finding.blocking and finding.evidence["policy"] == 0
    save_policy({"containment_limit": 0.99, "jaccard_limit": 0.9}, "Only copies", replaces=0, by=lead_of(engineer))
    adopt_policy()
    assert policy_state().unscreened == 1
    assert screening_actions.screen_waiting(10, current_epoch.open_registry(), by=TEST) == 1
    finding = Case.objects.get(pk=case.pk).findings.get(check_name="overlap")
    assert not finding.blocking and finding.evidence["policy"] == 1
    assert policy_state().unscreened == 0


def lead_of(engineer):
    from tests.support.people import person

    return person("lena.lead", "lead")


def test_saving_rings_the_evaluator_and_the_sweep_finds_what_was_not_rung_for(exam, engineer, monkeypatch):
    assert [task for _, task, _ in NEXT["policy.saved"]] == ["evaluation.tasks.adopt_policy"]
    monkeypatch.setattr(tasks.label, "apply_async", lambda **more: None)
    save_policy({"containment_limit": 0.5}, "Fewer alarms", replaces=0, by=engineer)
    tasks.sweep()
    assert RegistryEpoch.objects.current().policy_version == 1


@pytest.mark.django_db(transaction=True, databases=["default", "vault"])
def test_the_evaluators_own_rights_are_enough(exam, engineer):
    save_policy({"containment_limit": 0.5}, "Fewer alarms", replaces=0, by=engineer)
    with signed_in_as("evaluator"):
        tasks.adopt_policy("1")
    with signed_in_as("screener"):
        assert current_epoch.open_registry().policy.containment_limit == 0.5
