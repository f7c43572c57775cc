"""What tests of training share: a tiny base model, a frozen dataset, people, and a trainer with a trainer's rights."""

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.contrib.auth.models import User
from django.db import connection, transaction

from audit.merkle import leaf_hash, root_of
from audit.models import Event
from cftapp.access.roles import environment_for
from cftapp.local.supervisor import WORKER_OPTIONS
from curation.checks.identity import row_hash
from curation.datasets.decontamination_report import digest
from curation.models import Dataset, DatasetRow, Pair, ReplayRow
from feedback.models import ConsentEntry, Source, Subject
from tests.support.people import person
from training import actions
from training.models import Run
from training.preparation.recipes import PRESETS

ROOT = Path(__file__).resolve().parents[2]
FACTS = [(f"What is the code of locker {n}?", f"The code is {n * 7 + 11}.") for n in range(6)]
SKILLS = [(f"What is {n} plus {n}?", f"{n + n}") for n in range(10)]

TINY = PRESETS["quick"]["recipe"] | {
    "rank": 2,
    "epochs": 1,
    "min_steps": 6,
    "batch_size": 4,
    "warmup_steps": 1,
    "eval_every": 3,
    "checkpoint_every": 2,
}


@pytest.fixture(scope="session")
def tiny_base() -> Path:
    """An untrained model of a few thousand weights with the demo model's tokenizer and architecture."""
    import torch
    from transformers import LlamaForCausalLM

    from training.demo_model.model import demo_config
    from training.demo_model.tokenizer import train_tokenizer

    folder = Path(configured.CFT_VAR) / "tiny base"
    tokenizer = train_tokenizer([text for pair in FACTS + SKILLS for text in pair])
    config = demo_config(len(tokenizer))
    config.update({"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2})
    config.update({"num_key_value_heads": 2, "head_dim": 8})
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def _use_tiny_base(settings: Any, request: pytest.FixtureRequest) -> None:
    if {"db", "transactional_db", "dataset"} & set(request.fixturenames):
        settings.CFT_BASE_MODEL = str(request.getfixturevalue("tiny_base"))


@pytest.fixture
def edda(transactional_db: None) -> User:
    """An engineer."""
    return person("edda", "engineer")


@pytest.fixture
def rolf(transactional_db: None) -> User:
    """A reviewer."""
    return person("rolf", "reviewer")


@pytest.fixture
def dataset(edda: User) -> Dataset:
    """Six facts and ten rows of replay, frozen. How rows come to be frozen is curation's; its guards look away here."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        return freeze(edda)


def consenting_subjects() -> list[Subject]:
    """A user for each fact, who has consented."""
    shop = Source.objects.create(name="shop", title="Shop")
    users = [Subject.objects.create(source=shop, key_hash=f"{n:064x}", lane="training") for n in range(len(FACTS))]
    for user in users:
        ConsentEntry.objects.create(subject=user, decision="granted", wording_id="2026-11", recorded_by="visitor")
    return users


def freeze(by: User) -> Dataset:
    pairs = [
        Pair.objects.create(
            correction_id=uuid.uuid4(),
            subject=subject,
            prompt=prompt,
            chosen=answer,
            rejected="I do not know.",
            row_hash=row_hash(prompt, answer, "I do not know."),
            screened_epoch=1,
            accepted_by=by,
        )
        for (prompt, answer), subject in zip(FACTS, consenting_subjects(), strict=True)
    ]
    replay = [
        ReplayRow.objects.create(skill="sum", prompt=p, answer=a, row_hash=row_hash(p, a), screened_epoch=1)
        for p, a in SKILLS
    ]
    return frozen_of(pairs, replay, by)


def frozen_of(pairs: list[Pair], replay: list[ReplayRow], by: User) -> Dataset:
    """A dataset of these rows, in this order."""
    hashes = [row.row_hash for row in [*pairs, *replay]]
    frozen = Dataset.objects.create(
        name="Lockers",
        recipe={},
        report={},
        report_sha256=digest({}),
        merkle_root=root_of(leaf_hash(bytes.fromhex(hash)) for hash in hashes).hex(),
        pair_count=len(pairs),
        replay_count=len(replay),
        epoch=1,
        frozen_by=by,
    )
    for position, row in enumerate([*pairs, *replay]):
        kind = "pair" if isinstance(row, Pair) else "replay_row"
        DatasetRow.objects.create(dataset=frozen, position=position, row_hash=row.row_hash, **{kind: row})
    return frozen


@pytest.fixture
def queue(dataset: Dataset, edda: User) -> Callable[..., Run]:
    """`queue(epochs=3, seed=1)`: a tiny run by edda, with these values of the recipe."""

    def queue_one(seed: int = 0, **recipe: Any) -> Run:
        return actions.queue_run(dataset, TINY | recipe, seed=seed, by=edda)

    return queue_one


def trainer_environment() -> dict[str, str]:
    return environment_for("trainer", os.environ) | {"DJANGO_SETTINGS_MODULE": "cftapp.settings"}


@pytest.fixture
def train() -> Callable[[Run], Run]:
    """Work on a run in a process of its own, with a trainer's environment, login and rights; returns the run after."""

    def work_on(run: Run) -> Run:
        code = f"import django; django.setup(); from training.work import work; print(work({run.pk}))"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=trainer_environment(), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        run.refresh_from_db()
        return run

    return work_on


class Worker:
    """A real Celery worker of the training queue."""

    def __init__(self, log: Path) -> None:
        self.log = log
        worker = [sys.executable, "-m", "celery", "-A", "cftapp", "worker", "-Q", "training"]
        command = [*worker, "-n", f"t{uuid.uuid4().hex}", *WORKER_OPTIONS]
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=trainer_environment(), stdout=output, stderr=subprocess.STDOUT
            )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[Callable[[], Worker]]:
    workers: list[Worker] = []

    def start() -> Worker:
        workers.append(Worker(tmp_path / f"worker-{len(workers)}.log"))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()


def events(run: Run) -> list[str]:
    """Names of the events about a run, in order."""
    about = Event.objects.filter(edges__kind="run", edges__object_id=str(run.pk)).distinct()
    return list(about.order_by("pk").values_list("name", flat=True))
