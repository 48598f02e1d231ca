"""Fast bias and activation: in place where the map is nobody else's, and no pass for nothing."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from stylegan_ext.ops.reference import ACTIVATIONS


def bias_act(
    x: torch.Tensor,
    bias: torch.Tensor | None = None,
    *,
    act: str = "linear",
    alpha: float | None = None,
    gain: float | None = None,
    clamp: float | None = None,
    inplace: bool = False,  # x belongs to the caller alone and may be overwritten
) -> torch.Tensor:
    """clamp(act(x + bias) * gain); same contract as `reference.bias_act`.

    For a homogeneous activation with a small result to come, move gains into weight and bias
    before calling: a gain of one costs no pass.
    """
    spec = ACTIVATIONS[act]
    alpha = spec.default_alpha if alpha is None else alpha
    gain = spec.default_gain if gain is None else gain
    overwrite = inplace and not (torch.is_grad_enabled() and x.requires_grad)
    if bias is not None:
        shaped = bias.to(x.dtype).reshape([-1 if dim == 1 else 1 for dim in range(x.ndim)])
        overwrite = overwrite and not (torch.is_grad_enabled() and bias.requires_grad)
        x = x.add_(shaped) if overwrite else x + shaped
        overwrite = overwrite or not x.requires_grad  # x is ours now
    if act == "lrelu":
        x = F.leaky_relu_(x, alpha) if overwrite else F.leaky_relu(x, alpha)
    elif act != "linear":
        x = spec.function(x, alpha)
    overwrite = (overwrite or act != "linear") and not x.requires_grad
    if gain != 1.0:
        x = x.mul_(gain) if overwrite else x * gain
        overwrite = not x.requires_grad
    if clamp is not None:
        x = x.clamp_(-clamp, clamp) if overwrite else x.clamp(-clamp, clamp)
    return x
