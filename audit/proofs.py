"""What the pages prove: that an event is in the log, and that every later log holds the earlier one."""

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings
from django.db.models import Q

from audit.body import BadBody, read
from audit.checkpoint import load_public_key, signature_problem
from audit.merkle import TILE, Tree, leaf_hash, verify_consistency, verify_inclusion
from audit.models import Checkpoint, Event, Leaf, Tile
from audit.sealing import signed_head, stored_tree

MOST_UNSEALED = 1000


@dataclass(frozen=True, slots=True)
class Inclusion:
    """An event's place under a signed tree head, with the hashes that lead from it to the root."""

    position: int
    leaf_hash: bytes
    path: list[bytes]
    checkpoint: Checkpoint
    bytes_fit: bool
    path_fits: bool
    signature_fits: bool | None

    @property
    def verified(self) -> bool:
        return self.bytes_fit and self.path_fits and self.signature_fits is not False


@dataclass(frozen=True, slots=True)
class Link:
    """A checkpoint, the one before it, and whether the older log is a prefix of the newer."""

    checkpoint: Checkpoint
    before: Checkpoint | None
    path: list[bytes]
    consistent: bool
    signature_fits: bool | None


def public_key() -> Ed25519PublicKey | None:
    """The key that heads are checked with; None where this process was given none, or none that can be read."""
    path: Path | None = settings.CFT_AUDIT_PUBLIC_KEY_FILE
    try:
        return load_public_key(path) if path else None
    except (OSError, ValueError):
        return None


def newest_checkpoint() -> Checkpoint | None:
    return Checkpoint.objects.order_by("-tree_size").first()


def signature_fits(row: Checkpoint, key: Ed25519PublicKey | None) -> bool | None:
    """None where there is no key to check with."""
    if key is None:
        return None
    return signature_problem(signed_head(row), key) is None


def inclusion(event: Event) -> Inclusion | None:
    """The proof under the newest checkpoint; None while the event is not sealed."""
    leaf = Leaf.objects.filter(event=event).first()
    head = newest_checkpoint()
    if leaf is None or head is None or leaf.position >= head.tree_size:
        return None
    path = stored_tree(head.tree_size).inclusion_proof(leaf.position)
    computed = leaf_hash(bytes(event.body))
    return Inclusion(
        position=leaf.position,
        leaf_hash=computed,
        path=path,
        checkpoint=head,
        bytes_fit=computed == bytes(leaf.leaf_hash),
        path_fits=verify_inclusion(computed, leaf.position, head.tree_size, path, bytes(head.root_hash)),
        signature_fits=signature_fits(head, public_key()),
    )


def as_document(event: Event, proof: Inclusion) -> dict[str, Any]:
    """The proof as JSON. Whoever has it and the public key needs nothing else to check it."""
    body = bytes(event.body)
    try:
        said: dict[str, Any] | None = read(body)
    except BadBody:
        said = None
    return {
        "event": said,
        "body": b64encode(body).decode(),
        "position": proof.position,
        "leaf_hash": proof.leaf_hash.hex(),
        "inclusion_proof": [sibling.hex() for sibling in proof.path],
        "checkpoint": {
            "tree_size": proof.checkpoint.tree_size,
            "root_hash": bytes(proof.checkpoint.root_hash).hex(),
            "note": proof.checkpoint.note,
            "key_id": proof.checkpoint.key_id,
            "signature": b64encode(bytes(proof.checkpoint.signature)).decode(),
        },
        "how_to_check": (
            "leaf_hash = SHA-256(0x00 || body); fold inclusion_proof as in RFC 9162, 2.1.3.2, to root_hash; "
            "the note names size and root, and is signed with Ed25519."
        ),
    }


def chain(count: int) -> list[Link]:
    """The newest checkpoints, newest first, each proved to extend the one before it. Four queries."""
    heads = list(Checkpoint.objects.order_by("-tree_size")[: count + 1])
    if not heads:
        return []
    tree, key = _tree_at([head.tree_size for head in heads]), public_key()
    pairs = zip(heads, [*heads[1:], None], strict=True)
    return [_link(head, before, tree, key) for head, before in list(pairs)[:count]]


def _link(head: Checkpoint, before: Checkpoint | None, tree: Tree, key: Ed25519PublicKey | None) -> Link:
    fits = signature_fits(head, key)
    if before is None:
        return Link(head, None, [], tree.root(head.tree_size) == bytes(head.root_hash), fits)
    first, second = before.tree_size, head.tree_size
    path = tree.consistency_proof(first, second)
    consistent = verify_consistency(first, second, bytes(before.root_hash), bytes(head.root_hash), path)
    return Link(head, before, path, consistent, fits)


def _tree_at(sizes: list[int]) -> Tree:
    """A tree that can answer about these sizes: roots of all tiles, leaves of the tiles where a size ends."""
    tiles = {size // TILE for size in sizes}
    ranges = Q()
    for tile in tiles:
        ranges |= Q(position__gte=tile * TILE, position__lt=(tile + 1) * TILE)
    leaves = {
        position: bytes(stored) for position, stored in Leaf.objects.filter(ranges).values_list("position", "leaf_hash")
    }
    roots = [bytes(root) for root in Tile.objects.order_by("index").values_list("root_hash", flat=True)]
    # A leaf that is gone hashes to nothing that was signed: the page says inconsistent.
    return Tree(max(sizes), lambda start, stop: [leaves.get(position, b"") for position in range(start, stop)], roots)


def unsealed() -> int:
    """Events that wait for the sealer, counted up to MOST_UNSEALED."""
    last = Leaf.objects.order_by("-position").select_related("event").defer("event__detail", "event__body").first()
    waiting = Event.objects.filter(leaf__isnull=True)
    if last:
        waiting = waiting.filter(transaction_id__gte=last.event.transaction_id)
    return waiting[:MOST_UNSEALED].count()
