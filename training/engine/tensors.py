"""Encoded rows as tensors, and which of their tokens are learnt."""

from collections.abc import Sequence

import torch

from training.engine.encoding import Encoded

IGNORED = -100


def collate(batch: Sequence[Encoded], pad: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Token ids, attention mask and labels, each (batch, length), padded on the right.

    Labels are IGNORED except on answer tokens: questions are never learnt.
    """
    width = max(map(len, batch))
    ids = torch.full((len(batch), width), pad, dtype=torch.long)
    attention = torch.zeros_like(ids)
    labels = torch.full_like(ids, IGNORED)
    for i, row in enumerate(batch):
        ids[i, : len(row)] = torch.tensor(row.prompt + row.answer)
        attention[i, : len(row)] = 1
        labels[i, len(row.prompt) : len(row)] = torch.tensor(row.answer)
    return ids, attention, labels
