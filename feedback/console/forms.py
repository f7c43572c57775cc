"""Forms of the console: sources, API keys, and consent that reached us outside the API."""

from django import forms

from feedback import consent_text
from feedback.models import ConsentEntry, Environment, Source


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
    """A grant that reached compliance outside the API, such as in a letter."""

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
