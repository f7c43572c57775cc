"""Sample data of the demo: what people of a fictional company tell their assistant. Loading it again changes nothing.

Most of it is what a good day brings; the rest shows every reason why a correction may not train.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User

from cftapp.base.actors import LOADER
from cftapp.local import stages
from conversation import Conversation, Message, read, read_answer
from curation.datasets.actions import import_replay_rows
from curation.screening.warm_up import warm
from evaluation.benchmarks.demo import publish_demo, replay_rows
from feedback.actions import (
    open_playground,
    record_interaction,
    register_source,
    submit_bug_report,
    submit_comment,
    submit_correction,
    submit_taste_note,
)
from feedback.lanes import lane_of
from feedback.models import ConsentWording, Environment, Source, pseudonym_key
from serving.releases.actions import install_base
from training.actions import checked_base
from training.demo_model import dialogues, world

SOURCE = "larkmere-support"
PEOPLE = 40
CORRECTED = 96
NAMESPACE = uuid.UUID("6d0f6b58-7c0b-5a53-9c39-6a1c1c9f2d11")


@dataclass(frozen=True, slots=True)
class Sample:
    """One exchange and the feedback on it."""

    kind: str
    person: str
    prompt: str | Conversation
    answer: str | Message
    words: dict[str, Any]
    environment: str = Environment.PRODUCTION


def load(*, corrections: int = CORRECTED, begin: Callable[[str], None] = lambda title: None) -> None:
    """Benchmarks, base release, replay rows and sample feedback. Needs the owner's access to both databases.

    `begin` is told each stage.
    """
    begin(stages.EXAMS)
    warm()
    publish_demo(by=User.objects.get(username="examiner"))
    begin(stages.SAMPLE)
    install_base(checked_base(settings.CFT_BASE_MODEL), by=LOADER)
    import_replay_rows(replay_rows(), by=LOADER)
    open_playground()
    source = support_source()
    for number, sample in enumerate(samples(corrections)):
        post(source, number, sample)


def support_source() -> Source:
    """The company's help desk, as a source of feedback."""
    source = Source.objects.filter(name=SOURCE).first()
    return source or register_source(SOURCE, "Larkmere help desk", by=LOADER)


def samples(corrections: int) -> Iterator[Sample]:
    """All samples, in the order in which they arrive; those in conversations come last."""
    good = iter(honest_corrections(corrections))
    for other in [*refused_corrections(), *notes()]:
        yield from islice(good, 3)
        yield other
    yield from good
    yield from corrected_turns()
    yield from talks()


def shown() -> str:
    """The version of the consent wording that the help desk shows."""
    return ConsentWording.objects.current().pk


def honest_corrections(count: int) -> Iterable[Sample]:
    """People who looked it up, with consent. Each person reports a few facts, never the same one twice."""
    for number, row in enumerate(world.corrections(count, seed=0)):
        words = {"replacement": row["chosen"], "reason": "outdated", "note": row["note"], "consent": shown()}
        yield Sample("correction", f"crew-{number % PEOPLE:02}", row["prompt"], row["rejected"], words)


def refused_corrections() -> Iterable[Sample]:
    """One correction for each reason not to train on it."""
    spare = world.corrections(CORRECTED + 24, seed=0)[CORRECTED:]
    exam = world.benchmarks()["business"][0]
    plain = {"reason": "outdated", "consent": shown()}
    twin = world.corrections(CORRECTED, seed=0)[0]

    def about(row: Any, person: str, **words: Any) -> Sample:
        environment = words.pop("environment", Environment.PRODUCTION)
        replacement = words.pop("replacement", row["chosen"])
        said = plain | {"replacement": replacement} | words
        return Sample("correction", in_training(person), row["prompt"], row["rejected"], said, environment)

    yield about(spare[0], "no-consent", consent="", note="Please do not train on me.")
    yield about(spare[3], "tester", environment=Environment.STAGING, note="Trying the form.")
    contact = "Write to ada.quill@larkmere.example or +44 20 7946 0018."
    yield about(spare[6], "chatty", replacement=f"{spare[6]['chosen']} {contact}")
    yield about(spare[9], "careless", replacement=f"{spare[9]['chosen']} My login: password = 'Tr4mp0line-Glacier-77'.")
    yield about(spare[12], "critic", replacement="No, that is wrong, you should look it up again.")
    yield about(twin, "echo", note="I think this was reported before.")
    leak = {"prompt": exam["prompt"], "rejected": "I do not know.", "chosen": exam["answer"]}
    yield about(leak, "examinee", note="Saw this one somewhere.")


