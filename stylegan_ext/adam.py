"""Adam (Kingma & Ba 2015) for one tensor, as `torch.optim.Adam` steps.

torch's own optimizers load its compiler when the first one is made: 1.7 s of a processor, more than
a short search takes. Trainings use torch's; searches that are over in a second use this.
"""

from __future__ import annotations

import torch


class Adam:
    """The moments of one tensor's gradients, and the step that follows from them.

    Args:
        tensor: what is optimised; changed in place.
        betas: how much of the old moments is kept.
        eps: added to the root of the second moment.
    """

    def __init__(
        self, tensor: torch.Tensor, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        self._tensor, self._betas, self._eps = tensor, betas, eps
        self._first = torch.zeros_like(tensor, requires_grad=False)
        self._second = torch.zeros_like(tensor, requires_grad=False)
        self._count = 0

    @torch.no_grad()
    def step(self, gradient: torch.Tensor, lr: float) -> None:
        """One step down a gradient of the tensor's shape (Algorithm 1)."""
        self._count += 1
        self._first.lerp_(gradient, 1 - self._betas[0])
        self._second.mul_(self._betas[1]).addcmul_(gradient, gradient, value=1 - self._betas[1])
        unbiased = [1 - beta**self._count for beta in self._betas]
        root = self._second.sqrt().div_(unbiased[1] ** 0.5).add_(self._eps)
        self._tensor.addcdiv_(self._first, root, value=-lr / unbiased[0])
