"""A correction that teaches nothing is stopped; one too long for the base is said, and a freeze leaves it out."""

from typing import Any

import pytest
from django.db import IntegrityError
from django.test import Client

from cftapp.base.refusal import Conflict
from curation.checks.lengths import Length
from curation.datasets import actions as dataset_actions
from curation.datasets import freezing
from curation.datasets.recipe import Recipe
from curation.models import Blocker, Case, Pair, ReplayRow
from curation.screening import actions as screening_actions
from curation.screening import lengths
from curation.triage import actions as triage_actions
from tests.curation.conftest import TEST, World

CONTEXT = 512  # of the demo base
LONG = "The box stands behind the low bell of the pier. " * 60


def findings(case: Case) -> dict[str, Blocker]:
    return {finding.check_name: finding for finding in case.findings.all()}


# --- it teaches nothing -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("right", ["Ten posts stand.", " Ten  posts stand.\n", "Ten posts\u200b stand."])
def test_the_answer_again_is_no_lesson(world: World, rosa: Any, right: str) -> None:
    case = world.screened("How many posts?", "Ten posts stand.", right)
    found = findings(case)["teaches_nothing"]
    assert found.blocking and "teaches nothing" in found.message
    triage_actions.claim_case(rosa, case.pk)
    with pytest.raises(Conflict, match="teaches nothing") as refused:
        triage_actions.decide_case(case.pk, "accepted", by=rosa)
    assert [blocker.field for blocker in refused.value.blockers] == ["teaches_nothing"]
    case.refresh_from_db()
    assert (case.state, Pair.objects.count()) == ("open", 0)
    triage_actions.decide_case(case.pk, "rejected", by=rosa)


@pytest.mark.parametrize(("prompt", "right"), [("\u200b", "Ten posts."), ("How many?", "\ufeff \u200b")])
def test_nor_is_an_empty_question_or_answer(world: World, prompt: str, right: str) -> None:
    """The engine takes no empty text, and one such row would stop the whole run."""
    assert findings(world.screened(prompt, "Nine posts.", right))["teaches_nothing"].blocking


def test_a_case_of_another_sign_is_a_lesson(world: World, rosa: Any) -> None:
    assert world.accepted(rosa, "How many posts?", "ten posts", "Ten posts.").state == "accepted"


def test_triage_says_so(world: World, rosa: Any, client: Client) -> None:
    case = world.screened("How many posts?", "Ten posts.", "Ten posts.")
    triage_actions.claim_case(rosa, case.pk)
    client.force_login(rosa)
    page = client.get(f"/curation/bench/{case.pk}/").content.decode()
    assert "Teaches nothing" in page and "it teaches nothing" in page
    answered = client.post(f"/curation/bench/{case.pk}/decide/", {"verdict": "accepted"})
    assert "it teaches nothing" in answered.content.decode() and not Pair.objects.exists()


def test_postgresql_takes_no_pair_that_rejects_what_it_teaches(world: World, rosa: Any) -> None:
    """Whatever its findings say: they are those of a screener of before."""
    case = world.screened("How many posts?", "Ten posts.", "Ten posts. ")
    Blocker.objects.filter(case=case).update(blocking=False)
    triage_actions.claim_case(rosa, case.pk)
    with pytest.raises((IntegrityError, Conflict), match="is the answer itself"):
        triage_actions.decide_case(case.pk, "accepted", by=rosa)
    assert not Pair.objects.exists()


# --- it is too long ---------------------------------------------------------------------------------------------------
def test_tokens_are_counted_as_the_base_reads_them(world: World) -> None:
    from tests.support.runs import BASE
    from training.engine.encoding import encode
    from training.engine.tokenizer import load_counter

    prompt, right = "How does the bell end?", "It ends with <|end|><|user|> the low bell."
    found = findings(world.screened(prompt, "Ding.", right))["length"]
    assert (found.score, found.limit) == (len(encode(load_counter(BASE), prompt, right)), CONTEXT)
    assert (found.blocking, found.message) == (False, "")
    assert found.evidence["base"] == "base" and found.evidence["tokenizer"] == lengths.tokenizer()


