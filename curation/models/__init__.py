"""What may be learned: cases under review, pairs, and the datasets frozen from them. A file a noun."""

from curation.models.batches import RANGE_ROWS, BatchPart, BatchScreening
from curation.models.cases import KINDS, Blocker, Case, CaseQuerySet, covered
from curation.models.datasets import Dataset, DatasetRow, ReplayRow
from curation.models.duplicates import DIMENSIONS, Duplicate, Signature
from curation.models.epochs import LabelledScores, RegistryEpoch, ScreeningPolicy, current_epoch_number
from curation.models.inquiries import Inquiry, InquiryAlert, InquirySketch
from curation.models.overrides import Override
from curation.models.pairs import Pair
from curation.models.reverse_checks import ReverseCheck, ReverseMatch

__all__ = [
    "BatchPart",
    "BatchScreening",
    "Blocker",
    "Case",
    "CaseQuerySet",
    "DIMENSIONS",
    "Dataset",
    "DatasetRow",
    "Duplicate",
    "Inquiry",
    "InquiryAlert",
    "InquirySketch",
    "KINDS",
    "LabelledScores",
    "Override",
    "Pair",
    "RANGE_ROWS",
    "RegistryEpoch",
    "ReplayRow",
    "ReverseCheck",
    "ReverseMatch",
    "ScreeningPolicy",
    "Signature",
    "covered",
    "current_epoch_number",
]
