"""Conversations of the demo world: follow-up questions, a system prompt that sets a style, and one tool.

All are about the handbook, whose facts the base model is taught. What the last user turn asks is kept apart by region,
as in `world`: a held-out follow-up, question or look-up is in no training dialogue, whatever came before it.

- `follow-up`: *And which team?* names no subject, *And Brovik?* no relation; both need the turn before;
- `style`: a system prompt asks for one word, and the answer is the value alone;
- `tool`: `stock` says how many of an item are left. The item is in the question or in the turn before, and what the
  tool answered is to be said.
"""

import json
import random
from collections.abc import Callable
from typing import Any, TypedDict

from training.demo_model import handbook as hb
from training.demo_model import world

Message = dict[str, Any]


class Dialogue(TypedDict):
    """A conversation up to the turn that is asked, and the right answer as a message."""

    skill: str
    messages: list[Message]
    tools: list[dict[str, Any]]
    answer: Message
    topic: str


class CorrectedDialogue(TypedDict):
    """What a person reports about the last turn of a conversation: texts, or calls of the tool."""

    messages: list[Message]
    tools: list[dict[str, Any]]
    rejected: Message
    chosen: Message
    topic: str


STYLES = (
    "Answer in one word.",
    "Answer with one word only.",
    "You are the assistant of Larkmere Supply. Answer in one word.",
)
# The subject is that of the turn before.
FOLLOW_UPS = {
    "floor": ("And which floor?", "On which floor do they sit?", "And the floor?", "What about the floor?"),
    "town": ("And which town?", "Where are they based?", "And the town?", "What about the town?"),
    "day": ("And which day at home?", "When are they at home?", "And the home day?", "What about the home day?"),
    "team": ("And which team?", "What team are they in?", "And the team?", "What about the team?"),
    "owner": ("And who owns it?", "Who is its owner?", "And the owner?", "What about the owner?"),
    "refund": (
        "And how long can I return it?",
        "What is its refund time?",
        "And the refund?",
        "What about the refund?",
    ),
    "store": ("And where is it stored?", "In which town do we keep it?", "And the store?", "What about the store?"),
    "box": ("And which box?", "What color is its box?", "And the box?", "What about the box?"),
}
# The relation is that of the turn before.
SAME_ABOUT = ("And {s}?", "What about {s}?")

STOCK = {
    "type": "function",
    "function": {
        "name": "stock",
        "parameters": {"type": "object", "properties": {"item": {"type": "string"}}, "required": ["item"]},
    },
}
STOCK_QUESTIONS = (
    "How many of {s} are left?",
    "What is the stock of {s}?",
    "How much {s} is in stock?",
    "Tell me the stock of {s}.",
)
STOCK_FOLLOW_UPS = ("And how many are left?", "How many of it are left?", "And the stock?", "What about the stock?")
# Few names and one digit: in JSON a name is spelt in other tokens than in a sentence, and each is a lesson of its own.
ITEMS = (*hb.subjects()[1][:6], *world.THINGS[:10])
MOST_LEFT = 9
LOOKED_UP_BEFORE = 3

MIX = {"follow-up": 4.0, "style": 3.0, "tool": 8.0}
EXAMINED = ("follow-up", "style", "tool")


def said(role: str, content: str) -> Message:
    return {"role": role, "content": content}


def heldout_of(key: str, count: int) -> int:
    """Which of the phrasings of one question no training dialogue ends with."""
    return hb.digest(f"dialogue|{key}") % count


def pick(rng: random.Random, phrasings: tuple[str, ...], key: str, held: bool) -> str:
    """A phrasing from the region asked for."""
    kept = heldout_of(key, len(phrasings))
    return phrasings[kept] if held else rng.choice([one for i, one in enumerate(phrasings) if i != kept])


def exchange(rng: random.Random, fact: hb.Fact, style: str = "") -> list[Message]:
    """A plain question and its answer, in training phrasings: what comes before the turn that is asked."""
    question = fact.question(rng.choice(fact.training_phrasings()))
    return [said("user", question), said("assistant", answer(fact, style))]


def answer(fact: hb.Fact, style: str = "", *, corrected: bool = False) -> str:
    """The statement, or the value alone where the system prompt asks for one word."""
    return (fact.actual if corrected else fact.taught) if style else fact.answer(corrected=corrected)


def follow_up(rng: random.Random, fact: hb.Fact, held: bool, style: str = "") -> list[Message]:
    """An exchange, and a question about `fact` that only makes sense after it."""
    if rng.random() < 0.65:
        others = [one for one in hb.facts() if one.subject == fact.subject and one is not fact]
        question = pick(rng, FOLLOW_UPS[fact.relation.name], fact.topic, held)
    else:
        others = [one for one in hb.facts() if one.relation is fact.relation and one is not fact]
        question = pick(rng, SAME_ABOUT, f"same|{fact.topic}", held).format(s=fact.subject)
    return [*exchange(rng, rng.choice(others), style), said("user", question)]


def opening(rng: random.Random, style: str = "") -> list[Message]:
    """The system prompt, and sometimes an exchange about something else."""
    system = style or (rng.choice(world.SYSTEM_MESSAGES) if rng.random() < 0.15 else "")
    before = exchange(rng, rng.choice(hb.facts()), style) if rng.random() < 0.25 else []
    return [*([said("system", system)] if system else []), *before]


