"""A conversation in the playground. What was said before waits in the cache, under the answer that a question follows
on: the address names that answer, so a page can be opened again, gone back to, and asked from anew.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.http import HttpRequest

from conversation import Conversation, Message, NotAConversation, answer_text, read
from feedback.models import Interaction
from feedback.visitors.sessions import Step, cached_exchange, cached_steps, visitor_subject
from serving.gateway.openai_format import GatewayError

OVER = "This conversation is not kept any more: that is done for two hours. Ask, and a new one begins."
FULL = "This conversation is too long to go on. Begin a new one."


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer, as the page shows them."""

    prompt: str
    answer: str
    step: Step


@dataclass(frozen=True, slots=True)
class Talk:
    """What a visitor and the model have said, in turn; a step for each answer."""

    messages: list[Message] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    @property
    def after(self) -> uuid.UUID | None:
        """The answer that the next question follows on."""
        return self.steps[-1].interaction_id if self.steps else None

    def turns(self) -> Iterator[Turn]:
        exchanges = zip(self.messages[::2], self.messages[1::2], self.steps, strict=True)
        for asked, answered, step in exchanges:
            yield Turn(answer_text(asked), answer_text(answered), step)

    def asking(self, prompt: str) -> Conversation:
        """The conversation with one question more. GatewayError 400 where it has become too long."""
        try:
            return read([*self.messages, {"role": "user", "content": prompt}])
        except NotAConversation as problem:
            raise GatewayError(400, FULL, param="prompt") from problem

    def answered(self, asked: Conversation, message: Message, step: Step) -> "Talk":
        return Talk([*asked.messages, message], [*self.steps, step])


def talk_of(request: HttpRequest) -> Talk:
    """The conversation that the form or the address goes on with. GatewayError 410 where it is kept no more."""
    after = (request.POST if request.method == "POST" else request.GET).get("after", "")
    if not after:
        return Talk()
    talk = kept(request, after)
    if talk is None:
        raise GatewayError(410, OVER, param="after")
    return talk


def kept(request: HttpRequest, after: str) -> Talk | None:
    """What this visitor was answered, and what led to it, while that is kept."""
    try:
        interaction_id = uuid.UUID(after)
    except ValueError:
        return None
    subject = visitor_subject(request)
    if subject is None or not Interaction.objects.filter(pk=interaction_id, subject=subject).exists():
        return None
    exchange, steps = cached_exchange(interaction_id), cached_steps(interaction_id)
    return Talk([*exchange.asked.messages, exchange.answered], steps) if exchange and steps else None
