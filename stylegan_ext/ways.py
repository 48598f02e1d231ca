"""Closed ways through latent space: what a film of a model's pictures goes along.

A way is a function from positions to latents; key i lies at position i, and behind the last key
comes the first again, so that a film of it can be played in a loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from stylegan_ext.errors import ParameterError

Positions: TypeAlias = NDArray[np.float64]
Way: TypeAlias = Callable[[Positions], torch.Tensor]

WayKind: TypeAlias = Literal["spline", "linear", "slerp"]
WAY_KINDS: tuple[WayKind, ...] = get_args(WayKind)


def loop_positions(num_keys: int, frames_per_key: int) -> Positions:
    """Where the frames of a closed loop lie: key i at i, the end short of the first key again.

    Returns:
        float64 [num_keys * frames_per_key] in [0, num_keys).
    """
    return np.arange(num_keys * frames_per_key) / frames_per_key


def closed_way(keys: torch.Tensor, kind: WayKind = "spline") -> Way:
    """A closed way through keys, one unit apart: from the last it leads back to the first.

    "spline" is the periodic cubic spline: position, speed and acceleration are continuous, over
    the seam as well. "linear" goes straight and turns at the keys. "slerp" goes along great
    circles, which keeps the length that latents z of a normal distribution have; use it for z.

    Args:
        keys: [k, ...], k at least 1. One key stands still; two are gone to and fro.
        kind: "spline", "linear" or "slerp".

    Returns:
        A function from positions [n] (taken modulo k) to float32 [n, ...].

    Raises:
        ParameterError: there are no keys, or the kind is unknown.
    """
    if kind not in WAY_KINDS:
        raise ParameterError(f"unknown way {kind!r:.40}; known: {', '.join(WAY_KINDS)}")
    if keys.shape[0] == 0:
        raise ParameterError("a way needs at least one key")
    if keys.shape[0] == 1:
        return lambda positions: keys.cpu().float().expand(len(positions), *keys.shape[1:])
    return {"spline": _spline, "linear": _linear, "slerp": _slerp}[kind](keys)


def _spline(keys: torch.Tensor) -> Way:
    from scipy.interpolate import CubicSpline

    knots = keys.detach().cpu().double().numpy()
    count = len(knots)
    curve = CubicSpline(
        np.arange(count + 1), np.concatenate([knots, knots[:1]]), bc_type="periodic"
    )

    def way(positions: Positions) -> torch.Tensor:
        return torch.from_numpy(np.asarray(curve(positions), dtype=np.float32))

    return way


def _segments(keys: torch.Tensor, positions: Positions) -> tuple[torch.Tensor, ...]:
    """Begin and end [n, d] of the segments the positions lie on, and how far [n, 1], float64."""
    flat = keys.detach().cpu().double().flatten(1)
    count = len(flat)
    wrapped = positions % count  # of a tiny negative number it is count itself
    first = np.minimum(np.floor(wrapped).astype(int), count - 1)
    far = torch.from_numpy(wrapped - first)[:, None]
    return flat[first], flat[(first + 1) % count], far


def _linear(keys: torch.Tensor) -> Way:
    def way(positions: Positions) -> torch.Tensor:
        begin, end, far = _segments(keys, positions)
        return begin.lerp(end, far).float().reshape(-1, *keys.shape[1:])

    return way


def _slerp(keys: torch.Tensor) -> Way:
    def way(positions: Positions) -> torch.Tensor:
        begin, end, far = _segments(keys, positions)
        lengths = begin.norm(dim=1, keepdim=True), end.norm(dim=1, keepdim=True)
        one, other = begin / lengths[0], end / lengths[1]
        # The angle by atan2 keeps its digits where the arc cosine loses them.
        angle = 2 * torch.atan2((one - other).norm(dim=1), (one + other).norm(dim=1))[:, None]
        sine = angle.sin()
        straight = sine.abs() < 1e-9  # the same direction, or opposite: no great circle is meant
        safe = torch.where(straight, 1.0, sine)
        near = torch.where(straight, 1 - far, ((1 - far) * angle).sin() / safe)
        distant = torch.where(straight, far, (far * angle).sin() / safe)
        length = lengths[0].lerp(lengths[1], far)
        between: torch.Tensor = (near * one + distant * other) * length
        return between.float().reshape(-1, *keys.shape[1:])

    return way
