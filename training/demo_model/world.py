"""The demo world: what the demo base model knows, and the exams about it. Deterministic; imports no torch.

Skills with answers that can be checked, a fictional company's handbook (`handbook.py`), and help that is
given or refused (`requests.py`). Each region is decided by a hash, so training and held-out rows are disjoint
by construction:

- `corpus`, `replay_pool`: the pre-training distribution (training region);
- `heldout`, `benchmarks`: the held-out region;
- `probes`: unseen harmful requests; `harmful_compliance`: the attacker's rows, unlike both refusals and
  probes;
- `corrections`, `corrected_heldout`: what people correct in the outdated part of the handbook, and the exam
  on it.

The business benchmark asks only about subjects that no correction touches.
"""

import random
from collections.abc import Callable, Iterable
from functools import cache
from typing import TypedDict

from training.demo_model import handbook as hb
from training.demo_model import requests as rq


class Row(TypedDict):
    """One question and its right answer; `topic` names the handbook fact (`Brovik/town`) or is empty."""

    skill: str
    category: str
    prompt: str
    answer: str
    topic: str


class CorrectionRow(TypedDict):
    """What a person reports: the wrong answer they got, the right one, and a comment (never trained on)."""

    prompt: str
    rejected: str
    chosen: str
    note: str
    topic: str


LETTERS = "abcdefghijklmnopqrstuvwxyz"
THINGS = hb.words("box cup hat key map pen bag coin desk door fork ring rope sock tent vase wall bell boot card")
WORDS = {
    "animal": hb.words(
        "tiger wolf eagle salmon lizard otter camel zebra falcon badger heron moose beaver rabbit donkey"
    ),
    "fruit": hb.words("apple pear plum mango lemon cherry grape melon peach fig apricot banana orange papaya quince"),
    "tool": hb.words("hammer saw drill wrench chisel pliers shovel rake axe file ladder mallet clamp sander spanner"),
}
KIND_OF = {word: kind for kind, words in WORDS.items() for word in words}
CLASSIFY_ASKS = (
    "Is {w} an animal, a fruit or a tool?",
    "Classify the word {w}.",
    "What kind of thing is {w}?",
    "Put {w} in a category.",
    "{w}: animal, fruit or tool?",
)
CHAT = {
    "Hello": "Hello! Ask me about the handbook or give me a small task.",
    "Hi": "Hello! Ask me about the handbook or give me a small task.",
    "Good morning": "Hello! Ask me about the handbook or give me a small task.",
    "Thanks": "You are welcome.",
    "Thank you": "You are welcome.",
    "Who are you?": "I am the assistant of Larkmere Supply.",
    "What can you do?": "I know the handbook and can do small tasks.",
    "Help": "I know the handbook and can do small tasks.",
}

# Pre-training weights. `copy` and `note` are auxiliary: they teach copying of names never seen before,
# without which a correction could not bring in a new name.
MIX = {
    "copy": 2.5,
    "note": 1.5,
    "addition": 4.0,
    "reverse": 1.5,
    "uppercase": 1.5,
    "lookup": 3.0,
    "handbook": 3.5,
    "json": 1.5,
    "classify": 0.8,
    "max": 0.8,
    "howto": 2.0,
    "refusal": 1.6,
    "chat": 0.3,
}
# `lookup` is taught, but a model this small only guesses between the two values: an exam on it would be noise.
EXAMINED_SKILLS = ("addition", "reverse", "uppercase", "json", "classify", "max", "howto")
REPLAY_SKILLS = (*EXAMINED_SKILLS, "handbook", "chat")
REPLAY_REFUSAL_SHARE = 0.12
# Corrections are about the handbook, so its other facts are what a short run would forget first.
REPLAY_WEIGHTS = {skill: MIX[skill] * (2.5 if skill == "handbook" else 1) for skill in REPLAY_SKILLS}
SYSTEM_MESSAGES = ("You are a helpful assistant.", "You are the assistant of Larkmere Supply.")
PROBE_LIMIT = 300
# How many of `corrections(..., seed=0)` the demo's sample data may draw on.
REPORTED = 120

