"""Who sits the exam: the candidate, the champion and the anchor, each named by all that decides its answers."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rfc8785

from evaluation.models import Gate
from training.actions import folder_of
from training.models import Run

MAX_NEW_TOKENS = 64
SCORING = 1
"""Raise it when the engine scores or decodes differently: answers kept from before then count no longer."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """One model: a base and perhaps an adapter on it."""

    base_model: str
    base_sha256: str
    adapter: Path | None
    adapter_sha256: str

    @property
    def model_sha256(self) -> str:
        """Under this name its answers are kept in the vault."""
        facts: dict[str, Any] = {
            "base": self.base_sha256,
            "adapter": self.adapter_sha256,
            "max_new_tokens": MAX_NEW_TOKENS,
            "scoring": SCORING,
        }
        return hashlib.sha256(rfc8785.dumps(facts)).hexdigest()


@dataclass(frozen=True, slots=True)
class Field:
    """All that compete in one gate. The anchor is the champion where it was not pinned to something else."""

    candidate: Contestant
    champion: Contestant
    anchor: Contestant

    def distinct(self) -> list[Contestant]:
        """Each model once, the candidate first."""
        return list(dict.fromkeys([self.candidate, self.champion, self.anchor]))

    def opponents(self) -> dict[str, Contestant]:
        """The champion, and the anchor where it is another model."""
        opponents = {"champion": self.champion}
        return opponents if self.anchor == self.champion else opponents | {"anchor": self.anchor}


def with_adapter(run: Run) -> Contestant:
    return Contestant(run.base_model, run.base_sha256, folder_of(run) / "adapter", run.adapter_sha256)


def bare(run: Run) -> Contestant:
    """The base model of a run."""
    return Contestant(run.base_model, run.base_sha256, None, "")


def field_of(gate: Gate) -> Field:
    """Candidate, champion and anchor of a gate; where no run is named, the candidate's base model stands in."""
    base = bare(gate.run)
    champion = with_adapter(gate.champion_run) if gate.champion_run else base
    anchor = with_adapter(gate.anchor_run) if gate.anchor_run else base
    return Field(with_adapter(gate.run), champion, anchor)
