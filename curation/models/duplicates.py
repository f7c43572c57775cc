"""What finds rows that teach the same lesson, and what was found. Only the screener may read or write a signature."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from pgvector.django import HalfVectorField, HnswIndex

DIMENSIONS = 384


class Signature(models.Model):
    """A correction's words as keys and, where an encoder took part, as a vector. The text cannot be read from the keys;
    from the vector one could guess it, so no process that people reach sees this table."""

    case = models.OneToOneField("curation.Case", on_delete=models.CASCADE, primary_key=True, related_name="signature")
    version = models.CharField(max_length=20, help_text="Of the normaliser and its keys, in `checks.duplicates`.")
    question = models.BigIntegerField(help_text="Key of the normalised prompt.")
    bands = ArrayField(models.BigIntegerField(), help_text="32 MinHash bands of the character 5-grams.")
    vector = HalfVectorField(dimensions=DIMENSIONS, null=True, help_text="Unit length: prompt and answer together.")
    encoder = models.CharField(
        max_length=120, blank=True, help_text="Name@revision of the model; vectors of one model."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(name="signature_has_32_bands", condition=Q(bands__len=32)),
            models.CheckConstraint(name="vector_names_its_encoder", condition=Q(vector__isnull=True) ^ ~Q(encoder="")),
        ]
        indexes = [
            # Without a list of pending entries, which every look-up would have to read through.
            GinIndex(fields=["bands"], name="signature_bands", fastupdate=False),
            HnswIndex(
                fields=["vector"],
                name="signature_neighbours",
                m=16,
                ef_construction=64,
                opclasses=["halfvec_cosine_ops"],
            ),
            models.Index(fields=["question"], name="signature_question"),
        ]


class Duplicate(models.Model):
    """A case whose lesson another one teaches already, and that one, which is kept. Found by screening."""

    class Method(models.TextChoices):
        EXACT = "exact", "Same words"
        NEAR = "near", "Nearly the same words"
        SEMANTIC = "semantic", "Same in other words"

    case = models.OneToOneField("curation.Case", on_delete=models.CASCADE, primary_key=True, related_name="duplicate")
    kept = models.ForeignKey("curation.Case", on_delete=models.CASCADE, related_name="duplicates")
    method = models.CharField(max_length=8, choices=Method)
    score = models.FloatField(help_text="1 for the same words; the Jaccard index of 5-grams; the cosine of meanings.")
    limit = models.FloatField()
    found_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.CheckConstraint(name="no_duplicate_of_itself", condition=~Q(case=F("kept")))]
        indexes = [models.Index(fields=["method", "kept"], name="duplicate_groups")]
