"""The API's requests and replies. Replies repeat no text: they look the same in both lanes, and may be stored."""

import re
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cftapp.base.refusal import Refused
from conversation import LONGEST_TEXT, MOST_BYTES, MOST_MESSAGES, MOST_TOOLS
from feedback.actions.consent import WHERE_TO_READ
from feedback.api.messages import Messages, TextOrMessage, Tools, asked_of, said_in
from feedback.api.texts import MEDIUM, Text
from feedback.models import ConsentEntry, ConsentWording, Correction, Environment, Interaction, TasteNote
from feedback.models.consent import VERSION
from feedback.ratings import rating_text
from feedback.subject_keys import LONGEST, normal_conversation, normal_subject

NAME_IT = f"Name the wording that was shown, by its version. {WHERE_TO_READ}"
LIMIT_IN_WORDS = f"at most {LONGEST_TEXT:,} characters"


class InteractionId(serializers.UUIDField):
    """An interaction's id: as its recording answered, or as the gateway's completion did (`chatcmpl-` and the id)."""

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(data.removeprefix("chatcmpl-") if isinstance(data, str) else data)


class SubjectKey(serializers.CharField):
    """The id of a user or a conversation, in its one spelling."""

    normal = staticmethod(normal_subject)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=LONGEST, trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        try:
            return self.normal(super().to_internal_value(data))
        except Refused as refused:
            raise serializers.ValidationError(refused.words) from refused


class ConversationKey(SubjectKey):
    """The application's own id of a conversation, in its one spelling."""

    normal = staticmethod(normal_conversation)


@extend_schema_field({"type": "string", "pattern": VERSION})
class WordingVersion(serializers.Field):
    """The version of the wording beside the box that was ticked. Empty, null or false: no box was."""

    default_error_messages = {"required": NAME_IT, "version": NAME_IT}

    def to_internal_value(self, data: Any) -> str:
        if data is False or data == "":
            return ""
        if not isinstance(data, str) or not re.fullmatch(VERSION, data):
            self.fail("version")
        return data

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        return (True, "") if data is None else super().validate_empty_values(data)


@extend_schema_field({"oneOf": [{"type": "string", "maxLength": 40}, {"type": "number"}, {"type": "boolean"}]})
class Rating(serializers.CharField):
    """A thumb, a number or a word, kept as text (see `rating_text`)."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=40, allow_blank=True, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        return super().to_internal_value(rating_text(data) if isinstance(data, bool | int | float) else data)


class StrictSerializer(serializers.Serializer):
    """Refuses unknown fields: a misspelt optional field must not be lost silently."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := data.keys() - self.fields.keys()):
            raise serializers.ValidationError(
                {str(name)[:60]: [serializers.ErrorDetail("There is no such field.", "unknown")] for name in unknown}
            )
        return super().to_internal_value(data)


# --- requests ---
class InteractionPost(StrictSerializer):
    subject = SubjectKey(
        required=False,
        help_text="The user's or conversation's id; stored as a keyed hash. A replay needs none.",
    )
    prompt = Text(
        LONGEST_TEXT,
        required=False,
        help_text=f"What a user asked, where that is all: {LIMIT_IN_WORDS}. Or send `messages`: one of the two.",
    )
    messages = Messages(
        required=False,
        help_text=f"The conversation up to the answer: 1 to {MOST_MESSAGES:,} messages, each text of {LIMIT_IN_WORDS}, "
        f"{MOST_BYTES:,} bytes in all as canonical JSON. An image, a sound or a file is kept as its type, size and "
        "SHA-256.",
    )
    tools = Tools(required=False, help_text=f"What the model could call: up to {MOST_TOOLS} functions.")
    answer = TextOrMessage(
        allow_blank=True,
        help_text=f"What the model answered: a text of {LIMIT_IN_WORDS}, or a message, with its calls of tools.",
    )
    conversation_id = ConversationKey(
        required=False,
        help_text="Your id of the conversation: its turns belong together. Without one, how it began tells them.",
    )
    tenant = serializers.SlugField(
        max_length=60,
        required=False,
        help_text="The brand or customer. Left out: that of the key, or of the source. Another than the key's is 403.",
    )
    model_name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    external_id = serializers.CharField(
        max_length=200,
        required=False,
        help_text="Your id; the same once more returns the first, other words under it are a conflict.",
    )
    environment = serializers.ChoiceField(Environment.choices, required=False)
    replay_of = InteractionId(required=False, help_text="The interaction that was run again; its subject is inherited.")
    happened_at = serializers.DateTimeField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("subject") and not attrs.get("replay_of"):
            raise serializers.ValidationError({"subject": ["Required, unless this is a replay."]}, "required")
        attrs["prompt"] = asked_of(attrs)
        attrs["answer"] = said_in(attrs["answer"], "answer")
        return attrs


