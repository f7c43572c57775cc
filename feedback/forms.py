"""The three doors, each a form of its own, so that the kind is chosen before a word is written; and the office's."""

from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms

from feedback import consent_text
from feedback.api.serializers import LONG, MEDIUM
from feedback.models import ConsentEntry, Correction, Environment, Source, TasteNote

Area = forms.Textarea(attrs={"rows": 3})


class DoorForm(forms.Form):
    """`said`: what the model answered, where it is known; a correction starts from it."""

    door: ClassVar[str]
    glyph: ClassVar[str]
    heading: ClassVar[str]
    promise: ClassVar[str]
    button: ClassVar[str]
    words: ClassVar[str]  # the field with what the person says

    def __init__(self, *args: Any, said: str = "", may_consent: bool = True, **kwargs: Any) -> None:
        kwargs["prefix"] = self.door
        super().__init__(*args, **kwargs)
        self.said = said


class BugForm(DoorForm):
    door, glyph, heading = "bug_report", "bug", "It broke"
    promise, button = "Goes to the bug tracker. Never used for training.", "Send the report"
    words = "what_happened"

    what_happened = forms.CharField(label="What happened?", max_length=MEDIUM, widget=Area)
    expected = forms.CharField(label="What did you expect?", max_length=MEDIUM, widget=Area, required=False)


class TasteForm(DoorForm):
    door, glyph, heading = "taste_note", "taste", "I would word it differently"
    promise, button = "Goes to the style notes. Never counted as an error.", "Send the note"
    words = "preference"

    preference = forms.CharField(label="How would you word it?", max_length=MEDIUM, widget=Area)
    aspect = forms.ChoiceField(label="What is it about?", choices=TasteNote.Aspect.choices)


class CorrectionForm(DoorForm):
    door, glyph, heading = "correction", "correction", "It is wrong, and I know the right answer"
    promise, button = "A reviewer checks it before any model can learn from it.", "Send the correction"
    words = "replacement"

    replacement = forms.CharField(label="The right answer", max_length=LONG, strip=False, widget=Area)
    reason = forms.ChoiceField(label="What was wrong?", choices=Correction.Reason.choices)
    note = forms.CharField(
        label="How do you know?",
        max_length=MEDIUM,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="For the reviewer. Never used for training.",
    )
    consent = forms.BooleanField(required=False)

    def __init__(self, *args: Any, said: str = "", may_consent: bool = True, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {"replacement": said})
        super().__init__(*args, said=said, **kwargs)
        if may_consent:
            self.wording = consent_text.CURRENT
        else:
            del self.fields["consent"]

    def clean_replacement(self) -> str:
        """A browser sends line ends as CR LF; an answer that was not changed corrects nothing."""
        text = self.cleaned_data["replacement"].replace("\r\n", "\n").strip()
        if not text:
            raise forms.ValidationError("Write the right answer.")
        if self.said and text == self.said.strip():
            raise forms.ValidationError("This is still the model's answer. Change what is wrong in it.")
        return str(text)


DOORS: dict[str, type[DoorForm]] = {form.door: form for form in (BugForm, TasteForm, CorrectionForm)}


@dataclass(frozen=True, slots=True)
class Door:
    """A door as templates draw it."""

    form: DoorForm
    is_open: bool


def doors(said: str = "", *, may_consent: bool = True, bound: DoorForm | None = None) -> list[Door]:
    """The three doors, closed, or with `bound` open in the place of its kind."""
    return [
        Door(bound, True) if bound and bound.door == name else Door(form(said=said, may_consent=may_consent), False)
        for name, form in DOORS.items()
    ]


class SourceForm(forms.Form):
    name = forms.SlugField(
        max_length=60,
        help_text="For machines: small letters, digits, hyphens.",
        error_messages={"invalid": "Use only letters, digits, hyphens and underscores, without spaces."},
    )
    title = forms.CharField(max_length=120, help_text="For people.")
    subject_kind = forms.ChoiceField(label="A subject is a", choices=Source.SubjectKind.choices)
    environment = forms.ChoiceField(choices=Environment.choices)
    held_out_percent = forms.DecimalField(
        label="Held out, percent",
        min_value=0,
        max_value=100,
        max_digits=5,
        decimal_places=2,
        initial=10,
        help_text="This share of subjects is only ever used as an exam.",
    )


class KeyForm(forms.Form):
    label = forms.CharField(
        label="What is the key for?",
        max_length=80,
        error_messages={
            "required": "Say what the key is for.",
            "max_length": "Say what the key is for in at most %(limit_value)d characters: these are %(show_value)d.",
        },
    )


class GrantForm(forms.Form):
    """A decision that reached compliance by another way, such as a letter."""

    wording_version = forms.RegexField(
        label="Wording",
        regex=r"^[A-Za-z0-9._:/-]{1,40}$",
        initial=consent_text.CURRENT.version,
        help_text="The version of the words that were agreed to.",
    )
    legal_basis = forms.ChoiceField(choices=ConsentEntry.LegalBasis.choices)
    expires_at = forms.DateTimeField(
        label="Until",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text="UTC. Empty: until withdrawn.",
    )
