"""Homogeneous matrices, one per sample: [n, 3, 3] for the plane, [n, 4, 4] for colours.

`..._by` takes plain numbers and gives one [1, 3, 3] matrix like a given one.
"""

from __future__ import annotations

import torch


def _stack(rows: list[list[torch.Tensor | float]], like: torch.Tensor) -> torch.Tensor:
    """Rows of [n] tensors and numbers to [n, rows, columns]."""
    full = [
        [e if isinstance(e, torch.Tensor) else torch.full_like(like, e) for e in r] for r in rows
    ]
    return torch.stack([torch.stack(row, dim=-1) for row in full], dim=-2)


def translate2d(tx: torch.Tensor, ty: torch.Tensor) -> torch.Tensor:
    """Move by (tx, ty)."""
    return _stack([[1.0, 0.0, tx], [0.0, 1.0, ty], [0.0, 0.0, 1.0]], tx)


def scale2d(sx: torch.Tensor, sy: torch.Tensor) -> torch.Tensor:
    """Scale about the origin."""
    return _stack([[sx, 0.0, 0.0], [0.0, sy, 0.0], [0.0, 0.0, 1.0]], sx)


def rotate2d(theta_rad: torch.Tensor) -> torch.Tensor:
    """Turn about the origin, from the x axis towards the y axis."""
    c, s = torch.cos(theta_rad), torch.sin(theta_rad)
    return _stack([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]], theta_rad)


def translate2d_by(tx: float, ty: float, like: torch.Tensor) -> torch.Tensor:
    """[1, 3, 3] translation on the device of `like`."""
    return like.new_tensor([[[1, 0, tx], [0, 1, ty], [0, 0, 1]]])


def scale2d_by(sx: float, sy: float, like: torch.Tensor) -> torch.Tensor:
    """[1, 3, 3] scaling on the device of `like`."""
    return like.new_tensor([[[sx, 0, 0], [0, sy, 0], [0, 0, 1]]])


def translate3d(tx: torch.Tensor, ty: torch.Tensor, tz: torch.Tensor) -> torch.Tensor:
    """Move by (tx, ty, tz)."""
    rows: list[list[torch.Tensor | float]] = [
        [1.0, 0.0, 0.0, tx],
        [0.0, 1.0, 0.0, ty],
        [0.0, 0.0, 1.0, tz],
        [0.0, 0.0, 0.0, 1.0],
    ]
    return _stack(rows, tx)


def scale3d(sx: torch.Tensor, sy: torch.Tensor, sz: torch.Tensor) -> torch.Tensor:
    """Scale about the origin."""
    rows: list[list[torch.Tensor | float]] = [
        [sx, 0.0, 0.0, 0.0],
        [0.0, sy, 0.0, 0.0],
        [0.0, 0.0, sz, 0.0],
        [0.0, 0.0, 0.0, 1.0],
    ]
    return _stack(rows, sx)


def rotate3d(axis: torch.Tensor, theta_rad: torch.Tensor) -> torch.Tensor:
    """Turn about a unit axis [3] by theta [n] (Rodrigues' formula)."""
    x, y, z = axis.unbind()
    s, c = torch.sin(theta_rad), torch.cos(theta_rad)
    d = 1 - c
    rows: list[list[torch.Tensor | float]] = [
        [x * x * d + c, x * y * d - z * s, x * z * d + y * s, 0.0],
        [y * x * d + z * s, y * y * d + c, y * z * d - x * s, 0.0],
        [z * x * d - y * s, z * y * d + x * s, z * z * d + c, 0.0],
        [0.0, 0.0, 0.0, 1.0],
    ]
    return _stack(rows, theta_rad)
