"""Synthetic leaks: the forms in which an item of an exam gets into a training stream, to measure detection.

A form makes a leaked text of a question and its answer, or None where it does not apply. All chance comes from
`Material.rng`, so a seed repeats a set. The forms follow what is known of contamination in the wild: dress (case,
markup, look-alikes), parts and wholes inside other text, edits, and rewordings (Yang et al. 2023, arXiv 2311.04850;
Singh et al. 2024, arXiv 2411.03923).
"""

import html
import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

Form = Callable[[str, str, "Material"], "str | None"]

LONG_ANSWER = 20  # words; a shorter answer alone says nothing about its item

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n\n+")
_LONG_WORD = re.compile(r"\b(\w{5,})\b")
_LOOK_ALIKES = str.maketrans("aeocpxiyAEOTHKM", "аеосрхіуАЕОТНКМ")
_ZERO_WIDTH = "\u200b\u200c\u2060\ufeff\u00ad"
_ACCENTS = "\u0301\u0300\u0308\u0302"
_NEAR_KEYS = dict(
    zip("abcdefghijklmnopqrstuvwxyz", "sndfrghjiokjnmkpqtdyicexuz", strict=True)
)  # a neighbour on the keyboard


@dataclass
class Material:
    """What leaks are made with: chance, and clean texts to hide in and to take words from."""

    filler: Sequence[str]
    rng: random.Random = field(default_factory=lambda: random.Random(0))
    synonyms: dict[str, Sequence[str]] = field(default_factory=lambda: dict(SYNONYMS))
    _words: list[str] = field(default_factory=list)

    def word(self) -> str:
        """Any word of the clean texts."""
        if not self._words:
            self._words = re.findall(r"[a-z]{3,}", " ".join(self.filler[:2_000]).lower()) or ["word"]
        return self.rng.choice(self._words)

    def chance(self, share: float) -> bool:
        return self.rng.random() < share


def item_text(question: str, answer: str) -> str:
    return f"{question}\n{answer}".strip()


def exact(question: str, answer: str, m: Material) -> str:
    return item_text(question, answer)


def question_only(question: str, answer: str, m: Material) -> str:
    return question


def answer_only(question: str, answer: str, m: Material) -> str | None:
    return answer if len(answer.split()) >= LONG_ANSWER else None