class FeedbackPost(StrictSerializer):
    interaction = InteractionId(
        required=False, help_text="The id that its recording answered, or the completion's (chatcmpl-…)."
    )
    external_id = serializers.CharField(
        max_length=200, required=False, help_text="Or the external id it was recorded under."
    )
    subject = SubjectKey(
        required=False,
        help_text="Whose it is: refused where the interaction is another's. Required with consent on an external_id.",
    )
    note = Text(MEDIUM, required=False, allow_blank=True, help_text="Never trained on, whatever it contains.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("interaction") and not attrs.get("external_id"):
            message = "Name the interaction, by interaction or external_id."
            raise serializers.ValidationError({"interaction": [message]}, "required")
        return attrs


class BugReportPost(FeedbackPost):
    what_happened = Text(MEDIUM)
    expected = Text(MEDIUM, required=False, allow_blank=True)


class TasteNotePost(FeedbackPost):
    preference = Text(MEDIUM)
    aspect = serializers.ChoiceField(TasteNote.Aspect.choices, required=False)


class CorrectionPost(FeedbackPost):
    replacement = TextOrMessage(
        help_text=f"The right answer: a text of {LIMIT_IN_WORDS}, or a message, whose calls have JSON objects as "
        "arguments.",
    )
    reason = serializers.ChoiceField(Correction.Reason.choices, required=False)
    consent = WordingVersion(
        required=False,
        help_text="The version of the wording beside the box that was ticked, from consent-wordings/. Empty: none was.",
    )
    consent_given_at = serializers.DateTimeField(
        required=False,
        help_text="When the box was ticked. From before a withdrawal, or without a time after one, it grants nothing.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("consent_given_at") and not attrs.get("consent"):
            raise serializers.ValidationError({"consent": ["Name the wording that was shown then."]}, "required")
        if attrs.get("consent") and not attrs.get("interaction") and not attrs.get("subject"):
            message = "Say whose consent it is: an external id may be somebody else's."
            raise serializers.ValidationError({"subject": [message]}, "required")
        attrs["replacement"] = said_in(attrs["replacement"], "replacement", is_right=True)
        return super().validate(attrs)


class CommentPost(FeedbackPost):
    rating = Rating(required=False, help_text="A thumb (true, false), a number, or your own word.")
    text = Text(MEDIUM, required=False, allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("rating", "").strip() and not attrs.get("text", "").strip():
            raise serializers.ValidationError({"text": ["Send a rating, or some text."]}, "required")
        return super().validate(attrs)


POSTS: dict[str, type[StrictSerializer]] = {
    "interaction": InteractionPost,
    "bug_report": BugReportPost,
    "taste_note": TasteNotePost,
    "correction": CorrectionPost,
    "comment": CommentPost,
}


def row_serializer(kind: str) -> type[StrictSerializer]:
    """The row of a batch: the post of its kind, with the kind named."""
    post = POSTS[kind]
    name = post.__name__.removesuffix("Post") + "Row"
    return type(name, (post,), {"kind": serializers.ChoiceField([kind]), "__doc__": post.__doc__})


ROWS: dict[str, type[StrictSerializer]] = {kind: row_serializer(kind) for kind in POSTS}


class ConsentPost(StrictSerializer):
    subject = SubjectKey(help_text="The user's or conversation's id, as in interactions.")
    wording_version = WordingVersion(help_text="The version of the words that were agreed to, from consent-wordings/.")
    legal_basis = serializers.ChoiceField(ConsentEntry.LegalBasis.choices, required=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    given_at = serializers.DateTimeField(
        required=False, help_text="When the subject said so; now, if left out. A later decision on record stands."
    )


class WithdrawalPost(StrictSerializer):
    subject = SubjectKey()


# --- replies ---
class InteractionReply(serializers.ModelSerializer):
    subject = serializers.UUIDField(source="subject_id")
    replay_of = serializers.UUIDField(source="replay_of_id", allow_null=True)

    class Meta:
        model = Interaction
        fields = [
            "id",
            "subject",
            "tenant",
            "turn",
            "environment",
            "model_name",
            "external_id",
            "replay_of",
            "happened_at",
            "created_at",
        ]
        read_only_fields = fields


class InteractionPage(serializers.Serializer):
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = InteractionReply(many=True)


class ErrorReply(serializers.Serializer):
    field = serializers.CharField()
    message = serializers.CharField()
    remedy = serializers.CharField(allow_blank=True)


class FeedbackReply(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(["bug_report", "taste_note", "correction", "comment"])
    interaction = serializers.UUIDField(source="interaction_id")
    created_at = serializers.DateTimeField()
    notes = ErrorReply(many=True, required=False, help_text="What of it was recorded and counts for nothing, and why.")


class WordingReply(serializers.ModelSerializer):
    shown_by = serializers.CharField(
        source="source.name", default=None, allow_null=True, help_text="A source; null: any."
    )

    class Meta:
        model = ConsentWording
        fields = ["version", "language", "text", "text_sha256", "shown_by", "published_at"]
        read_only_fields = fields


class WordingsReply(serializers.Serializer):
    results = WordingReply(many=True)


class ConsentReply(serializers.ModelSerializer):
    subject = serializers.UUIDField(source="subject_id")
    wording_version = serializers.CharField(source="wording_id")

    class Meta:
        model = ConsentEntry
        fields = [
            "id",
            "subject",
            "purpose",
            "decision",
            "wording_version",
            "legal_basis",
            "expires_at",
            "given_at",
            "recorded_at",
        ]
        read_only_fields = fields


class ProblemReply(serializers.Serializer):
    """Problem details (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = ErrorReply(many=True, required=False)  # type: ignore[assignment]


class RowReply(serializers.Serializer):
    index = serializers.IntegerField()
    kind = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(["recorded", "already_recorded", "refused"])
    id = serializers.UUIDField(allow_null=True)
    errors = ErrorReply(many=True, required=False)  # type: ignore[assignment]
    notes = ErrorReply(many=True, required=False)


class BatchReply(serializers.Serializer):
    recorded = serializers.IntegerField()
    already_recorded = serializers.IntegerField()
    refused = serializers.IntegerField()
    results = RowReply(many=True)
