"""What fine-tuning minimises."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from training.engine.tensors import IGNORED


@dataclass(frozen=True)
class LossParts:
    """total: scalar with gradient; ce and kl: (batch,), means over each row's answer tokens, in nats."""

    total: torch.Tensor
    ce: torch.Tensor
    kl: torch.Tensor


class AnchoredLoss(nn.Module):
    """Cross-entropy of the answers plus a pull towards the base model.

    For row i with answer tokens A_i, base model q and trained model p:

        CE_i = -1/|A_i| Σ_{t∈A_i} log p(y_t)
        KL_i =  1/|A_i| Σ_{t∈A_i} Σ_v q_t(v) (log q_t(v) - log p_t(v))
        L    = mean_i CE_i + kl_weight · mean_i a_i KL_i

    a_i says which rows are anchored. The forward KL to a frozen reference on the answer tokens is that of
    Ouyang et al. 2022 (arXiv 2203.02155) turned into a supervised loss, as in arXiv 2602.17546 with a
    constant weight.
    """

    def __init__(self, kl_weight: float):
        super().__init__()
        self.kl_weight = kl_weight

    def forward(
        self,
        logits: torch.Tensor,
        labels: torch.Tensor,
        reference: torch.Tensor | None = None,
        anchored: torch.Tensor | None = None,
    ) -> LossParts:
        """logits, reference: (batch, length, vocabulary), unshifted; labels: (batch, length); anchored:
        (batch,).
        """
        targets = labels[:, 1:]
        learnt = (targets != IGNORED).float()
        count = learnt.sum(1).clamp(min=1)
        log_p = F.log_softmax(logits[:, :-1].float(), dim=-1)
        picked = log_p.gather(-1, targets.clamp(min=0).unsqueeze(-1)).squeeze(-1)
        ce = -(picked * learnt).sum(1) / count
        if reference is None:
            return LossParts(ce.mean(), ce.detach(), torch.zeros_like(ce))
        log_q = F.log_softmax(reference[:, :-1].float(), dim=-1)
        kl = ((log_q.exp() * (log_q - log_p)).sum(-1) * learnt).sum(1) / count
        pull = kl if anchored is None else kl * anchored
        return LossParts(ce.mean() + self.kl_weight * pull.mean(), ce.detach(), kl.detach())
