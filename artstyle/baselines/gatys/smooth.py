"""The search in a space where fine detail is dear: as rare as it is in pictures.

Networks answer to patterns of a few pixels that no painting has, and small networks more than
large ones. Seen in the picture's own values, such patterns are as near as any other change. Here
the picture is start + T z, and z is searched: T is a filter whose gain falls with the frequency,
as the amplitudes of natural pictures do (Field 1987). Nothing is forbidden, and the loss is the
same function of the picture; what is coarse merely comes first. (The idea of decorrelated
coordinates is known from feature visualisation: Olah, Mordvintsev and Schubert 2017.)
"""

from __future__ import annotations

import torch

from artstyle.baselines.gatys.objective import Objective

# Cycles per picture side below which the gain no longer rises. A guess.
_FLAT_BELOW = 4.0


class Smooth:
    """An objective as a function of z.

    Args:
        objective: the function of the picture.
        start: [1, c, h, w], the picture at z = 0.
        power: of the frequency by which the gain falls; 0 searches in the picture's own values.
    """

    def __init__(self, objective: Objective, start: torch.Tensor, power: float) -> None:
        self._objective, self._start = objective, start
        self._gain = _gain(start, power) if power else None

    def picture(self, z: torch.Tensor) -> torch.Tensor:
        """The picture at z."""
        return self._start + self._filtered(z)

    def __call__(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss and its gradient with respect to z; T is its own transpose."""
        loss, gradient = self._objective(self.picture(z))
        return loss, self._filtered(gradient)

    def _filtered(self, plane: torch.Tensor) -> torch.Tensor:
        if self._gain is None:
            return plane
        found: torch.Tensor = torch.fft.irfft2(
            torch.fft.rfft2(plane) * self._gain, s=plane.shape[-2:]
        )
        return found


def _gain(like: torch.Tensor, power: float) -> torch.Tensor:
    """[h, w // 2 + 1], with a mean square of 1 over all frequencies."""
    height, width = like.shape[-2:]
    down = torch.fft.fftfreq(height, device=like.device)[:, None]
    across = torch.fft.rfftfreq(width, device=like.device)[None, :]
    frequency = (down.square() + across.square()).sqrt().to(like)  # cycles per pixel
    gain: torch.Tensor = frequency.clamp_min(_FLAT_BELOW / max(height, width)) ** -power
    return gain / gain.square().mean().sqrt()
