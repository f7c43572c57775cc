"""Forms of the console: sources, API keys, and consent that reached us outside the API."""

from typing import Any, cast

from django import forms

from feedback.models import ConsentEntry, ConsentWording, Environment, Source


class SourceForm(forms.Form):
    name = forms.SlugField(
        max_length=60,
        help_text="For machines: small letters, digits, hyphens.",
        error_messages={"invalid": "Use only letters, digits, hyphens and underscores, without spaces."},
    )
    title = forms.CharField(max_length=120, help_text="For people.")
    subject_kind = forms.ChoiceField(label="A subject is a", choices=Source.SubjectKind.choices)
    environment = forms.ChoiceField(choices=Environment.choices)
    tenant = forms.SlugField(
        max_length=60,
        required=False,
        help_text="The one brand or customer that all its rows are of. Empty: each row may name its own.",
    )
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
    tenant = forms.SlugField(
        max_length=60,
        required=False,
        error_messages={
            "invalid": "Name the tenant in letters, digits, hyphens and underscores.",
            "max_length": "Name the tenant in at most %(limit_value)d characters.",
        },
    )


class GrantForm(forms.Form):
    """A grant that reached compliance outside the API, such as in a letter."""

    wording_version = forms.ChoiceField(
        label="Wording", help_text="The words that were agreed to. Publish them first, if they are not here."
    )
    legal_basis = forms.ChoiceField(choices=ConsentEntry.LegalBasis.choices)
    given_at = forms.DateTimeField(
        label="Given",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text="UTC, such as the date of a letter. Empty: now.",
    )
    expires_at = forms.DateTimeField(
        label="Until",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text="UTC. Empty: until withdrawn.",
    )

    def __init__(self, *args: Any, source: Source, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        wordings = ConsentWording.objects.shown_by(source)
        choices = [(one.pk, f"{one.label} ({one.version}, {one.language})") for one in wordings]
        cast(forms.ChoiceField, self.fields["wording_version"]).choices = choices


class WordingForm(forms.Form):
    """The words beside a consent box, to be published for good."""

    version = forms.CharField(
        max_length=40, help_text="A name for exactly these words, such as 2026-12 or shop-terms-7."
    )
    language = forms.CharField(max_length=35, initial="en", help_text="A tag such as en or pt-BR.")
    text = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 5}),
        strip=False,
        help_text="As people read them. The first line stands beside the box, the rest below it.",
    )
    source = forms.ModelChoiceField(
        label="Shown by",
        queryset=Source.objects.order_by("title"),
        required=False,
        empty_label="any source, and the pages here",
        help_text="An application with words of its own.",
    )
