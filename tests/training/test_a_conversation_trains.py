"""A corrected second turn becomes an adapter: frozen, prepared, learnt in the conversation in which it was asked."""

import json
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from conversation import Conversation, Message, answer_text, stored_answer
from curation.checks.identity import row_hash
from curation.models import Dataset, Pair, ReplayRow
from tests.training.conftest import TINY, consenting_subjects, frozen_of
from training import actions, lengths
from training.engine.encoding import encode
from training.engine.manifest import read_manifest, read_rows
from training.engine.tokenizer import load_tokenizer
from training.models import Run
from training.preparation import prepare

pytestmark = pytest.mark.django_db(transaction=True)

ASKED = Conversation(
    [
        {"role": "system", "content": "You answer for the harbour."},
        {"role": "user", "content": "What is the code of locker 1?"},
        {"role": "assistant", "content": "The code is 18."},
        {"role": "user", "content": "And of locker 2?"},
    ]
)
ANSWER = {"role": "assistant", "content": "The code is 25."}
LONG = Conversation([ASKED.messages[0], *ASKED.messages[1:3] * 20, ASKED.messages[-1]])


def pair(asked: Conversation, answer: Message, subject: Any, by: User) -> Pair:
    words = asked.text, answer_text(answer), "I do not know."
    canonical = asked.stored, stored_answer(answer), ""
    return Pair.objects.create(
        correction_id=uuid.uuid4(), subject=subject, prompt=words[0], chosen=words[1], rejected=words[2],
        conversation=canonical[0], chosen_message=canonical[1], row_hash=row_hash(*words, *canonical),
        screened_epoch=1, accepted_by=by,
    )  # fmt: skip


@pytest.fixture
def conversations(edda: User) -> Dataset:
    """Two corrections of a second turn, one behind twenty others; a replay row that is a conversation."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        first, second, *_ = consenting_subjects()
        pairs = [pair(ASKED, ANSWER, first, edda), pair(LONG, ANSWER, second, edda)]
        known = Conversation(ASKED.messages[:2])
        words, canonical = (known.text, "The code is 18."), (known.stored, "")
        replay = ReplayRow.objects.create(
            skill="locker", prompt=words[0], answer=words[1], conversation=canonical[0],
            row_hash=row_hash(*words, "", *canonical, ""), screened_epoch=1,
        )  # fmt: skip
        return frozen_of(pairs, [replay], edda)


def queued(dataset: Dataset, by: User, **recipe: Any) -> Run:
    return actions.queue_run(dataset, TINY | recipe, by=by)


def test_it_is_learnt_whole_or_cut_and_the_run_says_how_many(
    conversations: Dataset, edda: User, train: Any, client: Any
) -> None:
    run = train(queued(conversations, edda, max_length=200, too_long="cut_left", loss="assistant", eval_every=0))
    assert run.state == Run.State.FINISHED, run.error
    assert (run.recipe["too_long"], run.recipe["loss"]) == ("cut_left", "assistant")
    assert run.manifest["recipe"] == run.recipe
    assert (run.result["rows_cut"], run.result["rows_left_out"], run.result["pairs"]) == (1, 0, 2)
    client.force_login(edda)
    assert client.get(f"/api/v1/runs/{run.pk}/").json()["result"]["rows_cut"] == 1
    page = client.get(f"/training/runs/{run.pk}/").content.decode()
    assert "Too long" in page and "1 <small>cut</small>" in page


def test_by_default_a_long_one_stops_the_run_and_is_named(conversations: Dataset, edda: User, train: Any) -> None:
    run = train(queued(conversations, edda, max_length=200))
    assert run.state == Run.State.FAILED
    assert "rows[2]" in run.error and f"It is pair {conversations.rows.get(position=1).pair_id}." in run.error


def test_the_engine_reads_what_the_database_holds(
    conversations: Dataset, edda: User, tmp_path: Any, monkeypatch: Any, tiny_base: Any
) -> None:
    monkeypatch.setattr(prepare, "refused_vault", lambda folder: "permission denied")  # the owner of tests may look in
    prepare.prepare(queued(conversations, edda), tmp_path)
    first, second, replay = read_rows(read_manifest(tmp_path / "manifest.json"))
    assert (first.asked, first.answered, first.kind) == (ASKED, ANSWER, "pair")
    assert (second.asked, replay.kind) == (LONG, "replay")
    line = json.loads((tmp_path / "rows.jsonl").read_text().splitlines()[0])
    assert line["messages"] == ASKED.messages and line["answer"] == ANSWER

    tokenizer = load_tokenizer(tiny_base)
    (counted,) = lengths.measure([(ASKED, ANSWER)])
    assert counted.tokens == len(encode(tokenizer, ASKED, ANSWER))


def test_what_the_template_has_no_place_for_is_said_when_it_is_counted() -> None:
    part = {"type": "reference", "kind": "image", "media_type": "image/png", "bytes": 8, "sha256": "0" * 64}
    (counted,) = lengths.measure([(Conversation([{"role": "user", "content": [part]}]), ANSWER)])
    assert counted.tokens is None and counted.unwritable
    assert "no place for an image" in counted.problem
