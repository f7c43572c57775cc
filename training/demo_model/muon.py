"""Muon (orthogonalised momentum; Jordan et al. 2024) in float32, matrices of one shape at a time.

torch has one since 2.9, which orthogonalises in bfloat16, matrix by matrix: eight times slower on processors without
bfloat16. Same update, same coefficients.
"""

from collections.abc import Iterable

import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5


def orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """The nearest matrices with singular values about 1 (Newton-Schulz); wide ones, each (rows, columns)."""
    a, b, c = COEFFICIENTS
    x = matrices / matrices.flatten(1).norm(dim=1).clamp(min=1e-7)[:, None, None]
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


class Muon(torch.optim.Optimizer):
    """For hidden weight matrices. With Nesterov's momentum and decoupled weight decay."""

    def __init__(self, params: Iterable[torch.Tensor], lr: float, momentum: float, weight_decay: float) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            shapes: dict[torch.Size, list[torch.Tensor]] = {}
            for p in group["params"]:
                shapes.setdefault(p.shape, []).append(p)
            for same in shapes.values():
                self.step_together(same, group["lr"], group["momentum"], group["weight_decay"])

    def step_together(self, same: list[torch.Tensor], lr: float, momentum: float, weight_decay: float) -> None:
        """One step of matrices of one shape."""
        directions = []
        for p in same:
            assert p.grad is not None
            mean = self.state[p].setdefault("mean", torch.zeros_like(p))
            mean.lerp_(p.grad, 1 - momentum)
            directions.append(p.grad.lerp(mean, momentum))
        stacked, (rows, columns) = torch.stack(directions), same[0].shape
        updates = orthogonal(stacked.mT).mT if rows > columns else orthogonal(stacked)
        for p, update in zip(same, updates, strict=True):
            p.mul_(1 - lr * weight_decay).sub_(update, alpha=lr * max(1, rows / columns) ** 0.5)
