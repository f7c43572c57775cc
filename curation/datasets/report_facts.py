"""Reads what a decontamination report says of a planned dataset: a few queries, whatever the number of rows."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import Count, F

from curation.datasets import decontamination_report
from curation.decontamination import overlap
from curation.models import Blocker, Case, Override, Pair, RegistryEpoch
from curation.triage import override_rules

if TYPE_CHECKING:
    from curation.datasets.plan import Plan


def facts(made: "Plan", merkle_root: str) -> decontamination_report.Facts:
    """Everything that the report of this plan says."""
    taken = [UUID(row.pair_id) for row in made.rows if row.pair_id is not None]
    return decontamination_report.Facts(
        merkle_root=merkle_root,
        recipe=made.recipe.as_dict(),
        epoch=epoch_of(RegistryEpoch.objects.select_related("policy").get(pk=made.epoch)),
        considered=made.considered,
        pairs=made.pair_count,
        replay_rows=made.replay_count,
        refusals=made.refusals,
        dropped=[(pair, reason, more) for pair, (reason, more) in made.dropped.items()],
        replay_dropped=made.replay_drops,
        replay_wanted=made.replay_wanted,
        skills=made.skills,
        subjects=made.subjects,
        measured=measured(taken),
        stream=caught(),
        screened=Case.objects.filter(screened_epoch__isnull=False).count(),
        overrides=let_pass(taken),
    )


def epoch_of(epoch: RegistryEpoch) -> decontamination_report.Epoch:
    return decontamination_report.Epoch(
        number=epoch.number,
        sha256=epoch.sha256,
        snapshot=epoch.snapshot_number,
        items=epoch.items,
        unprotected_items=epoch.unprotected_items,
        normaliser=epoch.normaliser,
        policy_version=epoch.policy_version,
        limits=overlap.limits(epoch.policy.values if epoch.policy else None),
    )


def measured(pairs: Sequence[UUID]) -> decontamination_report.Measured:
    """Which measures looked at these pairs, as screening left it in their findings."""
    findings = Blocker.objects.filter(case__correction__pair__in=pairs, check_name=Blocker.Check.OVERLAP)
    measures: Counter[str] = Counter()
    unread: Counter[str] = Counter()
    encoders: set[str] = set()
    languages: Counter[str] = Counter()
    translators: set[str] = set()
    looked_through = 0
    for evidence in findings.values_list("evidence", flat=True).iterator(chunk_size=5_000):
        measures.update(set(evidence.get("scores", {})) & decontamination_report.METHODS.keys())
        # A word-for-word look at short items comes with the look at whole ones, and has no score of its own.
        measures["sequence"] += "exact" in evidence.get("scores", {}) and "sequence" not in evidence["scores"]
        unread.update(evidence.get("not_checked", []))
        encoders |= {evidence["encoder"]} if evidence.get("encoder") else set()
        if evidence.get("translator"):
            looked_through += 1
            translators.add(evidence["translator"])
            languages.update(evidence.get("languages", []))
    translation = decontamination_report.Translation(
        looked_through, sorted(translators), dict(sorted(languages.items()))
    )
    return decontamination_report.Measured(
        len(pairs), dict(measures), sorted(encoders), dict(unread), translation=translation
    )


def caught() -> list[decontamination_report.Caught]:
    """What blocks cases now, everything that was ever screened, by check, method and benchmark."""
    groups = Blocker.objects.filter(blocking=True).values(
        "check_name", method=F("evidence__method"), benchmark=F("evidence__benchmark")
    )
    counted = groups.annotate(rows=Count("pk")).order_by("check_name", "method", "benchmark")
    return [
        decontamination_report.Caught(row["check_name"], row["method"] or "", row["benchmark"] or "", row["rows"])
        for row in counted
    ]


def let_pass(pairs: Sequence[UUID]) -> list[dict[str, Any]]:
    """The overrides that these pairs stand on, in the order in which they were asked for."""
    cases = dict(
        Pair.objects.filter(pk__in=pairs, correction__case__overrides__state=Override.State.CONFIRMED).values_list(
            "correction__case", "pk"
        )
    )
    findings = Blocker.objects.with_found().filter(case__in=cases, blocking=True)
    by_case: dict[int, list[Blocker]] = {}
    for finding in findings:
        by_case.setdefault(finding.case_id, []).append(finding)
    confirmed = Override.objects.confirmed().with_found().filter(case__in=cases).order_by("id")
    held: dict[int, list[Override]] = {}
    for override in confirmed:
        held.setdefault(override.case_id, []).append(override)
    standing = [
        override
        for case, overrides in held.items()
        for override in override_rules.by_finding(by_case.get(case, []), overrides).values()
    ]
    return list(listed(sorted(standing, key=lambda override: override.pk), cases))


def others_of(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The further items that people let pass with the first one, where there are any."""
    others = [{key: other[key] for key in ("method", "item", "benchmark")} for other in evidence.get("others", ())]
    return {"others": others} if others else {}


def listed(overrides: Iterable[Override], pairs: dict[int, UUID]) -> Iterable[dict[str, Any]]:
    """As the report has them: ids, moments and the hash of the reason, so that no erased word stays behind in it."""
    for override in overrides:
        evidence = override.finding["evidence"]
        yield {
            "override": override.pk,
            "pair": str(pairs[override.case_id]),
            "check": override.check_name,
            **{key: evidence[key] for key in ("method", "item", "benchmark") if key in evidence},
            **others_of(evidence),
            "score": override.finding["score"],
            "limit": override.finding["limit"],
            "asked_by": f"user:{override.requested_by_id}",
            "asked_at": override.requested_at.isoformat(),
            "confirmed_by": f"user:{override.settled_by_id}",
            "confirmed_at": override.settled_at.isoformat() if override.settled_at else None,
            "reason_sha256": override_rules.digest_of(override.reason),
        }
