"""Conversations and answers in what is posted: their schema, and how they are read, with the path of what is wrong."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension, OpenApiSerializerFieldExtension
from rest_framework import serializers

from cftapp.base.refusal import Refused
from conversation import (
    LONGEST_TEXT,
    MOST_MESSAGES,
    MOST_TOOLS,
    ROLES,
    Conversation,
    Message,
    NotAConversation,
    answer_text,
    read,
    read_answer,
    stored_answer,
)
from feedback.api.texts import Text

TEXT: dict[str, Any] = {"type": "string", "maxLength": LONGEST_TEXT}
PARTS: dict[str, Any] = {"type": "array", "items": {"type": "object", "required": ["type"]}}
FUNCTION = {
    "type": "object",
    "required": ["name", "arguments"],
    "properties": {"name": {"type": "string"}, "arguments": TEXT | {"description": "A JSON object, as text."}},
}
CALL = {
    "type": "object",
    "required": ["id", "type", "function"],
    "properties": {"id": {"type": "string"}, "type": {"type": "string", "enum": ["function"]}, "function": FUNCTION},
}
MESSAGE = {
    "type": "object",
    "description": "A message in OpenAI's chat form.",
    "required": ["role"],
    "properties": {
        "role": {"type": "string", "enum": list(ROLES)},
        "content": {"oneOf": [TEXT, PARTS], "nullable": True, "description": "A text, or parts."},
        "name": {"type": "string", "maxLength": 200},
        "tool_calls": {"type": "array", "items": CALL, "maxItems": MOST_TOOLS},
        "tool_call_id": {"type": "string", "description": "Of a tool's result: the call that it answers."},
        "reasoning": TEXT | {"description": "What the model thought aloud, apart from what it said."},
    },
}
TOOL = {
    "type": "object",
    "description": "A function that the model could call, in OpenAI's form.",
    "required": ["type", "function"],
    "properties": {
        "type": {"type": "string", "enum": ["function"]},
        "function": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string", "maxLength": 200},
                "description": {"type": "string"},
                "parameters": {"type": "object", "description": "A JSON schema."},
            },
        },
    },
}


# --- the components of the schema ---
class MessageSchema(serializers.Serializer):
    pass


class ToolSchema(serializers.Serializer):
    pass


class Component(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    schema: dict[str, Any]

    def get_name(self, *_: Any) -> str:
        return str(self.target.__class__.__name__.removesuffix("Schema"))

    def map_serializer(self, *_: Any) -> dict[str, Any]:
        return self.schema


class MessageComponent(Component):  # type: ignore[no-untyped-call]
    target_class, schema = MessageSchema, MESSAGE


class ToolComponent(Component):  # type: ignore[no-untyped-call]
    target_class, schema = ToolSchema, TOOL


# --- the fields ---
class Raw(serializers.Field):
    """What was sent, as it was sent; `asked_of` and `said_in` read it."""

    def to_internal_value(self, data: Any) -> Any:
        return data


class Messages(Raw):
    pass


class Tools(Raw):
    pass


class TextOrMessage(Raw):
    """What an assistant said: a text, or a message."""

    def __init__(self, *, allow_blank: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text = Text(LONGEST_TEXT, allow_blank=allow_blank)

    def to_internal_value(self, data: Any) -> Any:
        return data if isinstance(data, dict) else self.text.run_validation(data)


class DescribesField(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class, match_subclasses = Raw, True

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        component = ToolSchema if isinstance(self.target, Tools) else MessageSchema
        item = auto_schema.resolve_serializer(component, direction).ref
        if isinstance(self.target, TextOrMessage):
            return {"oneOf": [TEXT, item]}
        most = MOST_TOOLS if isinstance(self.target, Tools) else MOST_MESSAGES
        return {"type": "array", "items": item, "maxItems": most}


# --- reading them ---
def asked_of(fields: dict[str, Any]) -> str | Conversation:
    """What was asked, of `prompt`, or of `messages` and `tools`, which are taken out. Refused for both and for none."""
    prompt, messages, tools = (fields.pop(name, None) for name in ("prompt", "messages", "tools"))
    if messages is None:
        if prompt is None:
            raise Refused.because("prompt", "It is missing.", "Send what was asked: prompt, or messages.")
        if tools:
            raise Refused.because("tools", "They stand beside a prompt.", "Send messages in place of the prompt.")
        return str(prompt)
    if prompt is not None:
        raise Refused.because("messages", "There is a prompt as well.", "Send one of them: prompt, or messages.")
    try:
        return read(messages, tools)
    except NotAConversation as problem:
        raise Refused.because(problem.path, problem.message, problem.remedy) from problem


def said_in(value: str | Message, field: str, *, is_right: bool = False) -> str | Message:
    """An answer as it is kept. `is_right`: it is to be learnt, so it says something, and its calls can be read.

    Whether a call's function is one of the conversation's tools is a reviewer's question: the conversation of an
    interaction that is held out is not here, and nobody notices.
    """
    if isinstance(value, str):
        return value
    try:
        message = read_answer(value, field, checks_calls=is_right)
    except NotAConversation as problem:
        raise Refused.because(problem.path, problem.message, problem.remedy) from problem
    if is_right and not answer_text(message).strip():
        raise Refused.because(f"{field}.content", "It is empty.", "Send the right answer, or its calls.")
    return message if stored_answer(message) else str(message["content"])
