"""What `--background` did is said: of texts that share nothing with the items, that it changes little."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from curation.decontamination.overlap import COMMON_IN_BACKGROUND
from tests.curation.batches.test_screen_command import QUESTION, lines

pytestmark = pytest.mark.heavy
FRAME = "Please read the following statement carefully and then answer in one short and complete English sentence:"


@pytest.fixture
def told(tmp_path: Path) -> Callable[[list[str]], str]:
    """What the command says where these are the clean texts."""

    def run(clean: list[str]) -> str:
        files = {
            "items": [{"id": 1, "question": f"{FRAME} {QUESTION}"}],
            "input": [{"id": 1, "text": "A sentence about tea."}],
            "background": [{"text": text} for text in clean],
        }
        arguments = [f"--{name}={lines(tmp_path / f'{name}.jsonl', records)}" for name, records in files.items()]
        said = StringIO()
        call_command("screen", *arguments, f"--output={tmp_path / 'report.jsonl'}", "--no-embeddings", stderr=said)
        return said.getvalue()

    return run


def test_what_weighs_nothing_is_counted(told: Callable[[list[str]], str]) -> None:
    said = told([f"{FRAME} number {n}" for n in range(COMMON_IN_BACKGROUND)])
    assert "Clean reference: 10 texts. " in said and "changes little" not in said


def test_texts_that_share_nothing_with_the_items_change_little(told: Callable[[list[str]], str]) -> None:
    said = told([f"A sentence about tea, number {n}." for n in range(COMMON_IN_BACKGROUND)])
    assert "0 word sequences of items" in said and "By words that changes little: give more texts" in said


def test_a_text_that_holds_an_item_is_set_aside(told: Callable[[list[str]], str]) -> None:
    assert "1 texts, 1 more held an item and were set aside" in told(["A sentence about tea.", f"{FRAME} {QUESTION}"])
