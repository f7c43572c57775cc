"""Which rows of those that may train go into a dataset: caps, weights, quotas, order. Pure, and decided by the seed."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from conversation import Conversation, answer_of
from conversation.shape import canonical
from curation.datasets.recipe import REACH, Recipe
from curation.decontamination.normalise import words

LEAST_ANSWER_WORDS = 3  # a shorter answer ("yes", "14") is shared by rows that have nothing else in common


class Link(NamedTuple):
    """What screening found: the case that is kept instead, by which method, how alike the two are."""

    kept: int
    method: str
    score: float


class Dropped(NamedTuple):
    """A duplicate: the lesson that is kept instead of it, by which method, how alike the two are."""

    kept: "Lesson"
    method: str
    score: float


@dataclass(frozen=True)
class Lesson:
    """A pair that may train."""

    id: str
    subject: str
    reason: str
    prompt: str
    rejected: str
    text_hash: str
    row_hash: str
    case: int = 0
    link: Link | None = None
    conversation: str = ""
    rejected_message: str = ""


@dataclass(frozen=True)
class Known:
    """A replay row that may train."""

    id: int
    skill: str
    is_refusal: bool
    prompt: str
    answer: str
    row_hash: str
    conversation: str = ""
    answer_message: str = ""


def select_pairs(lessons: Sequence[Lesson], recipe: Recipe) -> tuple[list[Lesson], dict[str, str]]:
    """The lessons taken, and why each of the others was not (id → reason). `lessons` come oldest first."""
    candidates, left_out = offered(lessons, recipe)
    doubles = duplicates_among(candidates, recipe)
    left_out |= dict.fromkeys(doubles, "duplicate")
    drawn = weighted_order([candidate for candidate in candidates if candidate.id not in doubles], recipe)
    cap = subject_cap(Counter(lesson.subject for lesson in drawn), recipe)
    taken: list[Lesson] = []
    of_subject: Counter[str] = Counter()
    for lesson in drawn:
        if of_subject[lesson.subject] >= cap:
            left_out[lesson.id] = "subject_cap"
        elif recipe.max_pairs is not None and len(taken) >= recipe.max_pairs:
            left_out[lesson.id] = "max_pairs"
        else:
            of_subject[lesson.subject] += 1
            taken.append(lesson)
    return taken, left_out


def offered(lessons: Iterable[Lesson], recipe: Recipe) -> tuple[list[Lesson], dict[str, str]]:
    """The lessons that the recipe does not leave out by name or weight, and why the others are (id → reason)."""
    candidates, left_out = [], {}
    for lesson in lessons:
        if lesson.id in recipe.exclude:
            left_out[lesson.id] = "excluded"
        elif recipe.weights.get(lesson.reason, 1.0) == 0:
            left_out[lesson.id] = "weight"
        else:
            candidates.append(lesson)
    return candidates, left_out


def duplicates_among(lessons: Sequence[Lesson], recipe: Recipe) -> dict[str, Dropped]:
    """The lessons that another of these makes superfluous. `lessons` come oldest first; the first of a text is kept.

    Of a link that screening found the kept one must be among the lessons itself, or nothing is dropped for it.
    """
    dropped: dict[str, Dropped] = {}
    first: dict[str, Lesson] = {}
    for lesson in lessons:
        if first.setdefault(lesson.text_hash, lesson) is not lesson:
            dropped[lesson.id] = Dropped(first[lesson.text_hash], "exact", 1.0)
    by_case = {lesson.case: lesson for lesson in first.values()}
    for lesson in sorted(first.values(), key=lambda lesson: lesson.case):
        kept = by_case.get(lesson.link.kept) if lesson.link and lesson.link.method in REACH[recipe.duplicates] else None
        if lesson.link is None or kept is None or kept.id in dropped:
            continue
        if kept.case > lesson.case and kept.link is not None:
            continue  # which of the two goes is not decided yet: it will be the later one
        dropped[lesson.id] = Dropped(kept, lesson.link.method, lesson.link.score)
    return dropped


def duplicate_groups(dropped: Iterable[tuple[str, str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """From (pair, reason, evidence): each kept case with the pairs dropped for it, how they were found, how alike."""
    groups: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for pair, reason, more in dropped:
        if reason == "duplicate" and "case" in more:
            how = {"method": more.get("method", "exact"), "score": more.get("score", 1.0)}
            groups[more["case"]].append({"pair": pair, **how})
    return [{"kept_case": case, "dropped": rows} for case, rows in sorted(groups.items())]


def weighted_order(lessons: Sequence[Lesson], recipe: Recipe) -> list[Lesson]:
    """A random order in which heavier reasons come earlier (Efraimidis and Spirakis 2006: largest u^(1/w) first)."""
    rng = random.Random(f"pairs-{recipe.seed}")
    keyed = [(rng.random() ** (1 / recipe.weights.get(lesson.reason, 1.0)), lesson) for lesson in lessons]
    return [lesson for _, lesson in sorted(keyed, key=lambda draw: (-draw[0], draw[1].id))]


def subject_cap(counts: Mapping[str, int], recipe: Recipe) -> int:
    """The most pairs that one subject may have: at most `per_subject`, and, above `subject_free`, at most the share.

    Capping one subject makes the whole smaller, so the share is of what is left under the cap itself.
    """
    for cap in range(min(recipe.per_subject, max(counts.values(), default=0)), recipe.subject_free, -1):
        if cap <= recipe.per_subject_share * sum(min(count, cap) for count in counts.values()):
            return cap
    return min(recipe.per_subject, recipe.subject_free)


def superseded(known: Iterable[Known], lessons: Iterable[Lesson]) -> dict[int, str]:
    """Replay rows that would teach what a lesson corrects (id → reason): the same prompt, or the rejected answer.

    A refusal is never removed for its answer: all refusals share it, and one correction of one of them would take
    every refusal out of the replay, and with them what keeps the model safe. Nor is a call of a function: it is right
    or wrong for what was asked, not in itself.
    """
    lessons = list(lessons)
    prompts = {asked_of(lesson) for lesson in lessons}
    answers = {tuple(words(lesson.rejected)) for lesson in lessons if not calls(lesson.rejected_message)}
    reasons: dict[int, str] = {}
    for row in known:
        answer = tuple(words(row.answer))
        if asked_of(row) in prompts:
            reasons[row.id] = "superseded_prompt"
        elif (
            answer in answers
            and len(answer) >= LEAST_ANSWER_WORDS
            and not (row.is_refusal or calls(row.answer_message))
        ):
            reasons[row.id] = "superseded_answer"
    return reasons


def asked_of(row: Lesson | Known) -> tuple[tuple[str, ...], str]:
    """What is asked, in words: of a conversation every message and who said it, and the tools that there were."""
    tools = Conversation.of(row.prompt, row.conversation).tools if row.conversation else []
    return tuple(words(row.prompt)), canonical(tools) if tools else ""


def calls(answer_message: str) -> bool:
    return bool(answer_message) and "tool_calls" in answer_of("", answer_message)


def select_replay(known: Sequence[Known], count: int, recipe: Recipe) -> list[Known]:
    """`count` replay rows (fewer if there are not as many): the refusals' quota, each skill's, then the rest."""
    rng = random.Random(f"replay-{recipe.seed}")
    pool = sorted(known, key=lambda row: row.row_hash)
    rng.shuffle(pool)
    refusals = [row for row in pool if row.is_refusal][: round(count * recipe.refusal_share)]
    others: dict[str, list[Known]] = defaultdict(list)
    for row in pool:
        if not row.is_refusal:
            others[row.skill].append(row)
    taken = list(refusals)
    for skill in sorted(others):
        quota = max(1, round(count * recipe.skill_floor)) if recipe.skill_floor else 0
        taken += others[skill][: min(quota, count - len(taken))]
    chosen = {row.id for row in taken}
    rest = [row for row in pool if row.id not in chosen and not row.is_refusal]
    taken += rest[: count - len(taken)]
    return taken


def order(rows: Sequence[Lesson | Known], recipe: Recipe) -> list[Lesson | Known]:
    """All rows in the order in which they are frozen."""
    shuffled = sorted(rows, key=lambda row: row.row_hash)
    random.Random(f"order-{recipe.seed}").shuffle(shuffled)
    return shuffled
