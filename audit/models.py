"""What happened, provably: events, their place in the Merkle tree, signed tree heads, lineage edges.

Rows here are written by SQL functions only (see `guards/`); the application's roles can append and read.
"""

from django.db import models


class Event(models.Model):
    """One change of state. `body` holds the RFC 8785 bytes that are hashed; the other columns are for reading."""

    id = models.BigAutoField(primary_key=True)
    transaction_id = models.BigIntegerField(help_text="xid8 of the writing transaction; the sealer orders by it.")
    recorded_at = models.DateTimeField()
    name = models.CharField(max_length=80, help_text="Past participle with its noun, e.g. 'case.decided'.")
    actor = models.CharField(max_length=120, help_text="'user:7', 'source:2', 'process:screener' or 'visitor'.")
    detail = models.JSONField(default=dict)
    body = models.BinaryField()

    class Meta:
        indexes = [
            models.Index(fields=["name", "-id"]),
            models.Index(fields=["transaction_id", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.name} #{self.pk}"


class Edge(models.Model):
    """Lineage in W3C PROV terms: the event (activity) used or generated an entity, named as (kind, id)."""

    class Relation(models.TextChoices):
        USED = "used"
        GENERATED = "generated"

    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="edges")
    relation = models.CharField(max_length=9, choices=Relation)
    kind = models.CharField(max_length=40)
    object_id = models.CharField(max_length=64)

    class Meta:
        indexes = [models.Index(fields=["kind", "object_id", "relation"])]


class Leaf(models.Model):
    """An event's gapless position in the RFC 6962 tree, given by the sealer once no earlier one can appear."""

    position = models.BigIntegerField(primary_key=True)
    event = models.OneToOneField(Event, on_delete=models.PROTECT, related_name="leaf")
    leaf_hash = models.BinaryField(max_length=32)


class Tile(models.Model):
    """Root of 256 complete leaves, so that a proof in a log of a million events reads a few thousand hashes."""

    index = models.BigIntegerField(primary_key=True)
    root_hash = models.BinaryField(max_length=32)


class Checkpoint(models.Model):
    """A signed tree head. The same bytes are kept outside the database."""

    tree_size = models.BigIntegerField(primary_key=True)
    root_hash = models.BinaryField(max_length=32)
    signed_at = models.DateTimeField()
    key_id = models.CharField(max_length=16)
    note = models.TextField(help_text="The signed text: origin, size, root, time.")
    signature = models.BinaryField(max_length=64)


class Speaker(models.Model):
    """A login may record this event as this speaker. Provision writes it anew from `cftapp.access.speakers`."""

    login = models.CharField(max_length=63)
    speaker = models.CharField(max_length=40, help_text="A process by its name, 'visitor', or any 'user' or 'source'.")
    event = models.CharField(max_length=80)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["login", "speaker", "event"], name="a_voice_is_given_once")]
