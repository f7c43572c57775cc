"""The form of a freeze: a preset, and every value of the recipe for whoever wants it."""

from typing import Any

from django import forms

from curation.checks.identity import as_uuid
from curation.datasets.freezing import no_such_pairs, unknown_pairs
from curation.datasets.recipe import PRESETS, RANGES, WHOLE, BadRecipe, Recipe, parse
from feedback.models import Correction

EXPLAINED: dict[str, tuple[str, str]] = {
    "window_days": ("Last days", "Only pairs accepted in so many days. Empty: all."),
    "max_pairs": ("Most pairs", "Drawn by weight where there are more. Empty: all."),
    "per_subject": ("Pairs a person", "Most pairs of one person, whatever their number."),
    "per_subject_share": ("Share a person", "Largest part of all pairs that one person may have, from 0 to 1."),
    "subject_free": ("Free pairs", "Pairs that a person may have before the share counts."),
    "replay_share": ("Replay share", "Part of the dataset that repeats what the base already knows."),
    "replay_floor": ("Least replay", "Rows of replay, however few the pairs: few of both forget the most."),
    "replay_count": ("Replay rows", "So many instead of a share. Empty: the share."),
    "refusal_share": ("Refusals", "Part of the replay that is refusals: they keep the model safe."),
    "skill_floor": ("Skill floor", "Least part of the replay for every skill."),
    "seed": ("Seed", "Decides every draw and the order of the rows."),
}


class FreezeForm(forms.Form):
    """`recipe()` is the preset with what was filled in over it; an empty field keeps the preset's value."""

    name = forms.CharField(max_length=120, help_text="Such as “Week 47 corrections”.")
    preset = forms.ChoiceField(
        choices=[(key, text) for key, (text, _) in PRESETS.items()], initial="standard", widget=forms.RadioSelect
    )
    duplicates = forms.ChoiceField(
        required=False,
        label="Duplicates",
        help_text="Of lessons that are the same, one is kept.",
        choices=[
            ("", "As the preset"),
            ("exact", "Drop the same words"),
            ("near", "Also nearly the same words"),
            ("semantic", "Also the same in other words"),
        ],
    )
    longer = forms.ChoiceField(
        required=False,
        label="Longer rows",
        help_text="Of more tokens than the base takes. Only a conversation can be cut, by the recipe of its run.",
        choices=[
            ("", "As the preset"),
            ("leave_out", "Leave them out"),
            ("take", "Take conversations, for a run that cuts them"),
        ],
    )
    exclude = forms.CharField(
        required=False,
        label="Leave out",
        help_text="Ids of pairs, one a line: the end of a pair’s address.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        standard = Recipe()
        for name, (label, text) in EXPLAINED.items():
            low, high = RANGES[name]
            value = getattr(standard, name)
            attrs = {"placeholder": "" if value is None else f"{value:g}", "step": 1 if name in WHOLE else "any"}
            kind: Any = forms.IntegerField if name in WHOLE else forms.FloatField
            self.fields[name] = kind(
                required=False,
                label=label,
                help_text=text,
                min_value=low,
                max_value=high,
                widget=forms.NumberInput(attrs=attrs),
            )
        for reason, label in Correction.Reason.choices:
            self.fields[f"weight_{reason}"] = forms.FloatField(
                required=False,
                label=label,
                min_value=0,
                max_value=1000,
                widget=forms.NumberInput(attrs={"placeholder": "1", "step": "any"}),
            )

    def clean_exclude(self) -> list[str]:
        """Ids of pairs; a word that is none is named."""
        ids = [str(key) if (key := as_uuid(word)) else word for word in self.cleaned_data["exclude"].split()]
        if unknown := unknown_pairs(ids):
            raise forms.ValidationError(no_such_pairs(unknown))
        return ids

    def advanced(self) -> list[forms.BoundField]:
        return [*(self[name] for name in EXPLAINED), self["duplicates"], self["longer"], self["exclude"]]

    def weights(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith("weight_")]

    def advanced_open(self) -> bool:
        """Show all values again if one was filled in."""
        names = [name for name in self.fields if name not in ("name", "preset")]
        return any(self.data.get(name) or name in self.errors for name in names) if self.is_bound else False

    def recipe(self) -> dict[str, Any]:
        """The recipe asked for; to be called on a valid form."""
        given = dict(PRESETS[self.cleaned_data["preset"]][1])
        for name in EXPLAINED:
            if self.cleaned_data.get(name) is not None:
                given[name] = self.cleaned_data[name]
        weights = {
            name.removeprefix("weight_"): value
            for name, value in self.cleaned_data.items()
            if name.startswith("weight_") and value is not None
        }
        for name in ("duplicates", "longer"):
            if self.cleaned_data.get(name):
                given[name] = self.cleaned_data[name]
        excluded = self.cleaned_data.get("exclude", [])
        return given | ({"weights": weights} if weights else {}) | ({"exclude": excluded} if excluded else {})

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            try:
                parse(self.recipe())
            except BadRecipe as problem:
                for name, text in problem.problems.items():
                    self.add_error(name if name in self.fields else None, text)
        return cleaned
