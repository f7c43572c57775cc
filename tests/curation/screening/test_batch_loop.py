"""Batches end where nothing is left or the turn of others has come; a row that breaks its batch holds up no other."""

from curation.screening.batch_loop import MOST_BATCHES, batch_or_each, until_done


def test_batches_go_on_until_one_finds_nothing():
    left = [3, 2, 1, 0, 5]
    assert until_done(lambda: left.pop(0))
    assert left == [5]


def test_after_so_many_batches_others_have_their_turn():
    done = []
    assert not until_done(lambda: done.append(1) or True)
    assert len(done) == MOST_BATCHES


def test_a_batch_that_succeeds_is_all_there_is():
    failed = set()
    assert batch_or_each(lambda: 7, iter([1]), failed.add, most=10, failed=failed) == 7
    assert failed == set()


def test_a_row_that_breaks_its_batch_is_the_only_one_left_out():
    failed, done = set(), []

    def broken():
        raise ValueError("some text")

    def each(row):
        if row == 2:
            raise ValueError("some text")
        done.append(row)

    assert batch_or_each(broken, iter([1, 2, 3, 4]), each, most=3, failed=failed) == 3
    assert (done, failed) == ([1, 3], {2})
