"""Forms of the visitors' pages: a form for each kind of feedback. The kind is chosen before a word is written."""

from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms

from conversation import LONGEST_TEXT
from feedback.api.texts import MEDIUM
from feedback.models import ConsentWording, Correction, TasteNote

Area = forms.Textarea(attrs={"rows": 3})


class FeedbackForm(forms.Form):
    """Feedback of a kind. `answer`: what the model answered, if it is known; a correction starts from it.

    `wording`: what stands beside the consent box, for those who may consent.
    """

    kind: ClassVar[str]
    glyph: ClassVar[str]
    heading: ClassVar[str]
    promise: ClassVar[str]
    button: ClassVar[str]
    text_field: ClassVar[str]  # the field that holds what the person writes

    def __init__(self, *args: Any, answer: str = "", wording: ConsentWording | None = None, **kwargs: Any) -> None:
        kwargs["prefix"] = self.kind
        super().__init__(*args, **kwargs)
        self.answer, self.wording = answer, wording


class BugForm(FeedbackForm):
    kind, glyph, heading = "bug_report", "bug", "It broke"
    promise, button = (
        "Goes on the bug list that the engineers work through. Never used for training.",
        "Send the report",
    )
    text_field = "what_happened"

    what_happened = forms.CharField(label="What happened?", max_length=MEDIUM, widget=Area)
    expected = forms.CharField(label="What did you expect?", max_length=MEDIUM, widget=Area, required=False)


class TasteForm(FeedbackForm):
    kind, glyph, heading = "taste_note", "taste", "I would word it differently"
    promise, button = "A reviewer reads it. Never counted as an error, never used for training.", "Send the note"
    text_field = "preference"

    preference = forms.CharField(label="How would you word it?", max_length=MEDIUM, widget=Area)
    aspect = forms.ChoiceField(label="What is it about?", choices=TasteNote.Aspect.choices)


class CorrectionForm(FeedbackForm):
    kind, glyph, heading = "correction", "correction", "It is wrong, and I know the right answer"
    promise, button = "A reviewer checks it before any model can learn from it.", "Send the correction"
    text_field = "replacement"

    replacement = forms.CharField(label="The right answer", max_length=LONGEST_TEXT, strip=False, widget=Area)
    reason = forms.ChoiceField(label="What was wrong?", choices=Correction.Reason.choices)
    note = forms.CharField(
        label="How do you know?",
        max_length=MEDIUM,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="For the reviewer. Never used for training.",
    )
    consent = forms.CharField(required=False)  # the version of the wording beside the box

    def __init__(self, *args: Any, answer: str = "", wording: ConsentWording | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {"replacement": answer})
        super().__init__(*args, answer=answer, wording=wording, **kwargs)
        if wording is None:
            del self.fields["consent"]

    def clean_replacement(self) -> str:
        """A browser sends line ends as CR LF; an answer that was not changed corrects nothing."""
        text = self.cleaned_data["replacement"].replace("\r\n", "\n").strip()
        if not text:
            raise forms.ValidationError("Write the right answer.")
        if self.answer and text == self.answer.strip():
            raise forms.ValidationError("This is still the model's answer. Change what is wrong in it.")
        return str(text)


FORMS: dict[str, type[FeedbackForm]] = {form.kind: form for form in (BugForm, TasteForm, CorrectionForm)}


@dataclass(frozen=True, slots=True)
class FormPanel:
    """A form as a panel of the page that opens and closes: a door to a kind of feedback."""

    form: FeedbackForm
    is_open: bool


def form_panels(
    answer: str = "", *, wording: ConsentWording | None, bound: FeedbackForm | None = None
) -> list[FormPanel]:
    """The panels of the three kinds, all closed; or with `bound` open in the place of its kind."""
    return [
        FormPanel(bound, True)
        if bound and bound.kind == kind
        else FormPanel(form(answer=answer, wording=wording), False)
        for kind, form in FORMS.items()
    ]
