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
from typing import NamedTuple

from curation.decontamination.overlap import MOST_MEANING

NO_NUMBERS = 0.25  # agreement with an item that has no numbers
USUAL_LENGTH, SHORTER, LONGER = 15, -1.0, 0.7  # words; and logarithms beyond which length says no more
CROWD, USUAL = 8, 0.4  # texts that make a crowd, and the cosine of each that is lacking
LEAST_NUMBERS, LEAST_OF_PASSAGE = 3, 2  # numbers of an item, and of a passage, that say something
OTHER_NUMBERS = 0.3  # of an item's numbers: a passage that has fewer of them has others
SAME_ITEM = 0.95  # cosine of two items that say the same: versions of one
VERSION = "meaning-2"


class Weights(NamedTuple):
    """What each thing that speaks for or against an item counts beside the cosine.

    `offset`: so that the scores of all kinds of items have one floor, that of the policy.
    """

    stands_out: float = 0.7
    numbers: float = 0.3
    words: float = 0.06
    length: float = 0.12
    offset: float = -0.02


WEIGHTS = Weights()


class Evidence(NamedTuple):
    """What is known of a passage beside a text of an item.

    `crowd`: the mean cosine of the passage with its crowd; `missing`: the share by weight of the item's words that the
    passage lacks; `agreement` of their numbers, 0 to 1; `length`: how many different words the item has.
    """

    cosine: float
    crowd: float
    missing: float
    agreement: float
    length: int
    has_other_numbers: bool = False


def score(evidence: Evidence, weights: Weights = WEIGHTS) -> float:
    """At most MOST_MEANING."""
    length = min(max(math.log(max(evidence.length, 1) / USUAL_LENGTH), SHORTER), LONGER)
    support = weights.stands_out * (evidence.cosine - evidence.crowd) + weights.length * length + weights.offset
    against = weights.words * evidence.missing + weights.numbers * (1.0 - evidence.agreement)
    return min(MOST_MEANING, evidence.cosine + support - against)


def agreement(item: Counter[int], passage: Counter[int]) -> float:
    """Jaccard index of two multisets of numbers; NO_NUMBERS for an item without any."""
    return (item & passage).total() / (item | passage).total() if item else NO_NUMBERS


def has_other_numbers(item: Counter[int], passage: Counter[int]) -> bool:
    """Whether a text is not the item, however near, since nearly all of many numbers are others."""
    if item.total() < LEAST_NUMBERS or passage.total() < LEAST_OF_PASSAGE:
        return False
    return (item & passage).total() < OTHER_NUMBERS * item.total()


def crowd_of(others: Sequence[float], clean: Sequence[float]) -> float:
    """The mean of the CROWD highest cosines of a passage with other items, each once, and with clean texts."""
    return sum(sorted([*others, *clean, *[USUAL] * CROWD], reverse=True)[:CROWD]) / CROWD
