"""The stages of `make demo`, each as the person of that stage would go through it, with what came of it in figures."""

import json
import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

import httpx
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connections

from audit.checkpoint import load_public_key
from audit.lineage import trace
from audit.models import Event
from audit.verify import verify_here
from cftapp.base.actors import VISITOR, process_name
from cftapp.local.demo.sample import in_training, shown, support_source
from cftapp.local.demo.stack import Broken, wait_for
from conversation import Message
from curation.datasets.actions import freeze_dataset
from curation.models import Blocker, Case, Dataset, Pair, ReplayRow
from curation.triage.actions import claim_case, decide_case
from evaluation.models import Gate
from feedback.actions import issue_api_key, withdraw_consent
from feedback.models import BugReport, Comment, Correction, Interaction, Lane, TasteNote
from serving.models import Promotion, Release
from serving.releases.actions import promote
from training.actions import folder_of, queue_run
from training.demo_model import dialogues, world
from training.models import Run
from training.preparation.recipes import PRESETS

QUESTIONS = 6
SECOND_TURN = 3  # the seed of a follow-up that names no subject


def walk(url: str) -> None:
    """From the sample feedback to a verdict on the model that learnt from it, and to the withdrawal of a consent."""
    gateway = Gateway(url, issue_api_key(support_source(), "demo", by=process_name("demo"))[1])
    second = correct_second_turn(gateway)
    captured()
    pairs = triage(User.objects.get(username="reviewer"))
    asked = [(pair.prompt, pair.chosen) for pair in pairs[:QUESTIONS]]
    before = [gateway.answer(prompt) for prompt, _ in asked]
    engineer = User.objects.get(username="engineer")
    dataset = freeze(engineer)
    run = train(dataset, engineer)
    gate = examine(run)
    release = ship(gate, engineer)
    compare(asked, before, [gateway.answer(prompt) for prompt, _ in asked])
    ask_again(gateway, second, release)
    prove(pairs[0], release)
    withdraw(pairs[0], dataset, run, release)
    check_invariants(run)


class Gateway:
    """The gateway and the API of feedback, as an application of the company uses them."""

    def __init__(self, url: str, token: str) -> None:
        self.client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        reply = self.client.post(path, json=body)
        require(reply.is_success, f"{path} answered {reply.status_code}: {reply.text[:200]}")
        return reply.json()

    def complete(self, messages: list[Message], user: str = "demo") -> tuple[str, str]:
        """The id of the interaction and what the champion answers."""
        body = {"model": "champion", "messages": messages, "temperature": 0, "user": user}
        reply = self.post("/v1/chat/completions", body)
        return str(reply["id"]), str(reply["choices"][0]["message"]["content"]).strip()

    def answer(self, prompt: str) -> str:
        return self.complete([{"role": "user", "content": prompt}])[1]

    def correct(self, interaction: str, replacement: str) -> None:
        body = {"interaction": interaction, "replacement": replacement, "reason": "outdated", "consent": shown()}
        self.post("/api/v1/corrections/", body)


@dataclass(frozen=True)
class CorrectedTurn:
    """A later turn of a conversation, what was answered, and what is right."""

    messages: list[Message]
    before: str
    right: str


def correct_second_turn(gateway: Gateway) -> CorrectedTurn:
    """Ask something, ask on in the same conversation, and correct the second answer, as an application's user would."""
    user = in_training("caller")
    row = dialogues.corrected(random.Random(SECOND_TURN), world.unreported()[1], style="")
    opening, _, question = row["messages"]
    first = gateway.complete([opening], user)[1]
    messages = [opening, {"role": "assistant", "content": first}, question]
    interaction, wrong = gateway.complete(messages, user)
    right = str(row["chosen"]["content"])
    require(wrong != right, f"the base model knows already that {right}")
    gateway.correct(interaction, right)
    return CorrectedTurn(messages, wrong, right)


def captured() -> None:
    """What load_demo recorded while the stack started, and what the screener found."""
    wait_for(all_screened, "the screener")
    lanes = Counter(Interaction.objects.values_list("lane", flat=True))
    kinds = Counter(case.kind for case in Case.objects.all())
    with connections["vault"].cursor() as vault:
        vault.execute("SELECT count(*) FROM vault_mailboxentry")
        posted = vault.fetchone()[0]
    say(
        "feedback",
        *(f"{name}: {count}" for name, count in {**lanes, **kinds, "in the vault's mailbox": posted}.items()),
    )
    blockers = Blocker.objects.filter(blocking=True).exclude(check_name="kind")
    blocked = Counter(blockers.values_list("check_name", flat=True))
    say("screening", *(f"blocked by {check}: {count}" for check, count in sorted(blocked.items())))
    require(blocked["overlap"] > 0, "the exam item among the corrections was not found")


