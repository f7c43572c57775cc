"""The form of a new run: a dataset, a preset, a seed, and every value of the recipe for whoever wants it."""

from typing import Any

from django import forms
from django.conf import settings

from curation.models import Dataset
from training import lengths
from training.engine.manifest import LIMITS
from training.preparation.recipes import DEFAULT_PRESET, PRESETS

EXPLAINED: dict[str, tuple[str, str]] = {
    "epochs": ("Epochs", "Passes over the pairs. More learns them better and forgets more."),
    "min_steps": ("Least steps", "A dataset of few pairs is passed more often until so many steps are done."),
    "batch_size": ("Batch size", "Rows a step, replay included. Memory grows with it."),
    "replay_share": (
        "Replay share",
        "Part of every batch that repeats what the base already knows: against forgetting.",
    ),
    "kl_weight": ("KL weight", "How strongly the candidate is held to the base's own answers. 0 lets it drift."),
    "kl_on": ("KL on", "Hold it on all rows, or on replay rows only."),
    "lr": ("Learning rate", "Size of a step at its peak. Lower it when the loss jumps."),
    "warmup_steps": ("Warm-up steps", "Steps over which the learning rate rises to its peak."),
    "rank": ("LoRA rank", "Size of the adapter: how much it can learn at all."),
    "alpha": ("LoRA alpha", "Scale of the adapter's effect; usually twice the rank."),
    "max_length": ("Longest row", "In tokens. What becomes of a longer one is the next choice."),
    "too_long": (
        "Longer rows",
        "Nothing is cut in silence: the run’s page counts what was cut or left out. The system prompt and tools stay.",
    ),
    "loss": ("Learn", "Of a conversation: the answer that was corrected, or every turn of the assistant."),
    "grad_clip": ("Gradient clip", "Largest gradient norm of a step."),
    "eval_every": (
        "Measure every",
        "Steps between two measurements of the loss on replay kept aside; 0 never measures.",
    ),
    "checkpoint_every": ("Checkpoint every", "Steps between two checkpoints: what a lost worker can cost."),
}
CHOSEN: dict[str, list[tuple[str, str]]] = {
    "kl_on": [("all", "all rows"), ("replay", "replay rows")],
    "too_long": [
        ("refuse", "stop the run and name the row"),
        ("keep", "keep whole, up to what the base takes"),
        ("cut_left", "cut the oldest turns"),
    ],
    "loss": [("answer", "the answer"), ("assistant", "all turns of the assistant")],
}
WHOLE = {"rank", "epochs", "min_steps", "batch_size", "warmup_steps", "eval_every", "checkpoint_every", "max_length"}


class DatasetChoice(forms.ModelChoiceField):
    def label_from_instance(self, dataset: Any) -> str:
        marked = " · withdrawn rows, freeze again" if dataset.learnt_from_withdrawn_at else ""
        marked += " · rows of an exam, freeze again" if dataset.contamination else ""
        counts = f"{dataset.pair_count} pairs + {dataset.replay_count} replay"
        return f"{dataset.label} · {counts} · {dataset.merkle_root[:6]}…{marked}"


class NewRun(forms.Form):
    """`recipe()` is the preset with what was filled in over it; an empty field keeps the preset's value."""

    dataset = DatasetChoice(
        queryset=Dataset.objects.none(), empty_label=None, help_text="What to learn. Frozen, so it cannot change."
    )
    preset = forms.ChoiceField(
        choices=[(key, preset["label"]) for key, preset in PRESETS.items()],
        initial=DEFAULT_PRESET,
        widget=forms.RadioSelect,
    )
    base_model = forms.ChoiceField(label="Base model", help_text="Where the adapter starts from.")
    seed = forms.IntegerField(
        min_value=0,
        max_value=2**31 - 1,
        initial=0,
        help_text="Decides the adapter's first weights and the order of the rows. Same seed, same adapter.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["dataset"].queryset = Dataset.objects.order_by("-pk")  # type: ignore[attr-defined]
        short = short_name(settings.CFT_BASE_MODEL)
        self.fields["base_model"].choices = [(short, short)]  # type: ignore[attr-defined]
        self.fields["base_model"].initial = short
        for name in EXPLAINED:
            self.fields[name] = recipe_field(name)
        if context := lengths.limit():
            self.fields["max_length"].help_text += f" The base model takes {context}."

    def clean_base_model(self) -> str:
        """The whole name of what was chosen: a folder's path stays on this machine."""
        return str(settings.CFT_BASE_MODEL)

    @property
    def advanced(self) -> list[forms.BoundField]:
        return [self[name] for name in EXPLAINED]

    @property
    def advanced_open(self) -> bool:
        """Whether the advanced part holds something to look at: a value or an error."""
        return any(self.errors.get(name) or self[name].value() not in (None, "") for name in EXPLAINED)

    def recipe(self) -> dict[str, Any]:
        chosen = dict(PRESETS[self.cleaned_data["preset"]]["recipe"])
        filled = {name: self.cleaned_data[name] for name in EXPLAINED}
        return chosen | {name: value for name, value in filled.items() if value not in (None, "")}


def short_name(base: str) -> str:
    return base.rstrip("/").rsplit("/", 1)[-1]


def recipe_field(name: str) -> forms.Field:
    label, explained = EXPLAINED[name]
    if name in CHOSEN:
        choices = [("", "as preset"), *CHOSEN[name]]
        return forms.ChoiceField(label=label, required=False, choices=choices, help_text=explained)
    low, high = LIMITS[name]
    usual = PRESETS[DEFAULT_PRESET]["recipe"].get(name, "")
    shared: dict[str, Any] = {
        "label": label,
        "required": False,
        "help_text": f"{explained} {low:g} to {high:g}.",
        "widget": forms.NumberInput(attrs={"placeholder": str(usual), "step": "any"}),
    }
    if name in WHOLE:
        return forms.IntegerField(min_value=int(low), max_value=int(high), **shared)
    return forms.FloatField(min_value=low, max_value=high, **shared)
