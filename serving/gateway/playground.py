"""The playground: anybody asks the champion, sees which release answered, and can say what was wrong with it.

A visitor is a random id in the signed session, and a subject like any other: its lane is fixed by its id, so some
visitors are held out and cannot tell. Each question stands alone, so that a correction of its answer does too.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods, require_POST

from cftapp.base.actors import VISITOR
from feedback.actions import open_playground
from feedback.visitors.sessions import visitor_of
from serving.gateway import answering, wire
from serving.gateway.answering import Choice
from serving.gateway.choices import champion_choices
from serving.gateway.model_server import Chunk, ModelServer
from serving.gateway.recording import Exchange, in_database, keep_surely
from serving.gateway.relay import event_stream
from serving.gateway.wire import WireError
from serving.releases import champion as alias
from training.demo_model import handbook, world

MOST_LETTERS = 4000
SAMPLING = {"temperature": 0}
EXAMPLES = 4


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer, as the page shows them."""

    prompt: str
    answer: str
    interaction_id: uuid.UUID
    model: str
    fallback_from: str


@dataclass(frozen=True, slots=True)
class Example:
    """A question to try, and what is true today."""

    question: str
    truth: str


@dataclass(frozen=True, slots=True)
class Table:
    """A part of the handbook: the names of its columns, and (subject, values) a row."""

    caption: str
    columns: list[str]
    rows: list[tuple[str, list[str]]]


class PageVoice:
    """Words as they come; at the end, where to give feedback and who answered."""

    def __init__(self, choice: Choice, exchange: Exchange) -> None:
        self._choice, self._exchange = choice, exchange

    def chunk(self, chunk: Chunk) -> bytes:
        words = "".join((choice.get("delta") or {}).get("content") or "" for choice in chunk.get("choices") or ())
        return wire.event({"text": words}) if words else b""

    def end(self) -> bytes:
        return wire.event({"feedback_url": feedback_url(self._exchange.id), "model": self._choice.title}, "done")

    def problem(self, error: WireError) -> bytes:
        return wire.event({"message": error.message}, "error")


@csrf_protect
@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """The page, and without JavaScript also the answer."""
    turn, problem, status = None, "", 200
    prompt = request.GET.get("prompt", "")[:MOST_LETTERS]
    if request.method == "POST":
        prompt = request.POST.get("prompt", "")
        try:
            turn = async_to_sync(answer_whole)(request)
            prompt = ""
        except WireError as error:
            problem, status = error.message, error.status
    visitor_of(request)
    context = {
        "champion": alias.champion(),
        "turn": turn,
        "problem": problem,
        "prompt": prompt,
        "examples": examples(),
        "tables": handbook_today() if is_demo() else [],
        "most_letters": MOST_LETTERS,
    }
    return render(request, "serving/gateway/playground.html", context, status=status)


@csrf_protect
@require_POST
async def ask(request: HttpRequest) -> HttpResponseBase:
    """The answer, word by word."""
    try:
        exchange, choices = await in_database(prepare, request)
        begun = await answering.begin(model_server(), choices, options_for(exchange))
    except WireError as error:
        return JsonResponse({"message": error.message}, status=error.status)
    return event_stream(begun, exchange, PageVoice(begun.choice, exchange))


async def answer_whole(request: HttpRequest) -> Turn:
    exchange, choices = await in_database(prepare, request)
    answer = await answering.answer(model_server(), choices, options_for(exchange))
    text = wire.answer_of(answer.completion)
    await keep_surely(exchange, text, answer.choice.model_name)
    missed = answer.fallback_from.title if answer.fallback_from else ""
    return Turn(exchange.prompt, text, exchange.id, answer.choice.title, missed)


def prepare(request: HttpRequest) -> tuple[Exchange, list[Choice]]:
    """Understand the form; WireError 400 says what is wrong with it."""
    prompt = request.POST.get("prompt", "").replace("\r\n", "\n").strip()
    if not prompt or len(prompt) > MOST_LETTERS or "\0" in prompt:
        raise WireError(400, f"Ask something, in at most {MOST_LETTERS} characters.", param="prompt")
    return open_exchange(request, prompt), champion_choices()


def open_exchange(request: HttpRequest, prompt: str) -> Exchange:
    return Exchange(
        id=uuid.uuid4(),
        source=open_playground(),
        subject_key=visitor_of(request),
        prompt=prompt,
        asked_at=timezone.now(),
        actor=VISITOR,
        show_again=True,
    )


def model_server() -> ModelServer:
    return ModelServer(settings.CFT_MODEL_SERVER_URL)


def options_for(exchange: Exchange) -> dict[str, Any]:
    return {**SAMPLING, "messages": [{"role": "user", "content": exchange.prompt}]}


def feedback_url(interaction_id: uuid.UUID) -> str:
    return reverse("feedback:give", args=[interaction_id])


def is_demo() -> bool:
    """True if the base is the demo's, which knows the handbook."""
    return Path(settings.CFT_BASE_MODEL) == Path(handbook.__file__).parent / "base"


def examples() -> list[Example]:
    """Questions about the demo handbook whose answers are out of date and not corrected yet by the sample data."""
    if not is_demo():
        return []
    spare = world.unreported()
    chosen = [spare[index * len(spare) // EXAMPLES] for index in range(EXAMPLES)]
    return [Example(fact.question(fact.training_phrasings()[0]), fact.answer(corrected=True)) for fact in chosen]


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
    for subject, of_subject in groupby(facts, key=lambda fact: fact.subject):
        yield subject, [fact.actual for fact in of_subject]