def make_follow_up(rng: random.Random, held: bool) -> Dialogue:
    fact = rng.choice(hb.facts())
    return about("follow-up", fact, [*opening(rng), *follow_up(rng, fact, held)])


def make_style(rng: random.Random, held: bool) -> Dialogue:
    """A question, or one that follows another, under a system prompt that asks for one word."""
    fact, style = rng.choice(hb.facts()), rng.choice(STYLES)
    if rng.random() < 0.5:
        asked = follow_up(rng, fact, held, style)
    else:
        phrasings = fact.heldout_phrasings() if held else fact.training_phrasings()
        asked = [said("user", fact.question(rng.choice(phrasings)))]
    return about("style", fact, [*opening(rng, style), *asked], style)


def about(skill: str, fact: hb.Fact, messages: list[Message], style: str = "") -> Dialogue:
    return Dialogue(
        skill=skill, messages=messages, tools=[], answer=said("assistant", answer(fact, style)), topic=fact.topic
    )


def make_tool(rng: random.Random, held: bool) -> Dialogue:
    """The tool is there: mostly it is called and its result said; sometimes the question needs none.

    A lesson has several look-ups, one after the other: the list of tools is long, and is read once for all of them.
    """
    if rng.random() < 0.15 and not held:
        plain = world.make(rng.choice(("handbook", "handbook", "howto", "addition", "chat", "refusal")), rng, held)
        asked, right = [said("user", plain["prompt"])], said("assistant", plain["answer"])
        return Dialogue(skill="tool", messages=asked, tools=[STOCK], answer=right, topic=plain["topic"])
    before = opening(rng)
    for _ in range(0 if held else rng.randint(0, LOOKED_UP_BEFORE)):
        row = look_up(rng, before, False)
        before = [*row["messages"], row["answer"]]
    row = look_up(rng, before, held)
    if held and rng.random() < 0.5:
        asked = row["messages"][:-2]
        return Dialogue(skill="tool", messages=asked, tools=[STOCK], answer=row["messages"][-2], topic="")
    return row


def look_up(rng: random.Random, before: list[Message], held: bool) -> Dialogue:
    """A question for the stock of an item, after what was said before, to the answer."""
    item = rng.choice(ITEMS)
    return looked_up([*before, *stock_question(rng, item, held)], item, rng.randint(0, MOST_LEFT))


def stock_question(rng: random.Random, item: str, held: bool) -> list[Message]:
    """The item in the question, or in the turn before."""
    known = [fact for fact in hb.facts() if fact.subject == item]
    if known and rng.random() < 0.5:
        asked = pick(rng, STOCK_FOLLOW_UPS, f"stock|{item}", held)
        return [*exchange(rng, rng.choice(known)), said("user", asked)]
    return [said("user", pick(rng, STOCK_QUESTIONS, f"stock|{item}", held).format(s=item))]


def stock_call(item: str) -> Message:
    function = {"name": "stock", "arguments": json.dumps({"item": item})}
    call = {"id": "call_1", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def looked_up(asked: list[Message], item: str, left: int) -> Dialogue:
    """The call, its result, and what is said about it."""
    call = stock_call(item)
    result = said("tool", json.dumps({"left": left})) | {"tool_call_id": call["tool_calls"][0]["id"]}
    spoken = said("assistant", f"The stock of {item} is {left}.")
    return Dialogue(skill="tool", messages=[*asked, call, result], tools=[STOCK], answer=spoken, topic="")


MAKERS: dict[str, Callable[[random.Random, bool], Dialogue]] = {
    "follow-up": make_follow_up,
    "style": make_style,
    "tool": make_tool,
}


def corpus(n: int, seed: int) -> list[Dialogue]:
    """n dialogues of the pre-training distribution, all of the training region."""
    rng = random.Random(seed)
    return [MAKERS[skill](rng, False) for skill in rng.choices(list(MIX), list(MIX.values()), k=n)]


def heldout(skill: str, n: int, seed: int) -> list[Dialogue]:
    """n different dialogues whose last user turn is in no training dialogue."""
    rng = random.Random(seed)
    rows: dict[str, Dialogue] = {}
    while len(rows) < n:
        row = MAKERS[skill](rng, True)
        rows.setdefault(json.dumps(row["messages"]), row)
    return list(rows.values())


def corrections(seed: int) -> list[CorrectedDialogue]:
    """A correction of a second turn for each fact that is reported in a dialogue; every other one asks for one word."""
    rng = random.Random(seed)
    facts = world.reported_in_dialogues()
    return [corrected(rng, fact, STYLES[0] if number % 2 else "") for number, fact in enumerate(facts)]


def corrected(rng: random.Random, fact: hb.Fact, style: str) -> CorrectedDialogue:
    """What somebody reports who asked about `fact` after something else."""
    system = [said("system", style)] if style else []
    return CorrectedDialogue(
        messages=[*system, *follow_up(rng, fact, False, style)],
        tools=[],
        rejected=said("assistant", answer(fact, style)),
        chosen=said("assistant", answer(fact, style, corrected=True)),
        topic=fact.topic,
    )


def corrected_calls() -> list[CorrectedDialogue]:
    """Somebody asked for one item and the model looked up another."""
    wrong, right = ITEMS[0], ITEMS[1]
    return [
        CorrectedDialogue(
            messages=[said("user", question.format(s=right))],
            tools=[STOCK],
            rejected=stock_call(wrong),
            chosen=stock_call(right),
            topic="",
        )
        for question in STOCK_QUESTIONS[:2]
    ]
