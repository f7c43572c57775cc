"""What freezing a dataset would do now: its rows in order, and what stays out and why. Values only."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from curation.datasets.recipe import Recipe


@dataclass(frozen=True)
class PlannedRow:
    pair_id: str | None
    replay_row_id: int | None
    row_hash: str


@dataclass
class Plan:
    """What freezing would do now. `dropped`: pair → (reason, evidence); `replay_dropped`: reason → count."""

    recipe: Recipe
    epoch: int
    rows: list[PlannedRow] = field(default_factory=list)
    considered: int = 0
    dropped: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    replay_dropped: Counter[str] = field(default_factory=Counter)
    subjects: Counter[str] = field(default_factory=Counter)
    skills: Counter[str] = field(default_factory=Counter)
    refusals: int = 0
    replay_wanted: int = 0

    @property
    def pair_count(self) -> int:
        return sum(row.pair_id is not None for row in self.rows)

    @property
    def replay_count(self) -> int:
        return len(self.rows) - self.pair_count

    @property
    def drops(self) -> dict[str, int]:
        """Pairs left out, by reason."""
        return dict(Counter(reason for reason, _ in self.dropped.values()).most_common())

    @property
    def too_long(self) -> list[tuple[str, dict[str, Any]]]:
        """(pair, evidence) of those that the configured base cannot take whole."""
        return [(pair, evidence) for pair, (reason, evidence) in self.dropped.items() if reason == "length"]

    @property
    def replay_drops(self) -> dict[str, int]:
        """Replay rows that cannot be taken, by reason."""
        return {reason: count for reason, count in sorted(self.replay_dropped.items()) if count}

    def why_empty(self) -> str:
        if not self.considered:
            return "No accepted pair is in this window; accept some on the bench, or widen the window."
        return f"Of {self.considered} pairs in the window none passed: {self.drops}."
