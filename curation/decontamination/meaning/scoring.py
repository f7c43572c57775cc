"""How near a passage comes to an item in meaning: the cosine of their embeddings, and what else speaks for it.

- What *stands out*: how far the cosine is above those with what comes nearest besides, other items and clean texts, the
  *crowd* (Artetxe and Schwenk 2019, arXiv 1811.01136). Texts of one kind are near each other; a rewording is nearer.
- Numbers and rare words: a rewording keeps them. An item without numbers has less to show.
- Length: two short questions come near each other by chance.

The weights were fitted by leaving one kind of item out at a time (code, school maths, knowledge), and
docs/decontamination.md says what each fit gave on the kind that it had not seen. An item's text with LEAST_NUMBERS
numbers, of which a passage with numbers of its own has hardly any, is met by a problem of the same template: that is no
rewording.
"""

import math
from collections import Counter
from collections.abc import Sequence

STANDS_OUT = 0.7
NUMBERS_WEIGHT, WORDS_WEIGHT = 0.3, 0.06  # the most that different numbers, and missing words, take off
NO_NUMBERS = 0.25  # agreement with an item that has no numbers
LENGTH_WEIGHT, USUAL_LENGTH = 0.12, 15  # of the logarithm of an item's different words beside the usual number
SHORTER, LONGER = -1.0, 0.7  # logarithms beyond which length says no more
OFFSET = -0.02  # so that the scores of all kinds of items have one floor, that of the policy
CROWD, USUAL = 8, 0.4  # texts that make a crowd, and the cosine of each that is lacking
LEAST_NUMBERS, LEAST_OF_PASSAGE, OTHER_NUMBERS = 3, 2, 0.3  # numbers of an item and of a passage, and their agreement
VERSION = "meaning-2"


def score(cosine: float, crowd: float, missing: float, agreement: float, words: int) -> float:
    """At most 1. `crowd`: the mean cosine of the passage with its crowd; `missing`: the share of the item's words by
    weight that the passage lacks; `agreement` of numbers, 0 to 1; `words`: how many different ones the item has.
    """
    length = min(max(math.log(max(words, 1) / USUAL_LENGTH), SHORTER), LONGER)
    support = STANDS_OUT * (cosine - crowd) + LENGTH_WEIGHT * length + OFFSET
    return min(1.0, cosine + support - WORDS_WEIGHT * missing - NUMBERS_WEIGHT * (1.0 - agreement))


def agreement(item: Counter[int], passage: Counter[int]) -> float:
    """Jaccard index of two multisets of numbers; NO_NUMBERS for an item without any."""
    return (item & passage).total() / (item | passage).total() if item else NO_NUMBERS


def has_other_numbers(item: Counter[int], passage: Counter[int]) -> bool:
    """Whether a text is not the item, however near, since nearly all of many numbers are others."""
    if item.total() < LEAST_NUMBERS or passage.total() < LEAST_OF_PASSAGE:
        return False
    return agreement(item, passage) < OTHER_NUMBERS


def crowd_of(owner: int, others: Sequence[tuple[float, int]], clean: Sequence[float]) -> float:
    """The mean of the CROWD highest cosines with what is not of the item `owner`.

    `others`: cosine and owner of the nearest items, an owner once; `clean`: cosines of clean texts.
    """
    beside = [cosine for cosine, other in others if other != owner]
    return sum(sorted([*beside, *clean, *[USUAL] * CROWD], reverse=True)[:CROWD]) / CROWD
