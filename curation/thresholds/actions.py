"""The writes of tuning: a policy saved by a person, labelled scores stored by the evaluator."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from audit.actions import record
from cftapp.base.accounts import has_role
from cftapp.base.actors import Actor
from cftapp.base.refusal import Conflict, Forbidden, Refused
from curation.decontamination.overlap import Policy
from curation.models import LabelledScores, ScreeningPolicy
from curation.thresholds import labelled_set, tuning
from curation.thresholds.policies import PolicyState, policy_state
from curation.thresholds.tuning import BadPolicy, Group


def save_policy(values: Mapping[str, Any], note: str, *, replaces: int, by: User) -> ScreeningPolicy:
    """Save thresholds as the next version of the policy; the evaluator then makes an epoch of it.

    `replaces`: the newest version that the person saw. Conflict if another was saved since. Refused for a value out of
    range, without a note, if nothing changes, and for an engineer who loosens a threshold beyond its safe bound.
    """
    try:
        with transaction.atomic():
            return _save_version(values, note.strip(), replaces, by)
    except IntegrityError as problem:  # two people at once: a version number exists once
        raise superseded(replaces) from problem


def _save_version(values: Mapping[str, Any], note: str, replaces: int, by: User) -> ScreeningPolicy:
    state = policy_state()
    if state.newest_version != replaces:
        raise superseded(replaces)
    policy = checked(values, note, state, by)
    snapshot = labelled_set.newest_snapshot()
    measured = tuning.measure(labelled_set.groups(snapshot), policy).summary() if snapshot else {}
    saved = ScreeningPolicy.objects.create(
        version=replaces + 1,
        values=asdict(policy),
        note=note,
        measured=measured | {"snapshot": snapshot} if measured else {},
        saved_by=by,
    )
    record(
        "policy.saved",
        by=by,
        used=[("policy", replaces)] if replaces else [],
        generated=[("policy", saved.version)],
        detail={"values": saved.values, "measured": saved.measured},
    )
    return saved


def superseded(replaces: int) -> Conflict:
    message = f"Version {replaces} is not the newest any more."
    return Conflict.because("replaces", message, "Look at the newest version, then save yours.")


def parse_policy(values: Mapping[str, Any], base: Policy) -> Policy:
    """The policy that these values make of `base`. Raises Refused."""
    try:
        return tuning.parse(values, base)
    except BadPolicy as problem:
        raise Refused.because(problem.field, problem.message, problem.remedy) from problem


def checked(values: Mapping[str, Any], note: str, state: PolicyState, by: User) -> Policy:
    """The policy, if this person may save it. Raises Refused; Forbidden where a lead is needed."""
    base = state.newest_policy
    policy = parse_policy(values, base)
    if not note or len(note) > 300:
        raise Refused.because("note", "A policy needs a reason.", "Say in 1 to 300 characters why these thresholds.")
    if policy == base:
        raise Refused.because("values", "These thresholds are those of the newest version.", "Move a threshold first.")
    beyond = tuning.unsafe(policy, base)
    if beyond and not has_role(by, "lead"):
        raise Forbidden.because(
            beyond[0].name,
            f"{beyond[0].label} above {beyond[0].safe:g} lets leaks through.",
            "Ask a lead to save this, or choose a lower value.",
        )
    return policy


@transaction.atomic
def store_labelled_scores(snapshot: int, part: int, groups: Sequence[Group], *, by: Actor) -> int:
    """Keep one share of the labelled set, of which there is none yet; the same share again changes nothing.

    Returns how many rows it holds.
    """
    if LabelledScores.objects.filter(snapshot_number=snapshot, part=part).exists():
        return 0
    kept = groups or [Group("nothing to score", False, [], [], [])]  # so that the share counts as done
    LabelledScores.objects.bulk_create(
        LabelledScores(
            snapshot_number=snapshot,
            part=part,
            form=group.form,
            is_leak=group.is_leak,
            rows=len(group.scores),
            columns=tuning.columns_of(zip(group.scores, group.right, group.reporting, strict=True)),
        )
        for group in kept
    )
    rows = sum(len(group.scores) for group in groups)
    record(
        "labelled.stored",
        by=by,
        detail={"snapshot": snapshot, "part": part, "rows": rows, "forms": len(groups)},
    )
    return rows
