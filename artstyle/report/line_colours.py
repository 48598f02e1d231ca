"""Colours of the lines of a plot, told apart by those who do not see all colours."""

from __future__ import annotations

# Okabe & Ito 2008.
_FULL = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_PALER = 0.55  # how far the second seven are mixed with white


def line_colour(number: int) -> str:
    """The colour of a line, counted from 0: "#rrggbb". After fourteen they begin again."""
    colour = _FULL[number % len(_FULL)]
    if number // len(_FULL) % 2 == 0:
        return colour
    parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(part + (255 - part) * _PALER):02X}" for part in parts)
