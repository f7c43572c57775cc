"""Duplicate training rows: nearly the same words (MinHash bands, then Jaccard), or the same in other words. Pure.

- *Near*: 128 MinHash values of the character 5-grams, in 32 bands of 4. Two rows at Jaccard s share a band with
  probability 1 - (1 - s^4)^32: .9999999 at .8. datasketch's own choice for a threshold of .8 (9 bands of 13) finds
  such a pair 40 % of the time. Whatever shares bands is verified by the exact Jaccard index of all 5-grams.
- *Semantic*: neighbours by embedding, and then the same checks in stricter form.

Words that carry a fact (numbers, names, "not", "before") decide in both: a row that differs in one of them is no
duplicate, however alike the others are. A false duplicate costs a pair; a missed one costs a row that trains twice.

Source: Broder, On the resemblance and containment of documents (1997).
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from hashlib import blake2b

from curation.decontamination.normalise import strong, words

VERSION = "twins-1"
METHODS = ("exact", "near", "semantic")
BLOCKING = ("exact", "near")
PERMUTATIONS, BANDS, BAND_ROWS = 128, 32, 4
GRAM = 5
SHARED_LEAST = 3  # bands: at Jaccard .8 fewer than three of 32 agree once in 10,000 pairs, at .3 more do once in 1,000
PART_LEAST = 0.5  # Jaccard of prompt and of answer, each: a long question does not make two short answers alike
SAME_SPELLING = 0.75  # difflib ratio from which two words are one word with a slip or another ending
FACTS_ENOUGH = 4  # that agree, in order, in a longer part: then other words are style
SHORT = 25  # words: in a part as short as this one word decides what it says
LONGEST = 50_000  # characters: of a longer row only exact duplicates are looked for
LONGEST_MEANING = 250  # words: an embedding reads no further
ELSEWHERE = "it stands in another conversation, or calls otherwise"

NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")
OPERATOR = re.compile(r"(?<=[\d)])\s*([-+*/^=<>×÷%])\s*(?=[\d(]|$)")
TOKEN = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)?")


def set_of(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


NUMERALS = {
    word: str(value)
    for words_, values in (
        ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen", range(16)),
        ("sixteen seventeen eighteen nineteen", range(16, 20)),
        ("twenty thirty forty fifty sixty seventy eighty ninety hundred", range(20, 101, 10)),
        ("thousand million billion", (10**3, 10**6, 10**9)),
    )
    for word, value in zip(words_.split(), values, strict=True)
}
# Pairs and sets of which a sentence says one: exchanging it says something else.
DENIALS = set_of(
    "not no never none nothing nobody neither nor without except unless cannot yes true false wrong right only half"
    " double twice triple may must should allowed forbidden same different"
)
CONTRASTS = DENIALS | set_of(
    "before after until since above below over under more less fewer most least highest lowest largest smallest"
    " higher lower longer shorter older younger first last next previous left up down off"
    " always sometimes quarter increase decrease add subtract plus minus times divided open closed inside outside"
    " north south east west red orange yellow green blue purple violet pink brown black white grey gray silver gold"
    " day week month year hour minute second daily weekly monthly yearly annual annually weekday weekend"
    " morning noon evening night today tomorrow yesterday"
)
NEGATED = re.compile(r"n['’]t$")
# Words that open a sentence with a capital and are no name, and words that carry no content of their own.
FUNCTION = set_of(
    "a an the this that these those it its i you he she we they me him her us them my your his our their is are was"
    " were be been being am do does did done has have had having will would shall can could might of at by for from"
    " in on out over to into with about as than then so if but and or because while"
    " when where what which who whom whose why how there here also too very just please kindly"
    " tell give explain describe show let lets"
    " suppose given consider each every all any some"
    " assume know need want like question answer hello hi hey dear thanks"
    " thank ok okay well now s t re ve ll d m"
)


@dataclass(frozen=True)
class Row:
    """A prompt and the answer that is to be learned for it, with what is compared of them (each worked out once).

    Of a conversation these are its last question and the words of the answer. `setting` stands for what came before,
    `calls` is what the answer calls: rows that differ in either are no duplicates.
    """

    prompt: str
    answer: str
    setting: str = ""
    calls: str = ""

    @cached_property
    def parts(self) -> tuple[list[str], list[str]]:
        """Normalised words of prompt and answer."""
        return words(self.prompt), words(self.answer)

    @cached_property
    def grams(self) -> tuple[frozenset[str], frozenset[str]]:
        """Character 5-grams of prompt and answer."""
        return shingles(" ".join(self.parts[0])), shingles(" ".join(self.parts[1]))

    @cached_property
    def names(self) -> frozenset[str]:
        return names(self.prompt) | names(self.answer)

    @property
    def is_long(self) -> bool:
        return len(self.prompt) + len(self.answer) > LONGEST

    @property
    def question(self) -> int:
        """64-bit key of the normalised prompt: equal for two rows that answer the same question in the same setting."""
        return key_of((self.setting + " ".join(self.parts[0])).encode())

    @cached_property
    def place(self) -> bytes:
        """What two rows must have in common before their words are compared. Empty for the short form."""
        both = f"{self.setting}\n{self.calls}"
        return blake2b(both.encode("utf-8", "surrogatepass"), digest_size=16).digest() if both.strip() else b""


@dataclass(frozen=True)
class Match:
    """Another case like this one: by which method, how much. `difference` says which part tells them apart, if any."""

    case: int
    method: str
    score: float
    limit: float
    difference: str = ""


@dataclass(frozen=True)
class Duplicates:
    """The result of comparing a row with all others.

    kept: the case that is kept instead of this row; close: a case that is alike but for a fact; other_answers: accepted
    cases that answer the same question otherwise; checked: the methods that took part.
    """

    kept: Match | None = None
    close: Match | None = None
    other_answers: tuple[int, ...] = ()
    checked: tuple[str, ...] = METHODS


@dataclass(frozen=True)
class Comparison:
    """How alike two rows are: `score` by the method, and whether they are duplicates (`difference` if they are not)."""

    score: float
    same: bool
    difference: str = ""


def shingles(text: str, size: int = GRAM) -> frozenset[str]:
    """All runs of `size` characters; a shorter text is one."""
    return frozenset(text[i : i + size] for i in range(max(1, len(text) - size + 1))) if text else frozenset()


def key_of(data: bytes) -> int:
    """A signed 64-bit fingerprint, as PostgreSQL's bigint holds it."""
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little", signed=True)


