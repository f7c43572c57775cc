"""The sealer: numbers committed events without gaps, extends the tree, signs its head.

An event may be numbered once its transaction id lies below every transaction still running
(`pg_snapshot_xmin`): then none can appear before it later. No lock is taken by those who append.

A database that was restored into a new cluster counts its transactions anew, from below those in the log. That shows:
the last sealed event then is of a transaction that has not been yet. Whatever has no position is numbered then, first
what was appended before the restore.
"""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection, transaction
from django.utils import timezone

from audit import checkpoint, outside
from audit.actions import record
from audit.checkpoint import SignedHead
from audit.merkle import TILE, Tree, root_of
from audit.models import Checkpoint, Event, Leaf, Tile
from cftapp.base.actors import Actor

SEALER_LOCK = 0x63667461

NUMBER_EVENTS = """
    WITH last AS (
        SELECT leaf.position, event.transaction_id
        FROM audit_leaf leaf JOIN audit_event event ON event.id = leaf.event_id
        ORDER BY leaf.position DESC LIMIT 1
    ), cluster AS (
        SELECT pg_snapshot_xmin(now)::text::bigint AS xmin, pg_snapshot_xmax(now)::text::bigint AS xmax
        FROM pg_current_snapshot() AS now
    ), bounds AS (
        SELECT CASE WHEN last.transaction_id >= xmax THEN -1 ELSE coalesce(last.transaction_id, -1) END AS above,
               CASE WHEN last.transaction_id >= xmax THEN 9223372036854775807 ELSE xmin END AS below, xmin, xmax
        FROM cluster LEFT JOIN last ON true
    ), fresh AS (
        SELECT id, transaction_id, body, transaction_id >= (SELECT xmax FROM bounds) AS earlier
        FROM audit_event event
        WHERE transaction_id > (SELECT above FROM bounds) AND transaction_id < (SELECT below FROM bounds)
          AND NOT (transaction_id >= (SELECT xmin FROM bounds) AND transaction_id < (SELECT xmax FROM bounds))
          AND NOT EXISTS (SELECT FROM audit_leaf WHERE event_id = event.id)
    )
    INSERT INTO audit_leaf (position, event_id, leaf_hash)
    SELECT coalesce((SELECT position FROM last), -1) + row_number() OVER (ORDER BY earlier DESC, transaction_id, id),
           id, sha256('\\x00'::bytea || body)
    FROM fresh
"""


@transaction.atomic
def open_log(key_id: str, *, by: Actor) -> None:
    """Begin the log with the name of the key that signs it, so that there is a first checkpoint before all else."""
    if not Event.objects.exists():
        record("log.opened", by=by, detail={"key_id": key_id})


class RolledBack(Exception):
    """The log and its copy outside the database do not fit: nothing more is signed until somebody has looked."""


def seal(key: Ed25519PrivateKey, copy: Path) -> Checkpoint | None:
    """Number what may be numbered and sign the new head; None if nothing is new. One sealer at a time."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SEALER_LOCK])
            _copy_what_is_missing(copy)
            cursor.execute(NUMBER_EVENTS)
        size = sealed_size()
        newest = Checkpoint.objects.order_by("-tree_size").first()
        if size == (newest.tree_size if newest else 0):
            return None
        _store_tiles(size)
        signed_at = timezone.now()
        head = checkpoint.sign(key, size, stored_tree(size).root(), signed_at)
        row = Checkpoint.objects.create(
            tree_size=size,
            root_hash=head.root,
            signed_at=signed_at,
            key_id=head.key_id,
            note=head.note,
            signature=head.signature,
        )
    outside.append(copy, head)
    return row


def _copy_what_is_missing(copy: Path) -> None:
    """Copy heads that a crash after their signature, or a copy of an earlier moment (a backup), left out.

    A copy that is lost, or that knows what the database does not, is nothing that the sealer may mend: RolledBack.
    """
    kept = _newest_kept(copy)
    if kept and not Checkpoint.objects.filter(tree_size=kept.size, root_hash=kept.root).exists():
        raise RolledBack(
            f"the newest checkpoint outside the database (size {kept.size}) is not in it: the log was rolled back or "
            "replaced. Restore the database, or keep the evidence and start a new log."
        )
    missing = Checkpoint.objects.filter(tree_size__gt=kept.size if kept else 0).order_by("tree_size")
    if kept is None and missing[1:2].exists():
        raise RolledBack(
            f"{copy} is missing or empty, though checkpoints were kept there. Put back the newest copy that you have, "
            "or, if there is none, note that in your records and run `manage.py seal --copy-again`."
        )
    for row in missing:
        outside.append(copy, signed_head(row))


def _newest_kept(copy: Path) -> SignedHead | None:
    try:
        return outside.newest(copy)
    except outside.Unreadable as problem:
        raise RolledBack(f"the last line of {copy} is no checkpoint: put back the newest copy you have.") from problem


def copy_again(copy: Path) -> int:
    """Write the copy outside anew from the database, after its loss; returns how many heads that are."""
    if _newest_kept(copy):
        raise RolledBack(f"{copy} holds checkpoints: nothing was written over them.")
    rows = Checkpoint.objects.order_by("tree_size")
    for row in rows:
        outside.append(copy, signed_head(row))
    return len(rows)


def signed_head(row: Checkpoint) -> SignedHead:
    """A checkpoint as it was signed."""
    return SignedHead(row.tree_size, bytes(row.root_hash), row.note, row.key_id, bytes(row.signature))


def first_head() -> SignedHead | None:
    """The checkpoint with which the log begins; None before it is signed."""
    row = Checkpoint.objects.order_by("tree_size").first()
    return signed_head(row) if row else None


def stored_tree(size: int) -> Tree:
    """The tree of the first `size` sealed events, read from the database as far as a question needs."""
    tiles = [bytes(root) for root in Tile.objects.order_by("index").values_list("root_hash", flat=True)]
    read: dict[int, list[bytes]] = {}

    def leaves(start: int, stop: int) -> list[bytes]:
        """A range of one tile, as every subtree that small is; a tile is read once."""
        first = start - start % TILE
        if first not in read:
            read[first] = _leaf_hashes(first, first + TILE)
        return read[first][start - first : stop - first]

    return Tree(size, leaves, tiles)


def _leaf_hashes(start: int, stop: int) -> list[bytes]:
    rows = Leaf.objects.filter(position__gte=start, position__lt=stop).order_by("position")
    return [bytes(leaf) for leaf in rows.values_list("leaf_hash", flat=True)]


def sealed_size() -> int:
    """How many events have a position."""
    newest = Leaf.objects.order_by("-position").first()
    return newest.position + 1 if newest else 0


def _store_tiles(size: int) -> None:
    """Store the roots of tiles that have become complete."""
    first = Tile.objects.count()
    Tile.objects.bulk_create(
        Tile(index=index, root_hash=root_of(_leaf_hashes(index * TILE, (index + 1) * TILE)))
        for index in range(first, size // TILE)
    )
