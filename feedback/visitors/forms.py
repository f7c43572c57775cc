"""Forms of the visitors' pages: a form for each kind of feedback. The kind is chosen before a word is written."""

from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms

from conversation import LONGEST_TEXT, Message, NotAConversation, answer_text, read_answer
from conversation.shape import content_text
from feedback.api.texts import MEDIUM
from feedback.models import ConsentWording, Correction, TasteNote
from feedback.visitors import call_fields
from feedback.visitors.call_fields import Call
from feedback.visitors.sessions import Exchange

UNCHANGED = "This is still the model's answer. Change what is wrong in it."
Area = forms.Textarea(attrs={"rows": 3})


class FeedbackForm(forms.Form):
    """Feedback of a kind. `exchange`: what was asked and answered, if it is known; a correction starts from it.

    `wording`: what stands beside the consent box, for those who may consent.
    """

    kind: ClassVar[str]
    glyph: ClassVar[str]
    heading: ClassVar[str]
    promise: ClassVar[str]
    button: ClassVar[str]
    text_field: ClassVar[str]  # the field that holds what the person writes

    def __init__(
        self, *args: Any, exchange: Exchange | None = None, wording: ConsentWording | None = None, **kwargs: Any
    ) -> None:
        kwargs["prefix"] = self.kind
        super().__init__(*args, **kwargs)
        self.exchange, self.wording = exchange, wording

    @property
    def written(self) -> str:
        """What the person wrote, as it reads, once the form is valid."""
        return str(self.cleaned_data[self.text_field])


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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        answered = self.exchange.answered if self.exchange else {}
        self.calls: list[Call] = answered.get("tool_calls", [])
        self.tools: list[dict[str, Any]] = self.exchange.asked.tools if self.exchange else []
        self.initial["replacement"] = content_text(answered.get("content"))
        if self.wording is None:
            del self.fields["consent"]
        if self.calls:
            words = self.fields["replacement"]
            words.label, words.required = "What it should have said, if anything", False
            self.fields = call_fields.offered(self.calls, self.tools) | self.fields

    @property
    def written(self) -> str:
        replacement: str | Message = self.cleaned_data["replacement"]
        return replacement if isinstance(replacement, str) else answer_text(replacement)

    def clean_replacement(self) -> str:
        """A browser sends line ends as CR LF; an answer that was not changed corrects nothing."""
        text = self.cleaned_data["replacement"].replace("\r\n", "\n").strip()
        if self.calls:
            return str(text)
        if not text:
            raise forms.ValidationError("Write the right answer.")
        if self.exchange and text == self.exchange.answer.strip():
            raise forms.ValidationError(UNCHANGED)
        return str(text)

    def clean(self) -> dict[str, Any]:
        """The right answer as a message, where it calls; a text where no call is left."""
        calls = call_fields.taken(self.cleaned_data, self.calls)
        if not self.calls or self.errors:
            return self.cleaned_data
        text = self.cleaned_data["replacement"]
        if not text and not any(calls):
            self.add_error("replacement", "Write the right answer, or the arguments of a call.")
        elif text == self.initial["replacement"].strip() and call_fields.same(self.calls, calls):
            self.add_error(None, UNCHANGED)
        elif any(calls):
            self._take_message(text, calls)
        return self.cleaned_data

    def _take_message(self, text: str, calls: list[Call | None]) -> None:
        """Read it as every other answer is read; what is wrong with a call is said at its own field."""
        kept = [number for number, call in enumerate(calls) if call]
        said = {"role": "assistant", "content": text or None, "tool_calls": [calls[number] for number in kept]}
        try:
            self.cleaned_data["replacement"] = read_answer(said, tools=self.tools)
        except NotAConversation as problem:
            field = call_fields.field_at(problem.path, kept) or "replacement"
            self.add_error(field, f"{problem.message} {problem.remedy}")


FORMS: dict[str, type[FeedbackForm]] = {form.kind: form for form in (BugForm, TasteForm, CorrectionForm)}


@dataclass(frozen=True, slots=True)
class FormPanel:
    """A form as a panel of the page that opens and closes: a door to a kind of feedback."""

    form: FeedbackForm
    is_open: bool


def form_panels(
    exchange: Exchange | None = None, *, wording: ConsentWording | None, bound: FeedbackForm | None = None
) -> list[FormPanel]:
    """The panels of the three kinds, all closed; or with `bound` open in the place of its kind."""
    return [
        FormPanel(bound, True)
        if bound and bound.kind == kind
        else FormPanel(form(exchange=exchange, wording=wording), False)
        for kind, form in FORMS.items()
    ]
