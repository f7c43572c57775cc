"""The loss, against numbers worked out by hand."""

import math

import pytest
import torch

from training.engine.losses import AnchoredLoss
from training.engine.tensors import IGNORED

# One row of three positions over two tokens. Only position 2 is an answer (token 1), predicted at position 1.
LABELS = torch.tensor([[IGNORED, IGNORED, 1]])


def logits_for(probability: float) -> torch.Tensor:
    """Logits whose second position gives token 1 this probability; the others would be very wrong."""
    odds = math.log(probability / (1 - probability))
    return torch.tensor([[[9.0, -9.0], [0.0, odds], [9.0, -9.0]]], requires_grad=True)


def test_cross_entropy_counts_the_answer_only():
    parts = AnchoredLoss(0.0)(logits_for(0.25), LABELS)
    assert parts.total.item() == pytest.approx(math.log(4), abs=1e-6)


def test_the_question_gets_no_gradient():
    logits = logits_for(0.25)
    AnchoredLoss(0.0)(logits, LABELS).total.backward()
    assert logits.grad is not None
    assert logits.grad[0, 0].tolist() == [0, 0]
    assert logits.grad[0, 2].tolist() == [0, 0]
    # d/dz_v of -log softmax(z)_1 is p_v - 1[v = 1]
    assert logits.grad[0, 1].tolist() == pytest.approx([0.75, -0.75])


def test_divergence_from_the_base():
    # q = (1/2, 1/2), p = (3/4, 1/4): KL(q‖p) = 1/2 ln(2/3) + 1/2 ln 2 = 1/2 ln(4/3)
    parts = AnchoredLoss(0.5)(logits_for(0.25), LABELS, logits_for(0.5).detach())
    assert parts.kl.item() == pytest.approx(0.5 * math.log(4 / 3), abs=1e-6)
    assert parts.total.item() == pytest.approx(math.log(4) + 0.25 * math.log(4 / 3), abs=1e-6)


def test_the_divergence_has_a_gradient():
    logits = logits_for(0.25)
    parts = AnchoredLoss(1.0)(logits, LABELS, logits_for(0.5).detach())
    parts.total.backward()
    # cross-entropy (3/4, -3/4) plus the divergence's p - q = (1/4, -1/4)
    assert logits.grad is not None
    assert logits.grad[0, 1].tolist() == pytest.approx([1.0, -1.0])


def test_rows_count_alike_whatever_their_length():
    # The second row has two answer tokens, of probability 1/2 each: its mean is ln 2, not 2 ln 2.
    logits = torch.cat([logits_for(0.25), torch.zeros(1, 3, 2)])
    labels = torch.cat([LABELS, torch.tensor([[IGNORED, 0, 1]])])
    parts = AnchoredLoss(0.0)(logits, labels)
    assert parts.ce.tolist() == pytest.approx([math.log(4), math.log(2)])
    assert parts.total.item() == pytest.approx(1.5 * math.log(2))


def test_only_anchored_rows_are_pulled():
    logits = torch.cat([logits_for(0.25), logits_for(0.25)])
    labels = torch.cat([LABELS, LABELS])
    reference = torch.cat([logits_for(0.5), logits_for(0.5)]).detach()
    parts = AnchoredLoss(1.0)(logits, labels, reference, torch.tensor([0.0, 1.0]))
    assert parts.total.item() == pytest.approx(math.log(4) + 0.25 * math.log(4 / 3), abs=1e-6)
