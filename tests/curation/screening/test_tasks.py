"""The screener's tasks, with the snapshot in the vault: what was rung for, and what was not."""

import stat
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from curation.datasets import actions as dataset_actions
from curation.decontamination.registry import BadRegistry
from curation.models import Blocker, Case, Pair, ReplayRow
from curation.screening import actions as screening_actions
from curation.screening import current_epoch
from curation.screening import tasks as screening_tasks
from curation.triage import actions as triage_actions
from feedback.actions import grant_consent, withdraw_consent
from tests.curation.conftest import EXAM, TEST, publish, store
from tests.support.wordings import SHOWN


def test_nothing_is_screened_before_the_first_epoch(vault, corrected):
    screening_tasks.screen("correction", str(corrected().pk))
    assert Case.objects.get().state == "waiting"


def test_a_doorbell_opens_and_screens(vault, corrected):
    publish(1)
    screening_tasks.screen("correction", str(corrected().pk))
    assert Case.objects.get().state == "open"


def test_a_second_ring_changes_nothing(vault, corrected, events):
    publish(1)
    correction = corrected()
    screening_tasks.screen("correction", str(correction.pk))
    events()
    screening_tasks.screen("correction", str(correction.pk))
    assert events() == []


def test_the_sweep_finds_what_nobody_rang_for(vault, corrected):
    corrected(), dataset_actions.import_replay_rows([{"skill": "chat", "prompt": "Hello", "answer": "Hi"}], by=TEST)
    publish(1)
    screening_tasks.sweep()
    assert Case.objects.get().state == "open"
    assert ReplayRow.objects.get().screened_epoch == 1


def test_a_new_epoch_screens_open_and_accepted_rows_again(vault, corrected, rosa):
    publish(1)
    for prompt in ("What is the code of the door to the northern hall?", "When does the canteen open on Sundays?"):
        screening_tasks.screen("correction", str(corrected(prompt).pk))
    accepted = triage_actions.claim_next_case(rosa)
    triage_actions.decide_case(accepted.pk, "accepted", by=rosa)
    leaked = accepted.correction.interaction.prompt
    publish(2, [*EXAM, ("new", "exam v2", leaked, "1234")])
    screening_tasks.rescreen()
    assert set(Case.objects.values_list("screened_epoch", flat=True)) == {2}
    assert Pair.objects.get().screened_epoch == 2
    assert Blocker.objects.filter(blocking=True, check_name="overlap").get().case == accepted


def test_consent_withdrawn_and_given_again(vault, corrected, rosa):
    publish(1)
    for prompt in ("One?", "Two?"):
        screening_tasks.screen("correction", str(corrected(prompt).pk))
    case = triage_actions.claim_next_case(rosa)
    triage_actions.decide_case(case.pk, "accepted", by=rosa)
    withdraw_consent(case.subject, by=TEST)
    screening_tasks.withdraw_subject(str(case.subject_id))
    assert Pair.objects.get().state == "withdrawn"
    other = Case.objects.get(state="open")
    assert other.findings.get(check_name="consent").blocking
    grant_consent(case.subject, wording_version=SHOWN, by=TEST)
    screening_tasks.rescreen_subjects(str(case.subject_id))
    assert not other.findings.get(check_name="consent").blocking


def test_the_sweep_withdraws_pairs_whose_doorbell_was_lost(vault, corrected, rosa):
    publish(1)
    screening_tasks.screen("correction", str(corrected().pk))
    case = triage_actions.claim_next_case(rosa)
    triage_actions.decide_case(case.pk, "accepted", by=rosa)
    withdraw_consent(case.subject, by=TEST)
    screening_tasks.sweep()
    assert Pair.objects.get().state == "withdrawn"


def test_the_snapshot_is_kept_privately_and_read_once(vault, django_assert_num_queries):
    publish(1)
    first = current_epoch.open_registry()
    (path,) = Path(vault / "registry").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with django_assert_num_queries(0, using="vault"):
        assert current_epoch.open_registry() is first


def test_a_tampered_file_is_fetched_again(vault):
    publish(1)
    current_epoch.open_registry()
    (path,) = Path(vault / "registry").iterdir()
    path.write_bytes(b"CFTREG01 something else")
    current_epoch._opened.clear()
    assert current_epoch.open_registry().number == 1


def test_a_snapshot_whose_import_was_killed_before_its_epoch_is_not_used(vault, corrected, rosa):
    publish(1)
    store(2)
    screening_tasks.screen("correction", str(corrected().pk))
    assert Case.objects.get().screened_epoch == 1
    assert triage_actions.claim_next_case(rosa) is not None


def test_a_snapshot_that_was_exchanged_in_the_vault_is_refused(vault):
    store(1)
    screening_actions.adopt_epoch(1, "0" * 64, len(EXAM), 0, "strong-1", by=TEST)
    with pytest.raises(BadRegistry, match="does not have the SHA-256"):
        current_epoch.open_registry()


def test_an_epoch_that_is_not_in_the_vault_screens_nothing(vault):
    screening_actions.adopt_epoch(1, "0" * 64, len(EXAM), 0, "strong-1", by=TEST)
    with pytest.raises(BadRegistry, match="not in the vault"):
        current_epoch.open_registry()


def test_a_process_without_the_key_is_told_so(vault, settings):
    settings.CFT_REGISTRY_KEY = None
    with pytest.raises(BadRegistry, match="CFT_REGISTRY_KEY"):
        current_epoch.open_registry()


def test_only_screener_and_evaluator_can_read_a_snapshot(db, connect_as):
    import psycopg

    assert django_settings.DATABASES["vault"]
    connect_as("screener", "vault").execute("SELECT number, sha256, content FROM vault_registrysnapshot")
    for role in ("web", "curator", "trainer"):
        with pytest.raises(psycopg.Error):
            connect_as(role, "vault").execute("SELECT content FROM vault_registrysnapshot")
