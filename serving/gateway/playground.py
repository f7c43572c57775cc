"""The playground: anybody asks the champion, sees which release answered, and can give feedback on the answer.

A visitor is a random id in the signed session, and a subject like any other: its lane is fixed by its id, so some
visitors are held out and cannot tell. A question follows on the answer that the form names, if it names one; each
answer is recorded as a turn of that conversation, and feedback is about one turn.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods, require_POST

from cftapp.base.actors import VISITOR
from conversation import Conversation
from feedback.actions import open_playground
from feedback.visitors.sessions import Step, cache_steps, feedback_url, visitor_id
from serving.gateway.answers import answers_of
from serving.gateway.completions import Completion, CompletionStream, Target, complete, start_stream
from serving.gateway.model_server import Chunk, ModelServer
from serving.gateway.openai_format import GatewayError, server_sent_event
from serving.gateway.recording import PendingInteraction, record_durably
from serving.gateway.routing import champion_targets
from serving.gateway.streaming import event_stream
from serving.gateway.talk import Talk, kept, talk_of
from serving.gateway.threads import run_in_database_thread, without_connection
from serving.releases.champion import champion
from training.demo_model import handbook, world

MAX_CHARACTERS = 4000
SAMPLING = {"temperature": 0}
EXAMPLES = 4


@dataclass(frozen=True, slots=True)
class Example:
    """A question to try, and the answer that is true today."""

    question: str
    truth: str


@dataclass(frozen=True, slots=True)
class Table:
    """A part of the handbook: the names of its columns, and (subject, values) a row."""

    caption: str
    columns: list[str]
    rows: list[tuple[str, list[str]]]


class PlaygroundEncoder:
    """Encodes chunks for the page: the text as it comes; at the end, where to give feedback and who answered."""

    def __init__(self, target: Target, pending: PendingInteraction) -> None:
        self._target, self._pending = target, pending

    def chunk(self, chunk: Chunk) -> bytes:
        text = "".join((choice.get("delta") or {}).get("content") or "" for choice in chunk.get("choices") or ())
        return server_sent_event({"text": text}) if text else b""

    def end(self) -> bytes:
        identity = self._pending.id
        data = {"feedback_url": feedback_url(identity), "model": self._target.title, "after": str(identity)}
        return server_sent_event(data, "done")

    def error(self, error: GatewayError) -> bytes:
        return server_sent_event({"message": error.message}, "error")


@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """The conversation so far. Without JavaScript a question is posted here; its answer has an address of its own."""
    talk, problem, status = Talk(), "", 200
    prompt = request.GET.get("prompt", "")[:MAX_CHARACTERS]
    try:
        talk = talk_of(request)
        if request.method == "POST":
            prompt = request.POST.get("prompt", "")
            close_old_connections()  # this thread waits for the model, and others may need the connection
            talk = async_to_sync(answer)(request, talk)
            if kept(request, str(talk.after)):
                return redirect(f"{reverse('playground')}?after={talk.after}#answer")
            prompt = ""  # the cache is away: the answer is on this page and no other
    except GatewayError as error:
        prompt, problem, status = request.POST.get("prompt", prompt), error.message, error.status
    context = {
        "champion": champion(),
        "turns": list(talk.turns()),
        "after": talk.after,
        "problem": problem,
        "prompt": prompt,
        "examples": examples(),
        "tables": handbook_today() if is_demo() else [],
        "max_characters": MAX_CHARACTERS,
    }
    response = render(request, "serving/gateway/playground.html", context, status=status)
    for name, value in headers_of(status).items():
        response[name] = value
    return response


def headers_of(status: int) -> dict[str, str]:
    """When to try again, where that helps."""
    return {"Retry-After": "5"} if status == 503 else {}


@csrf_protect
@require_POST
async def ask(request: HttpRequest) -> HttpResponseBase:
    """The answer as a stream of server-sent events."""
    try:
        talk = await run_in_database_thread(talk_of, request)
        pending, targets = await run_in_database_thread(prepare, request, talk)
        stream = await start_stream(model_server(), targets, options_for(pending))
    except GatewayError as error:
        return JsonResponse({"message": error.message}, status=error.status, headers=headers_of(error.status))
    await run_in_database_thread(cache_steps, [*talk.steps, step_of(pending, stream)])
    return event_stream(stream, pending, PlaygroundEncoder(stream.target, pending), without_connection)


async def answer(request: HttpRequest, talk: Talk) -> Talk:
    """The conversation with one answer more, recorded. GatewayError if the form is wrong, or no model answers."""
    pending, targets = await run_in_database_thread(prepare, request, talk)
    completion = await complete(model_server(), targets, options_for(pending))
    answers = answers_of(completion.body)
    step = step_of(pending, completion)
    await run_in_database_thread(cache_steps, [*talk.steps, step])
    await record_durably(pending, answers, completion.target.model_name)
    return talk.answered(asked_of(pending), answers[0].message, step)


def step_of(pending: PendingInteraction, completion: Completion | CompletionStream) -> Step:
    fallback_from = completion.fallback_from.title if completion.fallback_from else ""
    return Step(pending.id, completion.target.title, fallback_from)


def prepare(request: HttpRequest, talk: Talk) -> tuple[PendingInteraction, list[Target]]:
    """Parse the form; GatewayError 400 says what is wrong with it."""
    prompt = request.POST.get("prompt", "").replace("\r\n", "\n").strip()
    if not prompt or len(prompt) > MAX_CHARACTERS or "\0" in prompt:
        raise GatewayError(400, f"Ask something, in at most {MAX_CHARACTERS} characters.", param="prompt")
    return pending_interaction(request, talk, talk.asking(prompt)), champion_targets()


def pending_interaction(request: HttpRequest, talk: Talk, asked: Conversation) -> PendingInteraction:
    """A conversation is named by its first answer: two that begin with the same question are two."""
    identity = uuid.uuid4()
    return PendingInteraction(
        id=identity,
        conversation_id=str(talk.steps[0].interaction_id if talk.steps else identity),
        source=open_playground(),
        subject_key=visitor_id(request),
        prompt=asked,
        asked_at=timezone.now(),
        actor=VISITOR,
        is_cached=True,
    )


def model_server() -> ModelServer:
    return ModelServer(settings.CFT_MODEL_SERVER_URL)


def options_for(pending: PendingInteraction) -> dict[str, Any]:
    return {**SAMPLING, "messages": asked_of(pending).messages}


def asked_of(pending: PendingInteraction) -> Conversation:
    return pending.prompt if isinstance(pending.prompt, Conversation) else Conversation.of(pending.prompt)


def is_demo() -> bool:
    """Whether the base model is the demo's, which knows the handbook."""
    return Path(settings.CFT_BASE_MODEL) == Path(handbook.__file__).parent / "base"


def examples() -> list[Example]:
    """Questions about the demo handbook whose answers are out of date and not corrected yet by the sample data."""
    if not is_demo():
        return []
    unreported = world.unreported()
    facts = [unreported[index * len(unreported) // EXAMPLES] for index in range(EXAMPLES)]
    return [Example(fact.question(fact.training_phrasings()[0]), fact.answer(corrected=True)) for fact in facts]


def handbook_today() -> list[Table]:
    """What is true in the demo company today: one table of its people, one of its products."""
    return [
        Table(caption, [relation.name for relation in relations], list(rows_of(kind)))
        for caption, kind, relations in (
            ("People", "person", handbook.PERSON_RELATIONS),
            ("Products", "product", handbook.PRODUCT_RELATIONS),
        )
    ]


def rows_of(kind: str) -> Iterator[tuple[str, list[str]]]:
    facts = (fact for fact in world.handbook() if fact.kind == kind)
    for subject, facts_of_subject in groupby(facts, key=lambda fact: fact.subject):
        yield subject, [fact.actual for fact in facts_of_subject]
