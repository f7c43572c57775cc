"""What a list shows of a conversation. PostgreSQL takes it out: the rest may be a megabyte a row."""

from typing import Any

from django.db.models import F, Func, TextField

SHOWN = 300  # characters
MESSAGES = "json_array_elements({conversation}::json -> 'messages') WITH ORDINALITY AS message (said, number)"
PARTS = "json_array_elements(said -> 'content') WITH ORDINALITY AS part (part, place)"
PART = "coalesce(part ->> 'text', ' [' || (part ->> 'kind') || '] ')"
WORDS = (
    "CASE json_typeof(said -> 'content') WHEN 'array' "
    f"THEN (SELECT string_agg({PART}, '' ORDER BY place) FROM {PARTS}) ELSE said ->> 'content' END"
)
LAST = f"SELECT {WORDS} FROM {MESSAGES} WHERE said ->> 'role' = 'user' ORDER BY number DESC LIMIT 1"


class LastQuestion(Func):
    """What the user said last, or all that was asked where that is one question; its first characters.

    `row` leads to what holds `prompt` and `conversation`, such as `interaction__`. Empty where nobody asked, and once
    it is erased.
    """

    output_field = TextField()

    def __init__(self, row: str = "") -> None:
        super().__init__(F(f"{row}prompt"), F(f"{row}conversation"))

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **__: Any) -> tuple[str, tuple[Any, ...]]:
        (prompt, _), (conversation, _) = map(compiler.compile, self.get_source_expressions())
        return last_question_sql(prompt, conversation), ()


def last_question_sql(prompt: str, conversation: str) -> str:
    """The same in SQL, of two columns."""
    last = LAST.format(conversation=conversation)
    return f"left(ltrim(CASE {conversation} WHEN '' THEN {prompt} ELSE coalesce(({last}), '') END), {SHOWN})"
