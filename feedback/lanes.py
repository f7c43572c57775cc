"""The lane of a subject: whether what it says becomes training data or evaluation data. A lesson or an exam."""

from decimal import Decimal
from typing import Literal

from feedback.keyed_hashes import keyed_hash

LaneName = Literal["training", "held_out"]
BUCKETS = 10_000


def lane_of(key: bytes, source_name: str, external_id: str, held_out_percent: Decimal | float | int) -> LaneName:
    """The lane of a subject: a function of who it is, never of what it says.

    A subject falls into one of 10,000 buckets; the first `held_out_percent` of them are held out. Raising the share
    therefore only ever moves subjects from training to held out.
    """
    bucket = int.from_bytes(keyed_hash(key, "lane", source_name, external_id)[:8]) % BUCKETS
    return "held_out" if bucket < Decimal(str(held_out_percent)) * 100 else "training"
