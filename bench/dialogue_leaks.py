"""How many items are found that hide in a dialogue, by which way of reading it, at how many false positives.

Items, clean texts and the clean reference are those of `bench.leak_table`: leaks are of items of the *reporting* half,
and the limits were chosen on leaks of the other one, in single rows; nothing was tuned on dialogues. Dialogues are made
of clean questions and answers that pass as rows, so whatever blocks one is the planted item; a dialogue counts as found
if it is blocked. Clean dialogues are made of all clean rows, those that are blocked on their own too: what matters
there is how many more are blocked because turns are read together.

Beside ours, with the same registry: the whole dialogue as one text, and its exchanges (a question and what answered it)
as rows. Each by n-grams alone and with embeddings.

    python -m bench.dialogue_leaks [--data DIR] [--items 60] [--protected 1500] [--no-embeddings] [--out FILE]
"""

import argparse
import json
import os
import platform
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from bench.leak_table import (
    SEED,
    Domain,
    Text,
    answers_to_the_public,
    build_registry,
    docstrings,
    rephrased,
    reporting,
    reworded_file,
    school_maths,
)
from conversation import Conversation, Message, answer_text, read, read_answer
from curation.checks.comparison import compare
from curation.decontamination.engine.encoder import Encoder
from curation.decontamination.registry import Registry
from curation.thresholds.leaks import Material, edited, item_text

FILLERS = 12  # dialogues that items hide in, of each length
CLEAN_TURNS = 5  # of a clean dialogue
PAST = "Could you tell me more about that?"


@dataclass
class Dialogue:
    """Messages and what answers them; `turns` are the messages of its questions."""

    messages: list[dict[str, Any]]
    answer: dict[str, Any] = field(default_factory=dict)
    tools: list[dict[str, Any]] | None = None

    @property
    def row(self) -> tuple[Conversation, Message]:
        return read(self.messages, self.tools), read_answer(self.answer)


def dialogue(rows: Sequence[Text]) -> Dialogue:
    """Questions and their answers in turn; the last answer is the one to learn."""
    said = [
        {"role": role, "content": text} for row in rows for role, text in zip(("user", "assistant"), row, strict=True)
    ]
    return Dialogue(said[:-1], said[-1])


# --- where an item hides ----------------------------------------------------------------------------------------------
Hide = Callable[[Dialogue, Text, random.Random], Dialogue]


