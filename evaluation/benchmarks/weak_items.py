"""Which items of a version n-grams cannot protect, and why: found in the vault, told without a word of them."""

from collections.abc import Collection

from curation.decontamination import normalise
from curation.decontamination.words.weights import LEAST_WORDS
from evaluation.benchmarks.protected_texts import texts_of
from evaluation.models import BenchmarkVersion, WeakItem
from evaluation.vault.models import Item


def store(version: BenchmarkVersion, weak: Collection[str]) -> None:
    """Keep the items of the version that are among `weak` (ids), and those that repeat one of them.

    A registry holds equal items of a version once, under the id of one of them.
    """
    rows = Item.objects.filter(benchmark=version.benchmark.name, version_sha256=version.sha256).order_by("position")
    texts = {item: words_of(item) for item in rows.iterator()}
    hidden = {key(text) for item, text in texts.items() if str(item.pk) in weak}
    WeakItem.objects.bulk_create(
        WeakItem(version=version, item=item.pk, position=item.position, why=why(*text))
        for item, text in texts.items()
        if key(text) in hidden
    )


def words_of(item: Item) -> tuple[list[str], list[str]]:
    """Of the whole item."""
    question, answer = texts_of(item)[0]
    return normalise.words(question), normalise.words(answer)


def key(text: tuple[list[str], list[str]]) -> tuple[str, str]:
    return " ".join(text[0]), " ".join(text[1])


def why(question: list[str], answer: list[str]) -> str:
    """Too short if no part of it has the words that n-grams need; else its n-grams are those of many texts."""
    lengths = (len(question), len(answer), len(question) + len(answer))
    long_enough = any(length >= int(least) for length, least in zip(lengths, LEAST_WORDS, strict=True))
    return WeakItem.Why.COMMON if long_enough else WeakItem.Why.SHORT
