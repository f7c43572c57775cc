"""What a dataset is made of: the recipe, its defaults, its limits, and the presets that the form offers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any


class BadRecipe(ValueError):
    """A field of the recipe is not understood: `problems` maps the field to what would be accepted."""

    def __init__(self, problems: dict[str, str]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{name}: {problem}" for name, problem in problems.items()))


@dataclass(frozen=True)
class Recipe:
    """How pairs and replay rows are selected. The whole recipe is kept in the dataset and in every run's manifest.

    - window: pairs accepted in the last `window_days`, or from `since` until `until` (ISO 8601); all if nothing is set.
    - weights: reason of the correction → weight (1 by default, 0 leaves it out): which pairs come first when
      `max_pairs` is fewer than there are.
    - caps: at most `per_subject` pairs of one subject, and at most `per_subject_share` of all pairs once a subject
      has more than `subject_free` of them.
    - replay: `replay_count` rows, or else as many as make up `replay_share` of the dataset, but no fewer than
      `replay_floor`: a few pairs with a few replay rows forget the most. Of them `refusal_share` are refusals, and
      every skill has at least `skill_floor` of them (as far as there are any).
    - duplicates: of rows that teach the same, one is kept: of those in the same words ("exact"), also of those in
      nearly the same ("near"), also of those that say it in other words ("semantic").
    - longer: rows longer than the base takes stay out ("leave_out"); of conversations they may be taken ("take"), for a
      run whose recipe cuts their oldest turns.
    - seed: decides every draw and the order. exclude: ids of pairs to leave out.
    """

    window_days: int | None = None
    since: str | None = None
    until: str | None = None
    weights: dict[str, float] = field(default_factory=dict)
    max_pairs: int | None = None
    per_subject: int = 200
    per_subject_share: float = 0.25
    subject_free: int = 25
    replay_count: int | None = None
    replay_share: float = 0.85
    replay_floor: int = 1500
    refusal_share: float = 0.1
    skill_floor: float = 0.02
    duplicates: str = "near"
    longer: str = "leave_out"
    seed: int = 0
    exclude: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def replay_rows(self, pairs: int) -> int:
        """How many replay rows go with this many pairs."""
        if self.replay_count is not None:
            return self.replay_count
        return max(self.replay_floor, round(pairs * self.replay_share / (1 - self.replay_share)))


PRESETS: dict[str, tuple[str, dict[str, Any]]] = {
    "standard": ("All accepted pairs with much replay: learns the new and forgets little", {}),
    "recent": ("The pairs of the last 30 days with much replay", {"window_days": 30}),
    "light": ("All pairs with as much replay again: faster, forgets more", {"replay_share": 0.5, "replay_floor": 0}),
}

RANGES: dict[str, tuple[float, float]] = {
    "window_days": (1, 36_500),
    "max_pairs": (1, 10_000_000),
    "per_subject": (1, 1_000_000),
    "per_subject_share": (0.0001, 1),
    "subject_free": (0, 1_000_000),
    "replay_count": (0, 10_000_000),
    "replay_share": (0, 0.99),
    "replay_floor": (0, 10_000_000),
    "refusal_share": (0, 1),
    "skill_floor": (0, 1),
    "seed": (0, 2**31 - 1),
}
LONGER = ("leave_out", "take")
REACH = {"exact": {"exact"}, "near": {"exact", "near"}, "semantic": {"exact", "near", "semantic"}}
WHOLE = {"window_days", "max_pairs", "per_subject", "subject_free", "replay_count", "replay_floor", "seed"}


def parse(given: Mapping[str, Any]) -> Recipe:
    """A recipe from a form, the API or a stored dataset. Raises BadRecipe, naming every field that is wrong."""
    known = {field.name for field in fields(Recipe)}
    problems = {name: f"no such field; there are {', '.join(sorted(known))}" for name in given if name not in known}
    values: dict[str, Any] = {}
    for name in known & given.keys():
        value = given[name]
        if value is None and name in ("window_days", "since", "until", "max_pairs", "replay_count"):
            continue
        problem = check(name, value)
        if problem:
            problems[name] = problem
        values[name] = value
    if problems:
        raise BadRecipe(problems)
    return Recipe(**values)


def check(name: str, value: Any) -> str:
    """What is wrong with a field's value; empty if nothing is."""
    if name in RANGES:
        low, high = RANGES[name]
        kind = int if name in WHOLE else int | float
        good = isinstance(value, kind) and not isinstance(value, bool) and low <= value <= high
        return "" if good else f"{value!r} is not a {'whole ' if name in WHOLE else ''}number from {low:g} to {high:g}"
    if name in ("since", "until"):
        return (
            "" if moment(value) else f"{value!r} is not a date and time with a zone, such as 2026-11-20T00:00:00+00:00"
        )
    if name == "duplicates":
        return "" if value in REACH else f"{value!r} is none of {', '.join(REACH)}"
    if name == "longer":
        return "" if value in LONGER else f"{value!r} is none of {', '.join(LONGER)}"
    if name == "weights":
        good = isinstance(value, Mapping) and all(
            isinstance(w, int | float) and not isinstance(w, bool) and w >= 0 for w in value.values()
        )
        return "" if good else "a weight of 0 or more for each reason, such as {'wrong_fact': 1}"
    good = isinstance(value, list) and all(isinstance(entry, str) for entry in value)
    return "" if good else "a list of ids of pairs"


def moment(value: Any) -> datetime | None:
    """A time with its zone from ISO 8601, None for anything else."""
    try:
        parsed = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return parsed if parsed.tzinfo else None
