"""What of an item is protected: the whole of it, and each of its turns alone.

An item that is quoted whole is found by its whole, one that is quoted in part by the part. The system prompt is left
out: it may be the one that the application sends with every question, and says nothing about an exam.
"""

from conversation import Conversation, Message, Place, answer_of, answer_places, decoded_arguments, places
from curation.decontamination.normalise import words
from curation.decontamination.words.fingerprints import QUESTION
from curation.decontamination.words.weights import LEAST_WORDS
from evaluation.items import Draft
from evaluation.vault.models import Item

Text = tuple[str, str]
"""A question and its answer, as a registry protects them; the answer may be empty."""
SPOKEN = ("user", "assistant")
ARGUMENTS = ".function.arguments"


def texts_of(item: Draft | Item) -> list[Text]:
    """The whole item first. A turn of few words stands for itself nowhere: "And tomorrow?" is in every dialogue."""
    if not (item.conversation or item.answer_message):
        return [(item.question, item.answer)]
    asked = Conversation.of(item.question, item.conversation)
    turns, answer = spoken(asked), said(answer_of(item.answer, item.answer_message))
    *earlier, last = turns
    if not earlier:
        return [(last, answer)]
    alone = [(text, "") for text in earlier if is_long(text)] + [(last, answer)] * is_long(last)
    return [("\n".join(turns), answer), *dict.fromkeys(alone)]


def spoken(asked: Conversation) -> list[str]:
    """What user and assistant said, a text a turn, arguments of calls as what they say."""
    by_message: dict[str, list[str]] = {}
    for place in places(asked):
        if place.role in SPOKEN:
            by_message.setdefault(place.path.partition(".")[0], []).append(readable(place))
    return ["\n".join(texts) for texts in by_message.values()]


def said(answer: Message) -> str:
    return "\n".join(map(readable, answer_places(answer)))


def readable(place: Place) -> str:
    return decoded_arguments(place.text) if place.path.endswith(ARGUMENTS) else place.text


def is_long(text: str) -> bool:
    """Whether n-grams can protect it as a question."""
    return len(words(text)) >= int(LEAST_WORDS[QUESTION])