def all_screened() -> bool:
    """Whether every piece of feedback has a case, every case its findings, and every replay row was looked at."""
    models = (Correction, BugReport, TasteNote, Comment)
    if any(model.objects.caseless().exists() for model in models) or Case.objects.waiting().exists():
        return False
    return not ReplayRow.objects.stale().exists()


def triage(reviewer: User) -> list[Pair]:
    """Accept every correction that no check forbids, retype or reject the rest."""
    for case in Case.objects.reviewable().order_by("id").prefetch_related("findings"):
        claim_case(reviewer, case.pk)
        own = {"bug_report": "bug", "taste_note": "taste", "comment": "rejected"}.get(case.kind)
        decide_case(case.pk, own or ("rejected" if case.blocked else "accepted"), by=reviewer)
    verdicts = Counter(Case.objects.values_list("verdict", flat=True))
    say("triage", *(f"{verdict}: {count}" for verdict, count in sorted(verdicts.items())))
    return list(Pair.objects.accepted().order_by("accepted_at"))


def freeze(engineer: User) -> Dataset:
    """The standard recipe: all accepted pairs with much replay."""
    dataset = freeze_dataset("Demo", {}, by=engineer)
    dropped = dict(dataset.report["dropped"])
    say(
        "dataset",
        f"{dataset.pair_count} pairs + {dataset.replay_count} replay rows, epoch {dataset.epoch}",
        f"Merkle root {dataset.merkle_root}",
        f"dropped: {dropped or 'none'}",
    )
    return dataset


def train(dataset: Dataset, engineer: User) -> Run:
    """Queue a run and follow what the trainer's engine writes."""
    run = queue_run(dataset, PRESETS["quick"]["recipe"], seed=0, by=engineer)
    wait_for(lambda: settled(Run, run.pk), "the run")
    run.refresh_from_db()
    require(run.state == Run.State.FINISHED, f"run {run.pk} {run.state}: {run.error}")
    steps = [json.loads(line) for line in (folder_of(run) / "metrics.jsonl").read_text().splitlines()]
    first, last = steps[0], steps[-1]
    say(
        "training",
        f"run {run.pk}: {last['step']} steps, {last['epoch']:.1f} epochs, {last['seconds']:.0f} s",
        f"loss {first['loss']:.3f} -> {last['loss']:.3f}, KL to the base {last['kl']:.4f}",
        f"manifest {run.manifest_sha256}",
        f"adapter  {run.adapter_sha256}",
        f"the vault, asked by the trainer: {run.vault_refusal.strip().splitlines()[-1]}",
    )
    return run


def settled(model: Any, key: int) -> bool:
    """Whether a job has ended, well or not."""
    return bool(model.objects.filter(pk=key, state__in=["finished", "failed", "stopped"]).exists())


def examine(run: Run) -> Gate:
    """The gate opens by itself after the run; wait for its verdict."""
    gate = wait_for(lambda: Gate.objects.filter(run=run).first(), "the gate")
    wait_for(lambda: settled(Gate, gate.pk), "the verdict")
    gate.refresh_from_db()
    require(gate.state == Gate.State.FINISHED, f"gate {gate.pk} {gate.state}: {gate.error}")
    lines = [
        f"{result.version} against the {result.opponent}: {result.candidate_correct}/{result.items}, "
        f"was {result.opponent_correct}/{result.items}; {result.lower:+.3f} … {result.upper:+.3f}, "
        f"limit {result.margin:.3f}: {result.verdict}"
        for result in gate.results.select_related("version__benchmark").order_by("id")
    ]
    say(f"gate {gate.pk}: {gate.verdict}", *lines)
    return gate


def ship(gate: Gate, engineer: User) -> Release | None:
    """Promote what passed; leave the champion alone otherwise."""
    release = wait_for(lambda: Release.objects.filter(run=gate.run).first(), "the release")
    if gate.verdict != "PASS":
        say("release", f"v{release.number} stays in the pool: the gate says {gate.verdict}")
        return None
    promotion = promote(release, gate, by=engineer)
    say("release", f"v{release.number} is champion ({release.model_name}), promotion {promotion.pk}")
    return release