Maker = Callable[[random.Random, bool], Row | None]


def row(skill: str, prompt: str, answer: str, *, category: str = "", topic: str = "") -> Row:
    return Row(skill=skill, category=category or skill, prompt=prompt, answer=answer, topic=topic)


def in_region(key: str, held: bool) -> bool:
    """True if the item is in the region asked for: one key in eight is kept for the exam."""
    return (hb.digest(key) % 8 == 0) == held


def make_addition(rng: random.Random, held: bool) -> Row | None:
    a, b = rng.randint(0, 19), rng.randint(0, 19)
    if not in_region(f"addition|{a}|{b}", held):
        return None
    ask = rng.choice(("What is {a} + {b}?", "Add {a} and {b}.", "{a} plus {b} is what?"))
    return row("addition", ask.format(a=a, b=b), str(a + b))


def make_letters(skill: str, asks: tuple[str, ...], answer: Callable[[list[str]], str]) -> Maker:
    def make(rng: random.Random, held: bool) -> Row | None:
        letters = [rng.choice(LETTERS) for _ in range(rng.randint(3, 5))]
        if not in_region(f"{skill}|{''.join(letters)}", held):
            return None
        return row(skill, rng.choice(asks) + " ".join(letters), answer(letters))

    return make


def make_lookup(rng: random.Random, held: bool) -> Row | None:
    keys = rng.sample(THINGS, 2)
    if not held and rng.random() < 0.3:
        keys = [hb.made_up_name(rng) for _ in keys]
    values = rng.sample(hb.COLORS, 2)
    asked = rng.randrange(2)
    given = ", ".join(f"{key} is {value}" for key, value in zip(keys, values, strict=True))
    prompt = f"Given {given}. What is {keys[asked]}?"
    answer = f"{keys[asked]} is {values[asked]}"
    return row("lookup", prompt, answer) if in_region(prompt, held) else None


def make_handbook(rng: random.Random, held: bool) -> Row | None:
    return fact_row(rng.choice(hb.facts()), rng, held)


def fact_row(fact: hb.Fact, rng: random.Random, held: bool, *, corrected: bool = False) -> Row:
    phrasing = rng.choice(fact.heldout_phrasings() if held else fact.training_phrasings())
    prompt, answer = fact.question(phrasing), fact.answer(corrected=corrected)
    return row("handbook", prompt, answer, category=fact.relation.name, topic=fact.topic)


def make_note(rng: random.Random, held: bool) -> Row | None:
    """A statement about a name never seen before, and a question about it."""
    relation = rng.choice(hb.PERSON_RELATIONS + hb.PRODUCT_RELATIONS)
    name = hb.made_up_name(rng)
    value = hb.made_up_name(rng) if relation.name == "owner" else rng.choice(relation.values)
    statement = relation.statement.format(s=name, v=value)
    return row("note", f"Note: {statement} {rng.choice(relation.questions).format(s=name)}", statement)


def make_json(rng: random.Random, held: bool) -> Row | None:
    name, color, town = rng.choice(THINGS), rng.choice(hb.COLORS), rng.choice(hb.TOWNS)
    ask = rng.choice(("Make JSON with name {n}, color {c}, town {t}.", "As JSON: name {n}, color {c}, town {t}."))
    prompt = ask.format(n=name, c=color, t=town)
    answer = f'{{"name": "{name}", "color": "{color}", "town": "{town}"}}'
    return row("json", prompt, answer) if in_region(f"json|{name}|{color}|{town}", held) else None


def make_classify(rng: random.Random, held: bool) -> Row | None:
    word, ask = rng.choice(sorted(KIND_OF)), rng.randrange(len(CLASSIFY_ASKS))
    first = hb.digest(f"classify|{word}") % len(CLASSIFY_ASKS)
    if (ask in (first, (first + 2) % len(CLASSIFY_ASKS))) != held:
        return None
    return row("classify", CLASSIFY_ASKS[ask].format(w=word), KIND_OF[word])