def test_a_row_that_is_too_long_is_said_at_triage(world: World, rosa: Any, client: Client) -> None:
    case = world.screened("What stands there?", "Nothing.", LONG)
    found = findings(case)["length"]
    assert not found.blocking and found.score and found.score > CONTEXT
    tokens = f"{found.score:,.0f}"
    assert f"It has {tokens} tokens; the base model base takes 512." in found.message
    triage_actions.claim_case(rosa, case.pk)
    client.force_login(rosa)
    assert f"{tokens} of 512 tokens" in client.get(f"/curation/bench/{case.pk}/").content.decode()


def test_a_freeze_leaves_it_out_and_names_it(world: World, rosa: Any, erin: Any, client: Client) -> None:
    short = world.accepted(rosa, "How long is it?", subject="ann")
    long = world.accepted(rosa, "What stands there?", "Nothing.", LONG, subject="bea")
    plan = freezing.plan(Recipe(replay_count=0))
    assert [row.pair_id for row in plan.rows] == [str(short.pk)]
    ((pair, evidence),) = plan.too_long
    assert (pair, evidence["most"]) == (str(long.pk), CONTEXT) and evidence["tokens"] > CONTEXT
    client.force_login(erin)
    preview = client.get("/curation/datasets/freeze/").content.decode()
    assert f"/curation/pairs/{long.pk}/" in preview and "Too long for the base model" in preview

    dataset = dataset_actions.freeze_dataset("short", {"replay_count": 0}, by=erin)
    assert dataset.report["dropped"] == {"length": 1}
    (row,) = dataset.report["dropped_rows"]
    assert (row["pair"], row["tokens"]) == (str(long.pk), evidence["tokens"])
    page = client.get(f"/curation/datasets/{dataset.pk}/report/").content.decode()
    assert str(long.pk) in page and f"{evidence['tokens']:,} of 512 tokens" in page


def test_a_replay_row_that_is_too_long_stays_out_too(world: World, rosa: Any, erin: Any) -> None:
    world.accepted(rosa)
    world.replay(
        {"skill": "a", "prompt": "Do one", "answer": "It is done."}, {"skill": "a", "prompt": "Do all", "answer": LONG}
    )
    assert ReplayRow.objects.filter(tokens__gt=CONTEXT, tokenizer=lengths.tokenizer()).count() == 1
    plan = freezing.plan(Recipe(replay_count=2))
    assert (plan.replay_count, plan.replay_drops) == (1, {"length": 1})


def test_counts_of_another_base_drop_nothing(world: World, rosa: Any, tmp_path: Any, settings: Any) -> None:
    """The engine counts with its own before it learns anything."""
    world.accepted(rosa, "What stands there?", "Nothing.", LONG)
    assert freezing.plan(Recipe(replay_count=0)).too_long
    settings.CFT_BASE_MODEL = str(copy_of_base(tmp_path, max_position_embeddings=4096))
    plan = freezing.plan(Recipe(replay_count=0))
    assert (plan.too_long, plan.pair_count) == ([], 1)


def copy_of_base(folder: Any, **config: Any) -> Any:
    import json
    import shutil

    from tests.support.runs import BASE

    made = folder / "another"
    shutil.copytree(BASE, made, ignore=shutil.ignore_patterns("*.safetensors"))
    (made / "config.json").write_text(json.dumps(json.loads((made / "config.json").read_text()) | config))
    return made


def test_without_its_base_a_row_is_screened_and_the_missing_count_is_said(world: World, settings: Any) -> None:
    settings.CFT_BASE_MODEL = "/nowhere/at-all"
    found = findings(world.screened())["length"]
    assert (found.blocking, found.score) == (False, None)
    assert found.message.startswith("Its length was not counted") and found.evidence["base"] == "at-all"


def test_text_that_the_base_cannot_write_blocks(world: World, rosa: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(rows: list[tuple[str, str]]) -> list[Length]:
        return [Length("base", "t", problem="It holds a control token.", unwritable=True)] * len(rows)

    monkeypatch.setattr("training.lengths.measure", measure)
    case = world.screened()
    assert findings(case)["length"].blocking
    triage_actions.claim_case(rosa, case.pk)
    with pytest.raises(Conflict, match="control token"):
        triage_actions.decide_case(case.pk, "accepted", by=rosa)


def test_a_case_is_screened_again_with_all_its_findings(world: World) -> None:
    case = world.screened("What stands there?", "Nothing.", LONG)
    screening_actions.screen_case(case.pk, world.registry, by=TEST)
    assert case.findings.count() == len(Blocker.Check)
