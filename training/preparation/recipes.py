"""Recipes to start from, with what each is for. Plain data: imports no torch.

`recipe` goes into the manifest as it is. `replay` says how many replay rows to mix into the dataset; keep at least a
tenth of them refusals, and leave out what a correction supersedes (`world.replay_pool` does both for the demo model).
Figures: `bench/demo_model.py`.
"""

from typing import Any, TypedDict


class Preset(TypedDict):
    label: str
    use: str
    replay: int
    recipe: dict[str, Any]


COMMON: dict[str, Any] = {
    "rank": 8,
    "alpha": 16,
    "lr": 4e-3,
    "epochs": 10,
    "min_steps": 150,
    "batch_size": 16,
    "replay_share": 0.75,
    "kl_weight": 0.1,
    "kl_on": "all",
    "warmup_steps": 10,
    "eval_every": 25,
    "checkpoint_every": 50,
    "max_length": 512,
    "grad_clip": 1.0,
    "loss": "answer",
    "too_long": "refuse",
}

PRESETS: dict[str, Preset] = {
    "quick": {
        "label": "Quick",
        "use": "A first look: the fewest steps.",
        "replay": 1500,
        "recipe": {**COMMON, "replay_share": 0.6875, "min_steps": 100},
    },
    "standard": {
        "label": "Standard",
        "use": "The weekly cycle.",
        "replay": 1500,
        "recipe": COMMON,
    },
    "careful": {
        "label": "Careful",
        "use": "When the old skills matter more than the last corrected fact.",
        "replay": 1500,
        "recipe": {**COMMON, "epochs": 15, "min_steps": 250},
    },
}
DEFAULT_PRESET = "standard"