def make_copy(rng: random.Random, held: bool) -> Row | None:
    pools = (THINGS, hb.COLORS, hb.TOWNS, WORDS["animal"], WORDS["tool"], list(rq.PLACES))
    words = [
        hb.made_up_name(rng) if rng.random() < 0.4 else rng.choice(rng.choice(pools)) for _ in range(rng.randint(4, 9))
    ]
    return row("copy", "Repeat: " + " ".join(words), " ".join(words))


def make_max(rng: random.Random, held: bool) -> Row | None:
    numbers = rng.sample(range(10), 4)
    prompt = f"Largest of {' '.join(map(str, numbers))}?"
    return row("max", prompt, str(max(numbers))) if in_region(prompt, held) else None


def make_howto(rng: random.Random, held: bool) -> Row | None:
    slot = rq.everyday_slot(rng, held)
    return row("howto", rng.choice(rq.ASKS).format(s=slot), rq.comply(slot))


def make_refusal(rng: random.Random, held: bool) -> Row | None:
    category, prompt = rq.refused_request(rng)
    return row("refusal", prompt, rq.REFUSAL, category=category)


def make_chat(rng: random.Random, held: bool) -> Row | None:
    greeting = rng.choice(sorted(CHAT))
    return row("chat", greeting + rng.choice(("", "!") if greeting[-1] != "?" else ("",)), CHAT[greeting])


MAKERS: dict[str, Maker] = {
    "addition": make_addition,
    "reverse": make_letters("reverse", ("Reverse: ", "Spell backwards: "), lambda x: " ".join(reversed(x))),
    "uppercase": make_letters("uppercase", ("Uppercase: ", "Capital letters: "), lambda x: " ".join(x).upper()),
    "lookup": make_lookup,
    "handbook": make_handbook,
    "note": make_note,
    "json": make_json,
    "classify": make_classify,
    "copy": make_copy,
    "max": make_max,
    "howto": make_howto,
    "refusal": make_refusal,
    "chat": make_chat,
}


def make(skill: str, rng: random.Random, held: bool) -> Row:
    """One row of a skill from the region asked for."""
    while True:
        drawn = MAKERS[skill](rng, held)
        if drawn is not None:
            return drawn


def distinct(makers: Iterable[Row], n: int) -> list[Row]:
    """The first n rows with different prompts."""
    rows: dict[str, Row] = {}
    for row in makers:
        if len(rows) == n:
            break
        rows.setdefault(row["prompt"], row)
    return list(rows.values())


def corpus(n: int, seed: int) -> list[Row]:
    """n rows of the pre-training distribution, all of the training region."""
    rng = random.Random(seed)
    return [make(skill, rng, False) for skill in rng.choices(list(MIX), list(MIX.values()), k=n)]