def band_keys(rows: Sequence[Row]) -> list[list[int]]:
    """For every row its 32 keys, in order: two rows whose Jaccard index is high have several at the same places.

    Shingles of prompt and answer are told apart, so that their union's Jaccard is never below the smaller of the two;
    so are those of rows in different settings. A long row has keys of all its words instead: it shares them with none.
    """
    from datasketch import MinHash

    marked = [
        [b"%s%d%s" % (row.place, n, gram.encode()) for n in (0, 1) for gram in row.grams[n]]
        for row in rows
        if not row.is_long
    ]
    minhashes = iter(MinHash.bulk(marked, num_perm=PERMUTATIONS, seed=1, scheme="affine32"))
    return [bands_of(of_all_words(row) if row.is_long else next(minhashes).hashvalues.tolist()) for row in rows]


def of_all_words(row: Row) -> list[int]:
    """In place of MinHash values: one fingerprint of everything."""
    text = "\0".join(" ".join(part) for part in row.parts)
    return [key_of(row.place + text.encode()) & (2**64 - 1)] * PERMUTATIONS


def bands_of(values: Sequence[int]) -> list[int]:
    """Keys of bands of four values each; a band's number is part of its key, so only equal places can agree."""
    return [
        key_of(bytes([band]) + b"".join(v.to_bytes(8, "little") for v in values[first : first + BAND_ROWS]))
        for band, first in enumerate(range(0, BANDS * BAND_ROWS, BAND_ROWS))
    ]


