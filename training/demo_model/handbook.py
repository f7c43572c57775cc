"""The handbook of Larkmere Supply, a company that does not exist.

160 facts: 24 people and 16 products with four facts each. Every fact has six phrasings; two of them, chosen
by a hash of the fact, are held out of all training. The facts of the last 10 people and 6 products are
*outdated*: the base model is taught `taught`, the truth is `actual`, and a correction turns one into the
other. Names are made up from syllables, so no person is meant.
"""

import hashlib
import random
from dataclasses import dataclass
from functools import cache

PEOPLE_COUNT, PRODUCT_COUNT = 24, 16
OUTDATED_PEOPLE, OUTDATED_PRODUCTS = 10, 6
PHRASINGS, HELDOUT_PHRASINGS = 6, 2


def words(text: str) -> list[str]:
    return text.split()


ONSETS = words("k m t v z br dr l n p s f gr h")
VOWELS = words("a e i o u")
CODAS = words("l n r x m th k")
TOWNS = words("Arden Bolton Calder Denby Elham Farnley Garve Holt Ilmer Jarrow")
DAYS = words("Monday Tuesday Wednesday Thursday Friday Saturday")
TEAMS = words("billing support design sales legal repair travel payroll")
FLOORS = words("1 2 3 4 5 6 7 8 9")
REFUND_DAYS = words("7 10 14 21 30 45 60 90")
COLORS = words("red blue green black white yellow purple orange brown pink")


def digest(text: str) -> int:
    """A 32-bit number from a text, the same in every process (unlike `hash`)."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)


def made_up_name(rng: random.Random) -> str:
    """A pronounceable two-syllable name such as Brovik."""
    parts = (ONSETS, VOWELS, ONSETS, VOWELS, CODAS)
    return "".join(rng.choice(part) for part in parts).capitalize()


@cache
def subjects() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the people and of the products; all different."""
    rng = random.Random(7)
    names: list[str] = []
    while len(names) < PEOPLE_COUNT + PRODUCT_COUNT:
        name = made_up_name(rng)
        if name not in names:
            names.append(name)
    return tuple(names[:PEOPLE_COUNT]), tuple(names[PEOPLE_COUNT:])


@dataclass(frozen=True)
class Relation:
    """One column of the handbook: `{s}` is the subject, `{v}` the value."""

    name: str
    statement: str
    questions: tuple[str, ...]
    values: tuple[str, ...] = ()


PERSON_RELATIONS = (
    Relation(
        "floor",
        "{s} sits on floor {v}.",
        (
            "Which floor does {s} work on?",
            "What floor is {s} on?",
            "Where can I find the desk of {s}?",
            "Tell me the floor of {s}.",
            "On which floor does {s} sit?",
            "{s} sits on which floor?",
        ),
        tuple(FLOORS),
    ),
    Relation(
        "town",
        "{s} is based in {v}.",
        (
            "Which town does {s} work in?",
            "In which town is {s} based?",
            "What is the town of {s}?",
            "Tell me the town of {s}.",
            "Where is {s} based?",
            "{s} is based in which town?",
        ),
        tuple(TOWNS),
    ),
    Relation(
        "day",
        "{s} works from home on {v}.",
        (
            "Which day does {s} work from home?",
            "What day is {s} at home?",
            "When does {s} work from home?",
            "Tell me the home day of {s}.",
            "On which day is {s} not in the office?",
            "{s} works from home on which day?",
        ),
        tuple(DAYS),
    ),
    Relation(
        "team",
        "{s} is in the {v} team.",
        (
            "Which team is {s} in?",
            "What team does {s} work for?",
            "What is the team of {s}?",
            "Tell me the team of {s}.",
            "Which team does {s} belong to?",
            "{s} belongs to which team?",
        ),
        tuple(TEAMS),
    ),
)
PRODUCT_RELATIONS = (
    Relation(
        "owner",
        "{s} is owned by {v}.",
        (
            "Who owns {s}?",
            "Who is the owner of {s}?",
            "Who is in charge of {s}?",
            "Tell me the owner of {s}.",
            "Who looks after {s}?",
            "{s} is owned by whom?",
        ),
        subjects()[0],
    ),
    Relation(
        "refund",
        "{s} can be returned within {v} days.",
        (
            "How many days do I have to return {s}?",
            "How long can I return {s}?",
            "What is the refund time for {s}?",
            "Tell me the refund days of {s}.",
            "Until when can a customer return {s}?",
            "{s} can be returned for how many days?",
        ),
        tuple(REFUND_DAYS),
    ),
    Relation(
        "store",
        "{s} is stored in {v}.",
        (
            "Where is {s} stored?",
            "In which town is the stock of {s}?",
            "Which town stores {s}?",
            "Tell me the store of {s}.",
            "Where do we keep {s}?",
            "{s} is stored in which town?",
        ),
        tuple(TOWNS),
    ),
    Relation(
        "box",
        "{s} comes in a {v} box.",
        (
            "What color is the box of {s}?",
            "Which box does {s} come in?",
            "What does the box of {s} look like?",
            "Tell me the box color of {s}.",
            "In which color of box do we ship {s}?",
            "{s} comes in which box?",
        ),
        tuple(COLORS),
    ),
)


@dataclass(frozen=True)
class Fact:
    """One cell of the handbook: what the base model was taught and what is true now."""

    subject: str
    kind: str
    relation: Relation
    taught: str
    actual: str

    @property
    def topic(self) -> str:
        return f"{self.subject}/{self.relation.name}"

    @property
    def outdated(self) -> bool:
        return self.taught != self.actual

    def question(self, phrasing: int) -> str:
        return self.relation.questions[phrasing].format(s=self.subject)

    def answer(self, *, corrected: bool = False) -> str:
        value = self.actual if corrected else self.taught
        return self.relation.statement.format(s=self.subject, v=value)

    def heldout_phrasings(self) -> list[int]:
        """The two phrasings that no training text of this fact uses."""
        order = list(range(PHRASINGS))
        random.Random(digest(f"phrasing|{self.topic}")).shuffle(order)
        return sorted(order[:HELDOUT_PHRASINGS])

    def training_phrasings(self) -> list[int]:
        return [i for i in range(PHRASINGS) if i not in self.heldout_phrasings()]


def make_fact(subject: str, kind: str, relation: Relation, outdated: bool) -> Fact:
    taught = digest(f"value|{subject}|{relation.name}") % len(relation.values)
    shift = 1 + digest(f"truth|{subject}|{relation.name}") % (len(relation.values) - 1)
    actual = (taught + shift) % len(relation.values) if outdated else taught
    return Fact(subject, kind, relation, relation.values[taught], relation.values[actual])


@cache
def facts() -> tuple[Fact, ...]:
    """Every fact of the handbook, people first."""
    people, products = subjects()
    table = [
        make_fact(name, "person", relation, i >= PEOPLE_COUNT - OUTDATED_PEOPLE)
        for i, name in enumerate(people)
        for relation in PERSON_RELATIONS
    ]
    table += [
        make_fact(name, "product", relation, i >= PRODUCT_COUNT - OUTDATED_PRODUCTS)
        for i, name in enumerate(products)
        for relation in PRODUCT_RELATIONS
    ]
    return tuple(table)
