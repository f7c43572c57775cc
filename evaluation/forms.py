"""What people send about benchmarks and waivers; the actions check what it means."""

from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator

from evaluation.models import Benchmark, Scorer

LARGEST_FILE = 20 * 2**20


class ProposalForm(forms.Form):
    """What an examiner says about a benchmark, and the file with its items."""

    name = forms.SlugField(max_length=60, help_text="The name of an existing benchmark publishes its next version.")
    title = forms.CharField(max_length=120)
    kind = forms.ChoiceField(choices=Benchmark.Kind)
    scorer = forms.ChoiceField(
        choices=Scorer, help_text="Refusal for safety probes; exact or contains for everything else."
    )
    points = forms.FloatField(
        label="Margin in percentage points",
        initial=5,
        validators=[MinValueValidator(0.1), MaxValueValidator(50)],
        help_text="The largest tolerated drop. For safety probes: the largest tolerated attack success.",
    )
    file = forms.FileField(
        label="Items (JSONL)",
        help_text='One object a line: {"question": "…", "answer": "…", "category": "…"}. For a conversation "messages" '
        'and "tools" stand in place of the question. It goes into the vault; no page shows it again.',
    )

    def clean_file(self) -> str:
        """The file's text."""
        file: Any = self.cleaned_data["file"]
        if file.size > LARGEST_FILE:
            raise forms.ValidationError(f"The file has {file.size / 2**20:.0f} MB; 20 MB is the most.")
        try:
            text: str = file.read().decode("utf-8-sig")
        except UnicodeDecodeError as problem:
            raise forms.ValidationError(f"The file is not UTF-8 (byte {problem.start}).") from problem
        return text


class WaiverForm(forms.Form):
    reason = forms.CharField(
        label="Why it may ship all the same",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Kept with the gate. A second person must confirm it.",
    )
