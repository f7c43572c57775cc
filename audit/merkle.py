"""Merkle tree of RFC 6962 (section 2.1): roots, inclusion and consistency proofs, and their verification.

Hashes are 32-byte SHA-256 digests. Leaf: SHA-256(0x00 || data). Node: SHA-256(0x01 || left || right). A tree of n > 1
leaves splits at the largest power of two below n. The empty tree has the root SHA-256("").
Verification follows RFC 9162, sections 2.1.3.2 and 2.1.4.2, and refuses proofs that are too short or too long.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

TILE = 256
"""Leaves a tile: roots of complete tiles are stored, so that no proof needs all the leaves."""

EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Hash of one leaf's data."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node over its two children."""
    return sha256(b"\x01" + left + right).digest()


def split_point(size: int) -> int:
    """Largest power of two strictly below `size` (size > 1)."""
    return 1 << ((size - 1).bit_length() - 1)


class Frontier:
    """The roots of the complete subtrees of a growing tree, largest first: O(log n) time and space a leaf."""

    def __init__(self) -> None:
        self.size = 0
        self._roots: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash on the right."""
        self.size += 1
        self._roots.append(leaf)
        size = self.size
        while size % 2 == 0:
            right, left = self._roots.pop(), self._roots.pop()
            self._roots.append(node_hash(left, right))
            size //= 2

    def root(self) -> bytes:
        """Root of the tree so far."""
        if not self._roots:
            return EMPTY_ROOT
        root = self._roots[-1]
        for left in reversed(self._roots[:-1]):
            root = node_hash(left, root)
        return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Root over leaf hashes, in order."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


class Tree:
    """A tree of `size` leaves read through `leaves(start, stop)`, with the roots of its complete tiles at hand."""

    def __init__(self, size: int, leaves: Callable[[int, int], Sequence[bytes]], tiles: Sequence[bytes] = ()) -> None:
        self.size = size
        self._leaves = leaves
        self._tiles = tiles

    @classmethod
    def over(cls, leaves: Sequence[bytes]) -> "Tree":
        """A tree over leaf hashes held in memory."""
        return cls(len(leaves), lambda start, stop: leaves[start:stop])

    def root(self, size: int | None = None) -> bytes:
        """Root of the first `size` leaves (all by default)."""
        size = self.size if size is None else size
        return self._range_root(0, size) if size else EMPTY_ROOT

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Audit path of leaf `index` in the tree of the first `size` leaves, lowest sibling first."""
        size = self.size if size is None else size
        if not 0 <= index < size <= self.size:
            raise IndexError(f"leaf {index} is not in a tree of {size} leaves")
        path: list[bytes] = []
        start, stop = 0, size
        while stop - start > 1:
            middle = start + split_point(stop - start)
            if index < middle:
                path.append(self._range_root(middle, stop))
                stop = middle
            else:
                path.append(self._range_root(start, middle))
                start = middle
        return path[::-1]

    def consistency_proof(self, first: int, second: int | None = None) -> list[bytes]:
        """Proof that the tree of `first` leaves is a prefix of the tree of `second` leaves."""
        second = self.size if second is None else second
        if not 0 < first <= second <= self.size:
            raise IndexError(f"no consistency proof from {first} to {second} in a tree of {self.size} leaves")
        path: list[bytes] = []
        start, stop, complete = 0, second, True
        while first - start != stop - start:
            middle = start + split_point(stop - start)
            if first <= middle:
                path.append(self._range_root(middle, stop))
                stop = middle
            else:
                path.append(self._range_root(start, middle))
                start, complete = middle, False
        if not complete:
            path.append(self._range_root(start, stop))
        return path[::-1]

    def _range_root(self, start: int, stop: int) -> bytes:
        size = stop - start
        if size == TILE and start % TILE == 0 and start // TILE < len(self._tiles):
            return self._tiles[start // TILE]
        if size <= TILE:
            return root_of(self._leaves(start, stop))
        middle = start + split_point(size)
        return node_hash(self._range_root(start, middle), self._range_root(middle, stop))


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `leaf` is at `index` in the tree of `size` leaves with this root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    fn, sn, computed = index, size - 1, leaf
    for sibling in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            computed = node_hash(sibling, computed)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            computed = node_hash(computed, sibling)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and computed == root


def verify_consistency(first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the tree of `second` leaves extends the tree of `first` leaves (RFC 9162, 2.1.4.2)."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    path = list(proof) if first & (first - 1) else [first_root, *proof]
    if not path:
        return False
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            new = node_hash(new, sibling)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and old == first_root and new == second_root
