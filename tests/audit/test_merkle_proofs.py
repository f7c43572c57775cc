"""Proofs verify for what is there, and for nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.merkle import TILE, Tree, leaf_hash, root_of, verify_consistency, verify_inclusion


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(count)]


@given(st.data())
def test_every_leaf_proves_its_place(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 600))
    index = data.draw(st.integers(0, size - 1))
    tree = Tree.over(leaves(size))
    proof = tree.inclusion_proof(index)
    leaf = leaves(size)[index]
    assert verify_inclusion(leaf, index, size, proof, tree.root())
    assert not verify_inclusion(leaf_hash(b"another"), index, size, proof, tree.root())
    assert not verify_inclusion(leaf, index, size, [*proof, leaf], tree.root())
    if proof:
        assert not verify_inclusion(leaf, index, size, proof[:-1], tree.root())


@given(st.data())
def test_a_longer_log_proves_that_it_extends_the_shorter(data: st.DataObject) -> None:
    second = data.draw(st.integers(1, 600))
    first = data.draw(st.integers(1, second))
    tree = Tree.over(leaves(second))
    proof = tree.consistency_proof(first)
    assert verify_consistency(first, second, tree.root(first), tree.root(), proof)
    assert not verify_consistency(first, second, leaf_hash(b"x"), tree.root(), proof)
    assert not verify_consistency(first, second, tree.root(first), tree.root(), [*proof, leaf_hash(b"x")])
    assert not verify_consistency(second + 1, second, tree.root(first), tree.root(), proof)


@given(st.integers(1, 4 * TILE + 3))
def test_stored_tiles_change_nothing(size: int) -> None:
    hashes = leaves(size)
    tiles = [root_of(hashes[start : start + TILE]) for start in range(0, size - size % TILE, TILE)]
    tiled = Tree(size, lambda start, stop: hashes[start:stop], tiles)
    assert tiled.root() == root_of(hashes)
    assert tiled.inclusion_proof(size // 2) == Tree.over(hashes).inclusion_proof(size // 2)


@pytest.mark.parametrize("index", [-1, 5, 6])
def test_it_refuses_a_leaf_outside_the_tree(index: int) -> None:
    with pytest.raises(IndexError, match="not in a tree of 5"):
        Tree.over(leaves(5)).inclusion_proof(index)
    assert not verify_inclusion(leaves(1)[0], index, 5, [], leaves(1)[0])
