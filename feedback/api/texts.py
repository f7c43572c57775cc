"""Texts in what is posted: stored as they were sent, and no longer than is said."""

from typing import Any

from rest_framework import serializers

MEDIUM = 16_000  # characters of a note, a preference, a report


class Text(serializers.CharField):
    """A text, stored as it was sent: nothing is trimmed; blank means nothing but white space."""

    default_error_messages = {"blank": "There is nothing but white space."}

    def __init__(self, max_length: int, **kwargs: Any) -> None:
        super().__init__(max_length=max_length, trim_whitespace=False, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        value = super().run_validation(data)
        if isinstance(value, str) and not self.allow_blank and not value.strip():
            self.fail("blank")
        return value
