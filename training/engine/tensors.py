"""Encoded rows as tensors, and which of their tokens are learnt."""

from collections.abc import Sequence

import torch

from training.engine.encoding import Encoded

IGNORED = -100


def collate(batch: Sequence[Encoded], pad: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Token ids, attention mask and labels, each (batch, length), padded on the right.

    Labels are IGNORED except on what the rows say is learnt: questions never are.
    """
    width = max(map(len, batch))
    ids = torch.full((len(batch), width), pad, dtype=torch.long)
    attention = torch.zeros_like(ids)
    labels = torch.full_like(ids, IGNORED)
    for i, row in enumerate(batch):
        ids[i, : len(row)] = torch.tensor(row.ids)
        attention[i, : len(row)] = 1
        for start, end in row.learnt:
            labels[i, start:end] = ids[i, start:end]
    return ids, attention, labels
