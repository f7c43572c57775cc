"""What new items overlap with: how many stored rows, in which state, and what has learnt them already. Reads only."""

from collections import Counter
from dataclasses import dataclass, field

from django.db.models import Q

from curation.models import Case, Dataset, DatasetRow, ReverseCheck
from curation.screening import reverse_check
from training.models import Run

MOST = 50  # datasets or runs that a page names


@dataclass(frozen=True, slots=True)
class Reached:
    """A check's outcome, as a page shows it."""

    check: ReverseCheck
    rows: int
    overlapping: int
    items: int
    frozen: int
    kinds: dict[str, int] = field(default_factory=dict)
    methods: dict[str, int] = field(default_factory=dict)
    places: list[int] = field(default_factory=list)
    datasets: list[Dataset] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)


def reached(check: ReverseCheck) -> Reached:
    """Which rows the items overlap with, as things are now: a row may have been frozen since."""
    matches = check.matches.all()
    dataset_rows = DatasetRow.objects.filter(
        Q(pair__correction__case__in=matches.filter(case__isnull=False).values("case"))
        | Q(replay_row__in=matches.filter(replay_row__isnull=False).values("replay_row"))
    )
    datasets = Dataset.objects.filter(pk__in=dataset_rows.values("dataset")).order_by("-pk")
    return Reached(
        check=check,
        **reverse_check.figures(check),
        kinds=kinds_of(check),
        methods=dict(Counter(matches.values_list("method", flat=True)).most_common()),
        places=sorted(place + 1 for place in set(matches.values_list("item", flat=True)))[:MOST],
        datasets=list(datasets[:MOST]),
        runs=list(Run.objects.filter(dataset__in=datasets).order_by("-pk")[:MOST]),
    )


def kinds_of(check: ReverseCheck) -> dict[str, int]:
    """Rows by what they are: cases by their state, replay rows."""
    words = dict(Case.State.choices) | {Case.State.DECIDED: "Accepted"}
    states = Counter(check.matches.filter(case__isnull=False).values_list("case__state", flat=True))
    counts = {words[state]: count for state, count in sorted(states.items())}
    if replay := check.matches.filter(replay_row__isnull=False).count():
        counts["Replay rows"] = replay
    return counts