def jaccard(first: Iterable[str], second: Iterable[str]) -> float:
    """|A ∩ B| / |A ∪ B|; two empty sets are alike."""
    a, b = frozenset(first), frozenset(second)
    union = len(a | b)
    return len(a & b) / union if union else 1.0


def row_jaccard(first: Row, second: Row) -> tuple[float, float]:
    """Jaccard of the rows (5-grams of prompts and of answers, told apart), and the lower one of the two parts."""
    shared = [len(a & b) for a, b in zip(first.grams, second.grams, strict=True)]
    union = [len(a | b) for a, b in zip(first.grams, second.grams, strict=True)]
    parts = [s / u if u else 1.0 for s, u in zip(shared, union, strict=True)]
    return (sum(shared) / sum(union) if sum(union) else 1.0), min(parts)


def near(first: Row, second: Row, limit: float) -> Comparison:
    """Whether two rows are the same but for a few letters or words that carry no fact."""
    score, least = row_jaccard(first, second)
    if score < limit:
        return Comparison(score, False)
    if first.place != second.place:
        return Comparison(score, False, ELSEWHERE)
    if least < PART_LEAST:
        return Comparison(score, False, "the question or the answer is another")
    difference = differing_facts(first, second, CONTRASTS) or exchanged(first, second, SHORT)
    return Comparison(score, not difference, difference)


def semantic(first: Row, second: Row, cosine: float, limit: float) -> Comparison:
    """Whether two rows of this cosine say the same: no fact differs, and no word stands in another's place."""
    if cosine < limit:
        return Comparison(cosine, False)
    if first.place != second.place:
        return Comparison(cosine, False, ELSEWHERE)
    longest = max(len(part) for row in (first, second) for part in row.parts)
    if first.is_long or second.is_long or longest > LONGEST_MEANING:
        return Comparison(cosine, False, "too long for its meaning to be compared")
    difference = differing_facts(first, second, DENIALS, mentions=True) or exchanged(first, second, SHORT, FACTS_ENOUGH)
    return Comparison(cosine, not difference, difference)


def differing_facts(first: Row, second: Row, telling: frozenset[str], *, mentions: bool = False) -> str:
    """Where two rows do not state the same facts in the same order; empty if they do. Never the words themselves.

    Facts are numbers, names and the words in `telling`.
    With `mentions` a name or word counts where it is first mentioned, for texts that repeat themselves differently.
    """
    fact_words = first.names | second.names | telling
    for part, a, b in (("question", first.prompt, second.prompt), ("answer", first.answer, second.answer)):
        ours, theirs = facts(a, fact_words), facts(b, fact_words)
        if ours != theirs:
            ours, theirs = (facts(respelt(*texts, fact_words), fact_words) for texts in ((a, b), (b, a)))
        if mentions:
            ours, theirs = first_mentions(ours), first_mentions(theirs)
        if ours != theirs:
            return f"a fact in the {part} differs"
    return ""


def respelt(text: str, reference: str, fact_words: frozenset[str]) -> str:
    """`text` with typing errors undone: words that carry no fact and are a misspelling of a fact in `reference`.

    Without such errors it is the text itself.
    """
    ours, theirs = words(text), words(reference)
    lacking = [word for word in Counter(theirs) - Counter(ours) if len(word) > 3 and fact_of(word, fact_words)]
    strange = [word for word in Counter(ours) - Counter(theirs) if not fact_of(word, fact_words)]
    meant = {word: fact for word in strange for fact in lacking if is_slip_of(word, fact)}
    return " ".join(meant.get(word, word) for word in ours) if meant else text