def compare(asked: list[tuple[str, str]], before: list[str], after: list[str]) -> None:
    """The corrected questions, asked before and after."""
    lines = []
    for (prompt, chosen), was, now in zip(asked, before, after, strict=True):
        lines += [prompt, f"    before: {was}", f"    after:  {now}{'' if now == chosen else '   (not learnt)'}"]
    say("answers", *lines)


def ask_again(gateway: Gateway, turn: CorrectedTurn, release: Release | None) -> None:
    """The corrected second turn, asked once more in the conversation in which it was asked."""
    now = gateway.complete(turn.messages)[1]
    lines = [f"{message['role']}: {message['content']}" for message in turn.messages]
    say("the second turn", *lines, f"    before: {turn.before}", f"    after:  {now}")
    require(release is None or now == turn.right, f"the second turn was not learnt: {now!r}, not {turn.right!r}")


def prove(pair: Pair, release: Release | None) -> None:
    """The log verifies and holds the way from a pair to the model that learnt it."""
    wait_for(lambda: not Event.objects.filter(leaf__isnull=True).exists(), "the sealer")
    assert settings.CFT_AUDIT_PUBLIC_KEY_FILE  # the owner of an embedded stack holds both keys
    report = verify_here(load_public_key(settings.CFT_AUDIT_PUBLIC_KEY_FILE), settings.CFT_AUDIT_PUBLIC_KEY_FILE)
    require(report.verified, "the log does not verify: " + "; ".join(report.problems))
    kinds = {step.kind for step in trace("pair", str(pair.pk), "forward")}
    require({"dataset", "run"} <= kinds, f"the pair's lineage ends early: {sorted(kinds)}")
    require(release is None or "promotion" in kinds, f"the pair's lineage does not reach the release: {sorted(kinds)}")
    say(
        "audit",
        f"{report.size} events sealed, {report.checkpoints} signed checkpoints, {report.outside} of them also outside",
        f"root {report.root}",
        f"a pair leads to: {', '.join(sorted(kinds))}",
    )


def withdraw(pair: Pair, dataset: Dataset, run: Run, release: Release | None) -> None:
    """A person changes their mind: everything that learnt from them is marked."""
    withdraw_consent(pair.subject, by=VISITOR)
    marked: list[Dataset | Run | Release] = [row for row in (dataset, run, release) if row is not None]
    wait_for(lambda: all(map(is_marked, marked)), "the marks of the withdrawal")
    say("withdrawal", f"marked: {', '.join(f'{type(row).__name__.lower()} {row.pk}' for row in marked)}")


def is_marked(row: Dataset | Run | Release) -> bool:
    """Whether a row is known to have learnt from somebody who withdrew."""
    row.refresh_from_db(fields=["learnt_from_withdrawn_at"])
    return row.learnt_from_withdrawn_at is not None


def check_invariants(run: Run) -> None:
    """What must hold however the loop went."""
    stubs = Interaction.objects.filter(lane=Lane.HELD_OUT)
    require(not stubs.exclude(prompt="", answer="").exists(), "held-out text is in the training database")
    require("permission denied" in run.vault_refusal, "PostgreSQL did not refuse the trainer")
    pairs = Pair.objects.exclude(state=Pair.State.WITHDRAWN)
    require(not pairs.exclude(pk__in=pairs.consented()).exists(), "a pair has no consent")
    require(not Pair.objects.filter(correction__case__findings__blocking=True).exists(), "a blocked case became a pair")
    passed = Promotion.objects.filter(reason="promoted").exclude(gate__verdict="PASS")
    require(not passed.filter(waiver__isnull=True).exists(), "a release was promoted past its gate")
    decided = Event.objects.filter(name="case.decided").count()
    require(decided == Case.objects.exclude(verdict="").count(), "verdicts and their audit events do not agree")
    say("invariants", "all six hold")


def say(stage: str, *lines: Any) -> None:
    """One stage's report."""
    print(f"\n{stage}", *(f"  {line}" for line in lines), sep="\n", flush=True)


def require(condition: bool, otherwise: str) -> None:
    """Stop the demo unless this holds."""
    if not condition:
        raise Broken(otherwise)
