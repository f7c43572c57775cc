"""The attack of `test_registry_attack` can succeed: against fingerprints without a key, and by chaining with one."""

from collections.abc import Callable
from hashlib import blake2b

import pytest

from tests.support import attacker
from tests.support.attacker import UNKEYED, Exam, Gram, Heap

pytestmark = pytest.mark.slow

KEY = b"thirty-two bytes that are known."


@pytest.fixture(scope="module")
def exam() -> Exam:
    passages = attacker.passages()
    return Exam(passages[:120], passages[120:])


def weak(exam: Exam, hashing: attacker.Fingerprint) -> Heap:
    """A registry as one would first write it: a hash of every 5-gram."""
    return Heap(sorted(hashing(" ".join(gram).encode())[:8] for gram in exam.grams(5)))


def test_it_recovers_text_from_unkeyed_fingerprints(exam: Exam) -> None:
    recovered = attacker.dictionary(weak(exam, UNKEYED["sha256"]), exam.guesses(5, 80_000)) & exam.grams(5)
    assert len(recovered) > 0.05 * len(exam.grams(5))


def test_it_finds_fingerprints_among_other_bytes_and_as_text(exam: Exam) -> None:
    gram = next(iter(exam.grams(5)))
    digest = UNKEYED["md5"](" ".join(gram).encode())
    for form in (digest[:8], digest.hex().encode(), str(int.from_bytes(digest[:8], "big")).encode()):
        assert attacker.dictionary(Heap([b"x" * 13 + form + b"yz"]), [gram]) == {gram}


def test_it_takes_the_key_where_there_is_one(exam: Exam) -> None:
    heap, guesses = weak(exam, attacker.keyed(KEY)), exam.guesses(5, 20_000)
    assert attacker.dictionary(heap, guesses) == set()
    assert attacker.dictionary(heap, guesses, [KEY]) & exam.grams(5)


def fingerprint(gram: Gram) -> bytes:
    return blake2b(" ".join(gram).encode(), key=KEY, digest_size=8).digest()


def chained(exam: Exam, is_registered: Callable[[Gram], bool]) -> float:
    """Share of the secret 5-grams that chaining adds to what dictionary and beginnings gave."""
    secret = exam.grams(5)
    seeds = {*exam.beginnings, *(secret & set(exam.guesses(5)))}
    words = attacker.vocabulary_of(exam.public, 3_000)
    recovered = attacker.chain(lambda grams: map(is_registered, grams), sorted(seeds), words, budget=3_000_000)
    return len((recovered & secret) - seeds) / len(secret)


def test_chaining_recovers_far_less_once_half_of_the_ngrams_are_dropped(exam: Exam) -> None:
    """Also for somebody who has the key. Halving 5-grams by their own hash, beside 3-grams, would give two chances."""
    few = Exam(exam.secret[:12], exam.public)
    five, three = ({fingerprint(gram) for gram in few.grams(n)} for n in (5, 3))
    half_five, half_three = ({digest for digest in prints if digest[0] % 2 == 0} for prints in (five, three))
    by_last = {fingerprint(gram) for gram in few.grams(5) if fingerprint(gram[2:]) in half_three}
    unhalved = chained(few, lambda gram: fingerprint(gram) in five)
    half = chained(few, lambda gram: fingerprint(gram) in half_five)
    either = chained(few, lambda gram: fingerprint(gram) in half_five or fingerprint(gram[2:]) in half_three)
    built = chained(few, lambda gram: fingerprint(gram) in by_last or fingerprint(gram[2:]) in half_three)
    assert unhalved > 0.25
    assert half < unhalved / 5
    assert half < either < unhalved / 2
    assert built < unhalved / 5 and built < either / 2