def in_a_turn(talk: Dialogue, item: Text, rng: random.Random) -> Dialogue:
    """Question and answer of the item are a question and its answer."""
    said = [*talk.messages, talk.answer]
    at = 2 * rng.randrange(len(said) // 2)
    said[at], said[at + 1] = {**said[at], "content": item[0]}, {**said[at + 1], "content": item[1] or "I see."}
    return Dialogue(said[:-1], said[-1])


def in_a_question(talk: Dialogue, item: Text, rng: random.Random) -> Dialogue:
    """Of the item only the question, in the middle of what a user says."""
    messages = list(talk.messages)
    at = 2 * rng.randrange((len(messages) + 1) // 2)
    text = messages[at]["content"]
    messages[at] = {**messages[at], "content": f"{text}\n{item[0]}\n{PAST}"}
    return Dialogue(messages, talk.answer)


def as_a_question(talk: Dialogue, item: Text, rng: random.Random) -> Dialogue:
    """Of the item only the question, as all that a user says in one turn."""
    messages = list(talk.messages)
    at = 2 * rng.randrange((len(messages) + 1) // 2)
    messages[at] = {**messages[at], "content": item[0]}
    return Dialogue(messages, talk.answer)


def called(talk: Dialogue, rng: random.Random, arguments: str, result: str) -> Dialogue:
    """The dialogue with a call and its result behind one of its questions."""
    at = 2 * rng.randrange((len(talk.messages) + 1) // 2) + 1
    call = {"id": "call-1", "type": "function", "function": {"name": "search", "arguments": arguments}}
    between: list[dict[str, Any]] = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call-1", "content": result},
    ]
    tool = {"type": "function", "function": {"name": "search", "description": "Searches the handbook."}}
    return Dialogue([*talk.messages[:at], *between, *talk.messages[at:]], talk.answer, [tool])


def in_arguments(talk: Dialogue, item: Text, rng: random.Random) -> Dialogue:
    return called(talk, rng, json.dumps({"query": item[0], "most": 5}), "Nothing was found for this search.")


def in_escaped_arguments(talk: Dialogue, item: Text, rng: random.Random) -> Dialogue:
    escaped = "".join(f"\\u{ord(character):04x}" if ord(character) < 65_536 else character for character in item[0])
    return called(talk, rng, f'{{"query": "{escaped}"}}', "Nothing was found for this search.")


def in_a_result(talk: Dialogue, item: Text, rng: random.Random) -> Dialogue:
    hits = [{"title": "Handbook", "text": talk.messages[0]["content"]}, {"title": "Page 2", "text": item_text(*item)}]
    return called(talk, rng, '{"query": "handbook"}', json.dumps({"hits": hits}))


def in_the_system_prompt(talk: Dialogue, item: Text, rng: random.Random) -> Dialogue:
    rules = " ".join(f"{message['content']}" for message in talk.messages[:3])
    system = {"role": "system", "content": f"You help customers. {rules}\nExample:\n{item_text(*item)}\nBe brief."}
    return Dialogue([system, *talk.messages], talk.answer)


def halves(text: str, rng: random.Random) -> tuple[str, str]:
    words = text.split()
    cut = round(len(words) * rng.uniform(0.4, 0.6))
    return " ".join(words[:cut]), " ".join(words[cut:])


def over_two_questions(talk: Dialogue, item: Text, rng: random.Random) -> Dialogue:
    """Half of the question each in two turns of the user, with an answer between and words of their own around."""
    messages = list(talk.messages)
    at = 2 * rng.randrange(len(messages) // 2)
    first, second = halves(item[0], rng)
    messages[at] = {**messages[at], "content": f"{messages[at]['content']}\n{first}"}
    messages[at + 2] = {**messages[at + 2], "content": f"{second}\n{messages[at + 2]['content']}"}
    return Dialogue(messages, talk.answer)


def over_question_and_answer(talk: Dialogue, item: Text, rng: random.Random) -> Dialogue:
    """Half of the question in a user's turn, half in the answer to it."""
    said = [*talk.messages, talk.answer]
    at = 2 * rng.randrange(len(said) // 2)
    first, second = halves(item[0], rng)
    said[at] = {**said[at], "content": f"{said[at]['content']}\n{first}"}
    said[at + 1] = {**said[at + 1], "content": f"{second}\n{said[at + 1]['content']}"}
    return Dialogue(said[:-1], said[-1])


def over_four_turns(talk: Dialogue, item: Text, rng: random.Random) -> Dialogue:
    """A quarter of the question in each of four turns of the user."""
    messages, words = list(talk.messages), item[0].split()
    first = 2 * rng.randrange(len(messages) // 2 - 2)
    for part in range(4):
        at, own = first + 2 * part, words[len(words) * part // 4 : len(words) * (part + 1) // 4]
        messages[at] = {**messages[at], "content": " ".join(own) or "And?"}
    return Dialogue(messages, talk.answer)


def edited_over_two_questions(talk: Dialogue, item: Text, rng: random.Random) -> Dialogue:
    material = Material([message["content"] for message in talk.messages], rng)
    return over_two_questions(talk, (edited(item[0], "", material, share=0.2), item[1]), rng)


FORMS: dict[str, tuple[int, Hide]] = {
    "in one of 2 turns": (2, in_a_turn),
    "in one of 5 turns": (5, in_a_turn),
    "in one of 20 turns": (20, in_a_turn),
    "question only, within a turn of 5": (5, in_a_question),
    "in a tool's arguments": (5, in_arguments),
    "in arguments, every letter escaped": (5, in_escaped_arguments),
    "in a tool's result": (5, in_a_result),
    "in the system prompt": (5, in_the_system_prompt),
    "split over two turns of the user": (5, over_two_questions),
    "split, 20 % of its words edited": (5, edited_over_two_questions),
    "split over a question and its answer": (5, over_question_and_answer),
    "split over four turns of the user": (5, over_four_turns),
}
REWORDED_FORMS: dict[str, tuple[int, Hide]] = {
    "reworded by a language model, as a turn of 5": (5, as_a_question),
    "reworded, within a turn of 5": (5, in_a_question),
    "reworded, in a tool's arguments": (5, in_arguments),
    "reworded, split over two turns of the user": (5, over_two_questions),
}


# --- ways of reading --------------------------------------------------------------------------------------------------
Way = Callable[[Registry, Sequence[Dialogue]], list[bool]]


def as_one_text(registry: Registry, dialogues: Sequence[Dialogue]) -> list[bool]:
    rows = [(f"{asked.text}\nassistant: {answer_text(answer)}", "") for asked, answer in (d.row for d in dialogues)]
    return [overlap.blocked for overlap in registry.screen(rows, spans=False)]


def exchanges(one: Dialogue) -> list[Text]:
    """Each question with the words that answered it; a system prompt goes with the first."""
    rows: list[list[str]] = []
    for message in [*one.messages, one.answer]:
        if message["role"] in ("user", "system"):
            rows.append([message["content"], ""])
        elif message["content"] and message["role"] == "assistant":
            rows[-1][1] = f"{rows[-1][1]} {message['content']}".strip()
    return [(first, second) for first, second in rows]


def by_exchange(registry: Registry, dialogues: Sequence[Dialogue]) -> list[bool]:
    rows = [exchanges(one) for one in dialogues]
    overlaps = iter(registry.screen([row for own in rows for row in own], spans=False))
    return [any(overlap.blocked for overlap in list(islice(overlaps, len(own)))) for own in rows]


def ours(registry: Registry, dialogues: Sequence[Dialogue]) -> list[bool]:
    return [overlap.blocked for overlap in compare([one.row for one in dialogues], registry)]


WAYS: dict[str, Way] = {"as one text": as_one_text, "by exchange": by_exchange, "cftapp": ours}
OURS = ("cftapp", "by exchange")


# --- the table --------------------------------------------------------------------------------------------------------
def passing(domains: Sequence[Domain], registry: Registry, count: int) -> list[Text]:
    """Clean rows with an answer that pass as rows, of all kinds in turn."""
    rng = random.Random(SEED)
    piles = [
        rng.sample([row for row in d.negatives if all(row)], k=min(2 * count, len(d.negatives) // 2)) for d in domains
    ]
    rows = [row for group in zip(*piles, strict=False) for row in group]
    verdicts = registry.screen(rows, spans=False)
    return [row for row, overlap in zip(rows, verdicts, strict=True) if not overlap.blocked]


def talks(clean: Sequence[Text], turns: int) -> list[Dialogue]:
    rng = random.Random(f"{SEED} {turns}")
    return [dialogue(rng.sample(clean, turns)) for _ in range(FILLERS)]


def planted(
    forms: dict[str, tuple[int, Hide]], items: Sequence[Text], clean: Sequence[Text]
) -> dict[str, list[Dialogue]]:
    made = {}
    for form, (turns, hide) in forms.items():
        bases, rng = talks(clean, turns), random.Random(form)
        made[form] = [hide(bases[n % FILLERS], item, rng) for n, item in enumerate(items)]
    return made


def clean_dialogues(domain: Domain, most: int) -> list[Dialogue]:
    rows = [row for row in domain.negatives if all(row)]
    groups = [rows[n : n + CLEAN_TURNS] for n in range(0, len(rows) - CLEAN_TURNS + 1, CLEAN_TURNS)]
    return [dialogue(group) for group in random.Random(SEED).sample(groups, min(most, len(groups)))]


def measured(registries: dict[str, Registry], dialogues: Sequence[Dialogue]) -> dict[str, list[bool]]:
    return {
        f"{way}, {name}": read_as(registry, dialogues)
        for name, registry in registries.items()
        for way, read_as in WAYS.items()
    }


def smaller(domain: Domain, protected: int) -> Domain:
    """So many of the protected items, half of them of the reporting half, and twice as many texts of reference."""
    rng = random.Random(SEED)
    halves = [[item for item in domain.protected if reporting(item) == half] for half in (True, False)]
    items = [item for half in halves for item in rng.sample(half, min(protected // 2, len(half)))]
    reference = rng.sample(domain.reference, min(2 * protected, len(domain.reference)))
    return Domain(domain.name, items, reference, domain.negatives)


def table(folder: Path, most: int, protected: int, encoder: Encoder | None) -> dict[str, Any]:
    every = [school_maths(folder), docstrings(), answers_to_the_public(folder)]
    domains = [smaller(domain, protected) for domain in every]
    registry = build_registry(domains, encoder)
    registries = {"n-grams": registry.without_meaning()} | ({"embeddings": registry} if encoder else {})
    clean = passing(domains, registry, most)
    rng = random.Random(SEED)
    items = [
        item for d in domains for item in rng.sample([i for i in d.protected if reporting(i)], most // len(domains))
    ]
    places = {f"{every[0].name} {place}": item for place, item in enumerate(every[0].protected)}
    kept = set(domains[0].protected)
    leaks = [leak for leak in rephrased(every[0], folder, "reporting") if places[leak.item] in kept]
    reworded = [(leak.row[0], "") for leak in rng.sample(leaks, min(most, len(leaks)))]
    dialogues = planted(FORMS, items, clean) | planted(REWORDED_FORMS, reworded, clean)
    recall = {}
    for form, made in dialogues.items():
        recall[form] = {
            way: round(100 * sum(found) / len(found), 1) for way, found in measured(registries, made).items()
        }
        print(f"{form:48}", *(f"{share:6.1f}" for share in recall[form].values()), flush=True)
    false_positives = {}
    for domain in domains:
        made = clean_dialogues(domain, 2 * most)
        found = measured(registries, made)
        false_positives[domain.name] = {"dialogues": len(made), **{way: sum(hits) for way, hits in found.items()}}
        extra = sum(
            hit and not row for hit, row in zip(*(found[f"{way}, {[*registries][-1]}"] for way in OURS), strict=True)
        )
        false_positives[domain.name]["blocked by no exchange"] = extra
        print(f"{domain.name:48}", false_positives[domain.name], flush=True)
    return {"items": len(registry), "leaks": len(items), "reworded": len(reworded), "clean_rows": len(clean),
            "turns_of_clean_dialogues": CLEAN_TURNS, "recall": recall, "false_positives": false_positives}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("CFT_DATA_DIR", "../shared/data")))
    parser.add_argument("--items", type=int, default=60, help="items of which every form is made")
    parser.add_argument("--protected", type=int, default=1_500, help="protected items of each kind of text, at most")
    parser.add_argument("--no-embeddings", action="store_true", help="n-grams alone: many more items in less time")
    parser.add_argument("--out", type=Path, default=Path("dialogue_leaks.json"))
    options = parser.parse_args()
    if not reworded_file(options.data).is_file():
        print(f"skipped: the data sets are not in {options.data}; name the folder with --data or CFT_DATA_DIR")
        return 0
    began = time.perf_counter()
    encoder = None if options.no_embeddings else Encoder.default()
    result = table(options.data, options.items, options.protected, encoder)
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    result |= {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine,
        "seconds": round(time.perf_counter() - began),
    }
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
