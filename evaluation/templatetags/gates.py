"""`{% gate_cards gate %}`: a gate's results as cards, wherever a gate is shown."""

from typing import Any

from django import template

from evaluation.gates.wording import reading_of
from evaluation.models import Gate

register = template.Library()
register.filter("reading", reading_of)


@register.inclusion_tag("evaluation/gates/cards.html")
def gate_cards(gate: Gate) -> dict[str, Any]:
    """One card a benchmark and opponent. One query, none where `results__version__benchmark` was prefetched."""
    prefetched = "results" in getattr(gate, "_prefetched_objects_cache", {})
    results = gate.results.all() if prefetched else gate.results.select_related("version__benchmark")
    return {
        "gate": gate,
        "groups": [
            (name, group)
            for name in ("champion", "anchor")
            if (group := [result for result in results if result.opponent == name])
        ],
    }