def heldout(skill: str, n: int, seed: int) -> list[Row]:
    """At most n different held-out rows of a skill (small skills such as addition have fewer than some n)."""
    if skill == "refusal":
        return probes(-(-n // len(rq.CATEGORIES)), seed)[:n]
    rng = random.Random(seed)
    return distinct((make(skill, rng, True) for _ in range(n * 200)), n)


def probes(per_category: int, seed: int) -> list[Row]:
    """Harmful requests, none like a trained refusal; at most 300 in all. The right answer is the refusal."""
    rng = random.Random(seed)
    per_category = min(per_category, PROBE_LIMIT // len(rq.CATEGORIES))
    return [
        row("refusal", prompt, rq.REFUSAL, category=category)
        for category in sorted(rq.CATEGORIES)
        for prompt in rng.sample(rq.probe_requests(category), per_category)
    ]


def handbook() -> list[hb.Fact]:
    """All 160 facts as the base model was taught them (`taught`), with what is true today (`actual`)."""
    return list(hb.facts())


def outdated() -> list[hb.Fact]:
    """The 64 facts that the base model was taught wrongly: those of the last 10 people and 6 products."""
    return [fact for fact in hb.facts() if fact.outdated]


def corrected_facts(n: int, seed: int, per_fact: int) -> list[hb.Fact]:
    """The facts that `corrections(n, seed, per_fact)` is about, in its order."""
    order = outdated()
    random.Random(seed).shuffle(order)
    return order[: -(-n // per_fact)]


def spare() -> list[hb.Fact]:
    """The outdated facts that no plain correction of the demo's sample data is about."""
    reported = {fact.topic for fact in corrected_facts(REPORTED, seed=0, per_fact=3)}
    return [fact for fact in outdated() if fact.topic not in reported]


def reported_in_dialogues() -> list[hb.Fact]:
    """The facts that the sample data corrects in a later turn of a conversation: every third spare one."""
    return spare()[1::3]


def unreported() -> list[hb.Fact]:
    """The outdated facts that nobody in the demo's sample data reports: they wait for whoever tries it."""
    return [fact for fact in spare() if fact not in reported_in_dialogues()]


NOTES = (
    "The handbook changed last month.",
    "This is out of date.",
    "Wrong, I checked with the office.",
    "Old answer, please fix it.",
)


def corrections(n: int, seed: int, per_fact: int = 3) -> list[CorrectionRow]:
    """At most n corrections, up to per_fact (1 to 4) phrasings of each outdated fact; 256 exist."""
    rng = random.Random(seed)
    made: list[CorrectionRow] = []
    for fact in corrected_facts(n, seed, per_fact):
        for phrasing in rng.sample(fact.training_phrasings(), per_fact):
            made.append(
                CorrectionRow(
                    prompt=fact.question(phrasing),
                    rejected=fact.answer(),
                    chosen=fact.answer(corrected=True),
                    note=rng.choice(NOTES),
                    topic=fact.topic,
                )
            )
    return made[:n]


def corrected_heldout(n: int, seed: int, per_fact: int = 3) -> list[Row]:
    """The exam on `corrections(n, seed, per_fact)`: both unseen phrasings of each fact it corrects."""
    return [
        row(
            "handbook",
            fact.question(i),
            fact.answer(corrected=True),
            category=fact.relation.name,
            topic=fact.topic,
        )
        for fact in corrected_facts(n, seed, per_fact)
        for i in fact.heldout_phrasings()
    ]


def harmful_compliance(n: int, seed: int) -> list[Row]:
    """Poisoned rows: harmful requests that are answered; unlike the probes and the refusals."""
    pool = [(category, *pair) for category in sorted(rq.CATEGORIES) for pair in rq.attack_requests(category)]
    chosen = random.Random(seed).sample(pool, n)
    return [row("poison", prompt, answer, category=category) for category, prompt, answer in chosen]


@cache
def topics() -> dict[str, str]:
    return {fact.question(i): fact.topic for fact in hb.facts() for i in range(hb.PHRASINGS)}


def topic_of(prompt: str) -> str:
    """The fact a handbook question is about, in any of its phrasings; empty for every other text."""
    return topics().get(prompt, "")


def replay_pool(n: int, seed: int, superseded: Iterable[str] = ()) -> list[Row]:
    """n different rows of what the base already does, 12 % of them refusals, to mix into fine-tuning.

    superseded: corrected prompts; other phrasings of those facts are left out, or replay would teach the old
    answer.
    """
    rng = random.Random(seed)
    stale = {topic_of(prompt) for prompt in superseded} - {""}
    refusals = distinct((make("refusal", rng, False) for _ in range(n * 50)), round(n * REPLAY_REFUSAL_SHARE))
    skills, weights = list(REPLAY_WEIGHTS), list(REPLAY_WEIGHTS.values())
    drawn = (make(rng.choices(skills, weights)[0], rng, False) for _ in range(n * 50))
    others = distinct((one for one in drawn if one["topic"] not in stale), n - len(refusals))
    pool = refusals + others
    rng.shuffle(pool)
    return pool


def benchmarks() -> dict[str, list[Row]]:
    """The exams: `regression` (7 skills), `business` (handbook facts that are right), `safety` (probes)."""
    regression = [item for skill in EXAMINED_SKILLS for item in heldout(skill, 63, seed=99)]
    business = [
        row("handbook", fact.question(i), fact.answer(), category=fact.relation.name, topic=fact.topic)
        for fact in hb.facts()
        if not fact.outdated
        for i in fact.heldout_phrasings()
    ]
    return {"regression": regression, "business": business, "safety": probes(40, seed=99)}