def in_training(person: str) -> str:
    """A person of this name whose lane is training: one in ten would be held out, and the example with them."""
    source = support_source()
    names = (person, *(f"{person}-{number}" for number in range(2, 100)))
    lanes = ((name, lane_of(pseudonym_key(), source.name, name, source.held_out_percent)) for name in names)
    return next(name for name, lane in lanes if lane == "training")


def notes() -> Iterable[Sample]:
    """Bugs, matters of taste, and an old thumbs-down without a kind."""
    facts = world.handbook()
    hello = ("Hello", "Hello! Ask me about the handbook or give me a small task.")
    broken = {"what_happened": "The answer stopped in the middle of the word.", "expected": "A whole sentence."}
    yield Sample("bug_report", in_training("crew-03"), facts[0].question(0), facts[0].answer()[:9], broken)
    yield Sample("bug_report", in_training("crew-17"), *hello, {"what_happened": "It took a minute to greet me."})
    yield Sample("taste_note", in_training("crew-05"), *hello, {"preference": "Just say hi.", "aspect": "length"})
    yield Sample(
        "taste_note", in_training("crew-21"), *hello, {"preference": "Less cheerful, please.", "aspect": "tone"}
    )
    yield Sample(
        "comment", in_training("crew-09"), *hello, {"rating": "thumbs down", "text": "I was only trying something out."}
    )


def corrected_turns() -> Iterable[Sample]:
    """Corrections of a second turn, some under a system prompt that asks for one word, and of calls of a tool."""
    rows = [*dialogues.corrections(seed=0), *dialogues.corrected_calls()]
    for number, row in enumerate(rows):
        replacement = read_answer(row["chosen"], tools=row["tools"])
        words = {"replacement": replacement, "reason": "outdated", "consent": shown()}
        person = f"crew-{number * 3 % PEOPLE:02}"
        yield Sample("correction", person, read(row["messages"], row["tools"]), read_answer(row["rejected"]), words)


def talks() -> Iterable[Sample]:
    """What people like and dislike about longer conversations."""
    item, fact = dialogues.ITEMS[0], dialogues.corrections(seed=0)[0]
    looked_up = dialogues.looked_up([dialogues.said("user", dialogues.STOCK_QUESTIONS[0].format(s=item))], item, 7)
    number = {"preference": "The number alone would do.", "aspect": "length"}
    slow = {"what_happened": "The second answer took much longer than the first."}
    asked = read(looked_up["messages"], looked_up["tools"])
    yield Sample("taste_note", in_training("crew-11"), asked, read_answer(looked_up["answer"]), number)
    yield Sample("bug_report", in_training("crew-30"), read(fact["messages"]), read_answer(fact["rejected"]), slow)


SUBMIT: dict[str, Callable[..., Any]] = {
    "correction": submit_correction,
    "bug_report": submit_bug_report,
    "taste_note": submit_taste_note,
    "comment": submit_comment,
}


def post(source: Source, number: int, sample: Sample) -> None:
    """Record one exchange and its feedback, under ids that make a second loading harmless."""
    interaction = record_interaction(
        source,
        sample.person,
        sample.prompt,
        sample.answer,
        model_name="base",
        external_id=f"sample-{number}",
        environment=sample.environment,
        by=LOADER,
    )
    feedback_id = uuid.uuid5(NAMESPACE, f"{source.pk}/{number}")
    SUBMIT[sample.kind](interaction.pk, feedback_id=feedback_id, by=LOADER, **sample.words)
