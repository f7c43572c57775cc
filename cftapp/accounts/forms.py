"""Forms about accounts, and the one in which a holder chooses a password."""

from typing import Any

from django import forms
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.models import User
from django.contrib.auth.validators import UnicodeUsernameValidator

from cftapp.accounts import links
from cftapp.accounts.models import Request
from cftapp.base.accounts import ROLES

ROLE_CHOICES = [(name, f"{name}: {does}") for name, does in ROLES.items()]


class AccountForm(forms.Form):
    name = forms.CharField(
        max_length=150,
        validators=[UnicodeUsernameValidator()],
        help_text="What the person signs in with. It stands in the log's pages and is never changed.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    roles = forms.MultipleChoiceField(choices=ROLE_CHOICES, required=False, widget=forms.CheckboxSelectMultiple)


class ChoosePasswordForm(SetPasswordForm):
    """The new password, and the code of the second admin."""

    field_order = ["code"]
    code = forms.CharField(
        max_length=40,
        help_text="Twelve letters and digits. The admin who confirmed the link has it; the link came from another one.",
        error_messages={"required": "Write the code that the second admin gave you."},
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autocapitalize": "characters"}),
    )

    def __init__(self, user: User, request: Request | None, *args: Any, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        self.request = request
        if request is None or request.asked_by_id is None:
            del self.fields["code"]

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        if self.request is None or not links.fits(self.request, code):
            raise forms.ValidationError("This is not the code of this link. The admin who confirmed it has the code.")
        return code
