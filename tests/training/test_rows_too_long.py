"""What a base or a recipe cannot take whole is said when a run is queued, and never cut."""

import json
import subprocess
import sys
import uuid
from typing import Any

import pytest
from django.db import connection, transaction

from cftapp.base.refusal import Refused
from curation.models import Blocker, Case, Pair, ReplayRow
from feedback.models import Correction
from tests.training.conftest import ROOT, trainer_environment
from training import lengths
from training.engine.context import context_of
from training.models import Run

pytestmark = pytest.mark.django_db(transaction=True)


def count(pair: Pair, tokens: int, tokenizer: str | None = None) -> None:
    """The pair's correction, and its case with this finding, as screening leaves it."""
    evidence = {"base": "tiny base", "tokenizer": tokenizer or lengths.tokenizer()}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        Correction.objects.create(pk=pair.correction_id, interaction_id=uuid.uuid4(), replacement=pair.chosen)
        case = Case.objects.create(correction_id=pair.correction_id, subject=pair.subject)
        Blocker.objects.create(
            case=case, check_name="length", blocking=False, score=tokens, limit=512, evidence=evidence
        )


def first_pair(dataset: Any) -> Pair:
    pair: Pair = dataset.rows.exclude(pair=None).order_by("position").first().pair
    return pair


def test_max_length_beyond_the_context_is_refused(queue: Any, dataset: Any, client: Any, edda: Any) -> None:
    with pytest.raises(Refused) as refused:
        queue(max_length=513)
    (blocker,) = refused.value.blockers
    assert (blocker.field, refused.value.status) == ("max_length", 422)
    assert "takes 512 tokens, not 513" in blocker.message and "at most 512" in blocker.remedy

    client.force_login(edda)
    asked = {"dataset": dataset.pk, "recipe": {"max_length": 4096}}
    response = client.post("/api/v1/runs/", asked, content_type="application/json")
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "max_length"
    form = {"dataset": dataset.pk, "preset": "standard", "seed": 0, "max_length": 4096}
    form["base_model"] = client.get("/training/runs/new/").context["form"].fields["base_model"].initial
    page = client.post("/training/runs/new/", form)
    assert page.status_code == 422
    assert "Give at most 512." in page.content.decode()
    assert not Run.objects.exists()
    assert queue(max_length=512).state == "queued"


def test_the_form_says_what_the_base_takes(client: Any, edda: Any, dataset: Any) -> None:
    client.force_login(edda)
    assert "The base model takes 512." in client.get("/training/runs/new/").content.decode()


def test_a_pair_longer_than_max_length_is_named(queue: Any, dataset: Any) -> None:
    pair = first_pair(dataset)
    count(pair, 100)
    with pytest.raises(Refused) as refused:
        queue(max_length=99)
    (blocker,) = refused.value.blockers
    assert blocker.field == "max_length"
    assert f"Pair {pair.pk} has 100 tokens, max_length is 99" in blocker.message
    assert "Raise max_length to 100" in blocker.remedy
    assert not Run.objects.exists()
    assert queue(max_length=100).state == "queued"


def test_one_longer_than_the_context_has_to_stay_out(queue: Any, dataset: Any) -> None:
    pair = first_pair(dataset)
    count(pair, 600)
    with pytest.raises(Refused) as refused:
        queue()
    (blocker,) = refused.value.blockers
    assert str(pair.pk) in blocker.message and blocker.remedy.startswith("The base takes 512: freeze")


@pytest.mark.parametrize("policy", ["keep", "cut_left"])
def test_another_policy_takes_it_and_is_asked_for_on_the_page_and_over_rest(
    dataset: Any, client: Any, edda: Any, policy: str
) -> None:
    count(first_pair(dataset), 5000)
    client.force_login(edda)
    asked = {"dataset": dataset.pk, "recipe": {"too_long": policy, "loss": "assistant"}}
    response = client.post("/api/v1/runs/", asked, content_type="application/json")
    assert response.status_code == 201
    assert (response.json()["recipe"]["too_long"], response.json()["recipe"]["loss"]) == (policy, "assistant")
    form = {"dataset": dataset.pk, "preset": "standard", "seed": 0, "too_long": policy, "loss": "assistant"}
    form["base_model"] = client.get("/training/runs/new/").context["form"].fields["base_model"].initial
    assert client.post("/training/runs/new/", form).status_code == 302
    assert [(run.recipe["too_long"], run.recipe["loss"]) for run in Run.objects.all()] == [(policy, "assistant")] * 2


def test_no_policy_goes_beyond_what_the_base_takes(queue: Any, dataset: Any) -> None:
    context = lengths.limit() or 0
    with pytest.raises(Refused, match=f"takes {context} tokens, not {context + 1}"):
        queue(max_length=context + 1, too_long="keep")
    with pytest.raises(Refused) as refused:
        queue(too_long="cut")
    assert refused.value.blockers[0].field == "too_long"
    assert refused.value.blockers[0].remedy == "Give refuse, keep or cut_left."
    assert not Run.objects.exists()


def test_a_replay_row_counts_and_another_bases_count_does_not(queue: Any, dataset: Any) -> None:
    count(first_pair(dataset), 600, tokenizer="another")
    assert queue().state == "queued"
    replay = dataset.rows.exclude(replay_row=None).first().replay_row
    ReplayRow.objects.filter(pk=replay.pk).update(tokens=600, tokenizer=lengths.tokenizer())
    with pytest.raises(Refused, match=f"Replay row {replay.pk} has 600 tokens"):
        queue()


def test_the_engine_counts_again_and_the_run_names_the_pair(queue: Any, train: Any, dataset: Any) -> None:
    """Nothing was counted at screening: rows of before, or of another base."""
    run = train(queue(max_length=8))
    assert run.state == Run.State.FAILED
    row = dataset.rows.get(position=0)
    named = f"pair {row.pair_id}" if row.pair_id else f"replay row {row.replay_row_id}"
    assert "rows[1]" in run.error and "recipe.max_length is 8" in run.error
    assert f"It is {named}." in run.error


def test_a_base_whose_configuration_cannot_be_read_is_refused(queue: Any, settings: Any, tmp_path: Any) -> None:
    (tmp_path / "config.json").write_text("{")
    settings.CFT_BASE_MODEL = str(tmp_path)
    with pytest.raises(Refused) as refused:
        queue()
    assert refused.value.blockers[0].field == "base_model"


def test_a_base_that_states_no_context_sets_no_limit(queue: Any, settings: Any, tmp_path: Any) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bloom"}))
    settings.CFT_BASE_MODEL = str(tmp_path)
    assert context_of(tmp_path) is None
    assert queue(max_length=4096).state == "queued"


def test_queueing_reads_no_tokenizer(queue: Any) -> None:
    lengths.opened.cache_clear()
    queue()
    assert lengths.opened.cache_info().currsize == 0
    assert Run.objects.count() == 1


def test_counting_loads_no_torch(tiny_base: Any) -> None:
    """A screener without embeddings has none, and should not get it from a count of tokens."""
    code = (
        "import django, sys; django.setup(); from training import lengths;"
        " assert 'transformers' not in sys.modules;"
        " assert lengths.tokenizer() and lengths.limit() == 512 and 'transformers' not in sys.modules;"
        " (length,) = lengths.measure([('What is 1 + 2?', '3')]);"
        " assert length.tokens and 'torch' not in sys.modules"
    )
    environment = trainer_environment() | {"CFT_BASE_MODEL": str(tiny_base)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