def first_half(question: str, answer: str, m: Material) -> str | None:
    """The beginning of a long item, cut off in the middle."""
    text = item_text(question, answer).split(" ")
    return " ".join(text[: len(text) // 2]) if len(text) >= 50 else None


def recased(question: str, answer: str, m: Material) -> str:
    """Upper or lower case, punctuation lost or spaced, other white space."""
    text = re.sub(
        r"[,.;:!?]", lambda mark: m.rng.choice(["", mark.group(), " " + mark.group()]), item_text(question, answer)
    )
    text = text.upper() if m.chance(0.5) else text.lower()
    return re.sub(" ", lambda _: m.rng.choice([" ", "  ", "\n", "\t"]), text)


def look_alikes(question: str, answer: str, m: Material) -> str:
    return "".join(c.translate(_LOOK_ALIKES) if m.chance(0.15) else c for c in item_text(question, answer))


def zero_width(question: str, answer: str, m: Material) -> str:
    return "".join(c + (m.rng.choice(_ZERO_WIDTH) if m.chance(0.1) else "") for c in item_text(question, answer))


def accented(question: str, answer: str, m: Material) -> str:
    """Combining marks on a tenth of the letters."""
    return "".join(
        c + (m.rng.choice(_ACCENTS) if c.isalpha() and m.chance(0.1) else "") for c in item_text(question, answer)
    )


def full_width(question: str, answer: str, m: Material) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if 33 <= ord(c) < 127 else c for c in item_text(question, answer))


def marked_up(question: str, answer: str, m: Material) -> str:
    """Wrapped for the web, as an instruction in Markdown, as a chat in JSON, or escaped."""
    text = item_text(question, answer)

    def mark_words(before: str, after: str) -> str:
        return _LONG_WORD.sub(lambda w: f"{before}{w.group()}{after}" if m.chance(0.2) else w.group(), text)

    wrap = m.rng.randrange(4)
    if wrap == 0:
        return "<p>" + mark_words("<b>", "</b>").replace(". ", ".</p>\n<p>") + "</p>"
    if wrap == 1:
        return "### Instruction:\n" + mark_words("**", "**") + "\n### Response:"
    if wrap == 2:
        return json.dumps({"messages": [{"role": "user", "content": text}]})
    return f"<|im_start|>user\n{html.escape(text)}<|im_end|>"


def edited(question: str, answer: str, m: Material, share: float) -> str:
    """A share of the words replaced (half of them), followed by another word, or left out (a quarter each)."""
    words: list[str] = []
    for word in item_text(question, answer).split(" "):
        if not m.chance(share):
            words.append(word)
        elif m.chance(0.5):
            words.append(m.word())
        elif m.chance(0.5):
            words += [word, m.word()]
    return " ".join(words)


def mistyped(question: str, answer: str, m: Material) -> str:
    """One letter of every tenth word swapped with its neighbour, doubled, dropped or replaced by a near key."""

    def typo(word: str) -> str:
        at = m.rng.randrange(len(word) - 1)
        a, b = word[at], word[at + 1]
        return word[:at] + m.rng.choice([b + a, a + a + b, b, _NEAR_KEYS.get(a, a) + b]) + word[at + 2 :]

    return " ".join(typo(w) if len(w) > 3 and m.chance(0.1) else w for w in item_text(question, answer).split(" "))


def hidden_in(text: str, times: float, m: Material) -> str:
    """`text` between clean texts that are together `times` as long."""
    around: list[str] = []
    while sum(map(len, around)) < len(text) * times:
        around.append(m.rng.choice(m.filler))
    at = m.rng.randrange(len(around) + 1)
    return "\n\n".join([*around[:at], text, *around[at:]])


def embedded(question: str, answer: str, m: Material, times: float) -> str:
    return hidden_in(item_text(question, answer), times, m)


def question_embedded(question: str, answer: str, m: Material) -> str:
    return hidden_in(question, 5, m)


def edited_and_embedded(question: str, answer: str, m: Material) -> str:
    return hidden_in(edited(question, answer, m, 0.1), 5, m)


def reordered(question: str, answer: str, m: Material) -> str:
    """The same sentences in another order."""
    sentences = [text for text in _SENTENCE_END.split(item_text(question, answer)) if text.strip()]
    m.rng.shuffle(sentences)
    return " ".join(sentences)


def reworded(question: str, answer: str, m: Material) -> str:
    """Stock phrases replaced, and a third of the words that have a synonym."""
    text = item_text(question, answer)
    for phrase, replacement in PHRASES:
        text = phrase.sub(replacement, text)

    def other_word(word: re.Match[str]) -> str:
        synonyms = m.synonyms.get(word.group().lower())
        return m.rng.choice(synonyms) if synonyms and m.chance(0.35) else word.group()

    return re.sub(r"[A-Za-z]+", other_word, text)


FORMS: dict[str, Form] = {
    "exact": exact,
    "case, space, punctuation": recased,
    "look-alike letters 15 %": look_alikes,
    "zero-width 10 %": zero_width,
    "accents 10 %": accented,
    "full-width": full_width,
    "markup, chat, JSON": marked_up,
    "word edits 5 %": partial(edited, share=0.05),
    "word edits 10 %": partial(edited, share=0.1),
    "word edits 20 %": partial(edited, share=0.2),
    "word edits 40 %": partial(edited, share=0.4),
    "typos in 10 % of words": mistyped,
    "embedded in 3x text": partial(embedded, times=3),
    "embedded in 20x text": partial(embedded, times=20),
    "question only": question_only,
    "answer only": answer_only,
    "question embedded 5x": question_embedded,
    "first half": first_half,
    "sentences reordered": reordered,
    "edits 10 %, embedded 5x": edited_and_embedded,
    "synonyms": reworded,
}

PHRASES = [
    (re.compile(rf"\b{phrase}\b", re.IGNORECASE), replacement)
    for phrase, replacement in {
        "how many": "what number of",
        "how much": "what amount of",
        "calculate": "work out",
        "what is": "tell me",
        "in order to": "to",
        "does not": "doesn't",
        "do not": "don't",
        "is not": "isn't",
        "cannot": "can't",
        "must": "has to",
        "for example": "e.g.",
        "which of the following": "which option below",
        "if": "whenever",
        "all": "every one of",
        "each": "every",
        "there are": "we have",
        "there is": "we have",
        "in total": "altogether",
        "per": "for each",
    }.items()
]

SYNONYMS: dict[str, Sequence[str]] = {
    group[i]: [synonym for synonym in group if synonym != group[i]]
    for group in map(
        str.split,
        (
            "big large huge",
            "small little tiny",
            "buys purchases acquires",
            "bought purchased acquired",
            "buy purchase acquire",
            "makes produces creates",
            "made produced created",
            "make produce create",
            "gives hands offers",
            "gave handed offered",
            "gets receives obtains",
            "got received obtained",
            "get receive obtain",
            "uses employs applies",
            "use employ apply",
            "used employed applied",
            "shows displays presents",
            "show display present",
            "returns yields",
            "return yield",
            "begins starts commences",
            "begin start commence",
            "ends finishes concludes",
            "end finish conclude",
            "house home dwelling",
            "car vehicle automobile",
            "shop store outlet",
            "children kids youngsters",
            "friends pals mates",
            "money cash funds",
            "cost price expense",
            "costs prices expenses",
            "total sum overall",
            "number count quantity",
            "day daytime",
            "week seven-day",
            "hour sixty-minutes",
            "people persons individuals",
            "man gentleman fellow",
            "woman lady",
            "work labour toil",
            "works labours toils",
            "job task assignment",
            "sells vends markets",
            "sold vended marketed",
            "eats consumes devours",
            "ate consumed devoured",
            "drinks sips",
            "walks strolls",
            "runs sprints jogs",
            "drives motors",
            "needs requires wants",
            "need require want",
            "needed required wanted",
            "left remaining over",
            "more additional extra",
            "half fifty-percent",
            "twice doubly",
            "fast quick rapid",
            "slow sluggish",
            "new fresh recent",
            "old aged former",
            "good fine decent",
            "bad poor awful",
            "value amount figure",
            "values amounts figures",
            "object thing entity",
            "function routine procedure",
            "method procedure technique",
            "argument parameter input",
            "arguments parameters inputs",
            "default standard preset",
            "given specified supplied",
            "optional discretionary voluntary",
            "list sequence series",
            "string text",
            "file document",
            "files documents",
            "name title label",
            "error mistake fault",
            "raise throw signal",
            "raised thrown signalled",
            "called invoked summoned",
            "call invoke summon",
            "set group collection",
            "true correct right",
            "false wrong untrue",
            "same identical equal",
            "different distinct other",
            "first initial earliest",
            "last final ultimate",
            "next following subsequent",
            "often frequently regularly",
            "always constantly invariably",
            "never not-once",
            "information data details",
            "help assist aid",
            "helps assists aids",
            "find locate discover",
            "found located discovered",
            "keep retain hold",
            "keeps retains holds",
            "change alter modify",
            "changes alters modifies",
            "remove delete erase",
            "removes deletes erases",
            "add append attach",
            "adds appends attaches",
            "check verify inspect",
            "checks verifies inspects",
            "person individual human",
            "health wellbeing",
            "doctor physician medic",
            "disease illness sickness",
            "virus pathogen germ",
            "test exam trial",
            "tests exams trials",
            "school academy",
            "student pupil learner",
            "students pupils learners",
            "teacher instructor educator",
            "year twelvemonth",
            "paid remunerated",
            "pays remunerates",
            "earns makes gains",
            "spends expends",
            "spent expended",
            "likes enjoys",
            "many numerous",
            "several various",
            "answer reply response",
            "question query inquiry",
            "correct right accurate",
            "likely probable",
            "important crucial vital",
            "recommended advised suggested",
        ),
    )
    for i in range(len(group))
}