def is_slip_of(word: str, meant: str) -> bool:
    """Whether two letters changed places, or a letter is doubled or missing; the first letter is right."""
    if word[:1] != meant[:1]:
        return False
    if len(word) == len(meant):
        at = [n for n, pair in enumerate(zip(word, meant, strict=True)) if pair[0] != pair[1]]
        return len(at) == 2 and at[1] == at[0] + 1 and word[at[0]] == meant[at[1]] and word[at[1]] == meant[at[0]]
    short, long = sorted((word, meant), key=len)
    return len(long) == len(short) + 1 and any(long[:n] + long[n + 1 :] == short for n in range(1, len(long)))


def facts(text: str, fact_words: frozenset[str]) -> list[str]:
    """The words of a text that carry a fact, in order: numbers, lone letters, operators, and `fact_words`."""
    plain = strong(text)
    positions = [(match.start(), number(match.group())) for match in NUMBER.finditer(plain)]
    positions += [(match.start(1), match.group(1)) for match in OPERATOR.finditer(plain)]
    for match in TOKEN.finditer(plain):
        fact = fact_of(match.group(), fact_words)
        if fact:
            positions.append((match.start(), fact))
    return [word for _, word in sorted(positions)]


def fact_of(word: str, fact_words: frozenset[str]) -> str:
    """The fact that a word carries, written one way; empty for a word that carries none."""
    if NEGATED.search(word):
        return "not"
    word = word.removesuffix("'s").removesuffix("’s")
    if word.isdecimal():
        return ""  # NUMBER has it
    if word in NUMERALS:
        return NUMERALS[word]
    lone = len(word) == 1 and word not in "ais"
    if lone or any(character.isdigit() for character in word):
        return word
    stem = singular(word)
    return stem if stem in fact_words or word in fact_words else ""


def number(text: str) -> str:
    """A number written one way: 1,000.50 → 1000.5."""
    text = re.sub(r",(?=\d{3}(?!\d))", "", text)
    return text.rstrip("0").rstrip(".") if re.fullmatch(r"\d+\.\d+", text) else text


def names(text: str) -> frozenset[str]:
    """Words with a capital that only a name would have, case folded; a word that opens a sentence counts too, unless
    it is a function word."""
    capitalised = (match.group() for match in TOKEN.finditer(text) if match.group()[0].isupper())
    folded = {strong(word).removesuffix("'s").removesuffix("’s") for word in capitalised}
    return frozenset(folded - FUNCTION - CONTRASTS - NUMERALS.keys())


def singular(word: str) -> str:
    return word[:-1] if word.endswith("s") and len(word) > 3 else word


def first_mentions(words: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(words))


def exchanged(first: Row, second: Row, short: int, facts_least: int = 0) -> str:
    """A word of content in one row whose place another word takes in the other: a template filled differently.

    Not in a part of `short` or more words with `facts_least` facts: there one word of many is a matter of style.
    """
    # Matching words depends on the order of the rows.
    first, second = sorted((first, second), key=lambda row: (row.prompt, row.answer))
    fact_words = first.names | second.names | DENIALS
    parts = zip(("question", "answer"), first.parts, second.parts, (first.prompt, first.answer), strict=True)
    for part, a, b, text in parts:
        if max(len(a), len(b)) >= short and len(first_mentions(facts(text, fact_words))) >= facts_least:
            continue
        if any(not same_word(*pair) for pair in exchanges(a, b)):
            return f"a word in the {part} is another"
    return ""


def exchanges(a: Sequence[str], b: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Words of content that stand in each other's place."""
    for kind, start, end, first, last in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if kind == "replace":
            yield from zip(content(a[start:end]), content(b[first:last]), strict=False)


def content(words: Sequence[str]) -> list[str]:
    return [word for word in words if word not in FUNCTION]


def same_word(first: str, second: str) -> bool:
    """One word but for its ending or a slip of a letter."""
    stem = min(len(first), len(second)) >= 4 and first[:4] == second[:4]
    return stem or SequenceMatcher(None, first, second, autojunk=False).ratio() >= SAME_SPELLING
