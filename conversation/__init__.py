"""The one shape of data: a conversation, its tools and an answer, as every part of the product holds them.

A conversation is a list of messages in OpenAI's chat form, with the tools that the model could call beside it; an
answer is one message of the assistant. `reading` checks what strangers send and brings it into one spelling, `shape`
holds it, names it and writes it as text, `walking` finds each text in it by its path. For the eye, `layout` says what
is folded and which result belongs to which call, `comparing` what a correction changes (`differences` of words,
`arguments` as JSON), `marking` where checks point, `words` all of it for a page, `lines` a row of a list. Plain
functions: no Django, no database, no torch, so that engines and checks read the same shape as the web.
"""

from conversation.reading import (
    LONGEST_TEXT,
    MOST_BYTES,
    MOST_MESSAGES,
    MOST_TOOLS,
    ROLES,
    NotAConversation,
    read,
    read_answer,
)
from conversation.shape import Conversation, Message, answer_of, answer_spelling, answer_text, stored_answer
from conversation.walking import Place, answer_places, decoded_arguments, places

__all__ = [
    "LONGEST_TEXT",
    "MOST_BYTES",
    "MOST_MESSAGES",
    "MOST_TOOLS",
    "ROLES",
    "Conversation",
    "Message",
    "NotAConversation",
    "Place",
    "answer_of",
    "answer_places",
    "answer_spelling",
    "answer_text",
    "stored_answer",
    "decoded_arguments",
    "places",
    "read",
    "read_answer",
]
