"""What the compiled kernel reads and writes: the tables of a registry, the columns of its results, and its limits."""

from typing import NamedTuple

from curation.decontamination.engine.hashing import Array

MOST_POSTINGS = 16  # items that one n-gram leads to
MOST_LENGTHS = 64  # different runs that one anchor leads to
MIN_HITS = 4  # fewer different shared n-grams than this are a phrase, not a leak
MIN_COVERED = 10  # and so are n-grams that cover fewer words of the row, of a field that has more
WINDOW_SLACK, WINDOW_LEAST = 1.3, 40  # words
FLOOR = 0.1  # a smaller share is reported as none
CANDIDATES = 16  # fields of each kind whose Jaccard is computed: those that share most rare n-grams

# Columns of the two results of `scan`. A field is 3 * item + kind; -1 for none. Positions count words.
PROMPT_WORDS, WORDS, EXACT_FIELD, EXACT_PART, RUN_FIELD, RUN_START, RUN_LENGTH = range(7)
WINDOW_FIELD, TRACED, JACCARD_FIELD = range(7, 10)
INTEGERS = 10
SHARE, JACCARD = range(2)
FLOATS = 2


def field_column(method: str) -> int:
    """The column that names the field which a measure by words found."""
    return {"exact": EXACT_FIELD, "sequence": RUN_FIELD, "jaccard": JACCARD_FIELD}.get(method, WINDOW_FIELD)


class Tables(NamedTuple):
    """The arrays of a registry that the kernel reads. `*_bucket` finds the place of a hash among sorted keys."""

    filter: Array  # uint64 words with two bits for each n-gram and whole text
    gram_keys: Array
    gram_bucket: Array
    gram_start: Array
    gram_idf: Array
    gram_post: Array  # 8 * item + bits of the kinds of field
    exact_keys: Array
    exact_bucket: Array
    exact_field: Array
    anchor_filter: Array
    anchor_keys: Array
    anchor_bucket: Array
    anchor_start: Array
    anchor_before: Array  # words of a run ahead of its anchor
    anchor_length: Array
    field_mass: Array  # infinite: not protected by n-grams
    field_words: Array
    field_rare: Array  # different rare n-grams
    long_start: Array
    long_grams: Array  # upper halves of the kept word 5-grams of a field, sorted
    item_since: Array
