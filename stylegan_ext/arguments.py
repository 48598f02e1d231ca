"""The arguments of a network's constructor, looked up with their types and bounds checked.

They may come from a file that anybody wrote, so nothing is built of them before this has looked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from stylegan_ext.errors import MismatchError

CHANNEL_BASE, CHANNEL_MAX = 32768, 512  # the official constructors' defaults
FIR_TAPS = 4  # of the default resample_filter [1, 3, 3, 1]
MAX_RESOLUTION, MAX_WIDTH, MAX_LAYERS = 4096, 65536, 64  # beyond any StyleGAN


class Arguments:
    """The constructor's arguments, looked up with their bounds checked."""

    def __init__(self, kind: str, kwargs: Mapping[str, Any]) -> None:
        require_plain(kind, kwargs)
        self.kind = kind
        self.kwargs = kwargs

    def group(self, name: str) -> Mapping[str, Any]:
        """A nested dict of arguments such as mapping_kwargs; missing means empty."""
        found = self.kwargs.get(name) or {}
        if not isinstance(found, Mapping):
            raise MismatchError(f"{self.kind}: {name} should hold arguments, but is {found!r:.60}")
        return found

    @property
    def synthesis(self) -> Mapping[str, Any]:
        """Where the channel counts stand: nested for a StyleGAN2 generator, else flat."""
        return self.group("synthesis_kwargs") if self.kind == "stylegan2-generator" else self.kwargs

    def whole(
        self, name: str, default: int | None = None, *, low: int = 0, high: int = MAX_WIDTH
    ) -> int:
        """A top-level whole number between the bounds."""
        return whole_number(self.kind, self.kwargs, name, default, low=low, high=high)

    @property
    def resolution(self) -> int:
        """The picture's side in pixels: a power of two from 4 up."""
        size = self.whole("img_resolution", low=4, high=MAX_RESOLUTION)
        if size & (size - 1):
            raise MismatchError(f"{self.kind}: img_resolution {size} is no power of two")
        return size

    @property
    def architecture(self) -> str:
        """How the picture leaves the blocks: skip, resnet or orig."""
        fallback = "resnet" if self.kind == "stylegan2-discriminator" else "skip"
        name = self.synthesis.get("architecture", fallback)
        if name not in ("skip", "resnet", "orig"):
            raise MismatchError(f"{self.kind}: unknown architecture {name!r:.40}")
        return str(name)

    @property
    def taps(self) -> int:
        """How many taps the FIR between resolutions has."""
        where = (
            self.group("block_kwargs") if self.kind == "stylegan2-discriminator" else self.synthesis
        )
        taps = where.get("resample_filter", (1,) * FIR_TAPS)
        if not isinstance(taps, (list, tuple)) or not 0 < len(taps) <= MAX_LAYERS:
            raise MismatchError(f"{self.kind}: resample_filter {taps!r:.40} is no list of taps")
        return len(taps)

    def channels(self, size_px: int) -> int:
        """Feature channels of a StyleGAN2 block of this resolution."""
        limit = MAX_RESOLUTION * MAX_WIDTH
        base = whole_number(
            self.kind, self.synthesis, "channel_base", CHANNEL_BASE, low=size_px, high=limit
        )
        top = whole_number(self.kind, self.synthesis, "channel_max", CHANNEL_MAX, low=1)
        return min(base // size_px, top)


def require_plain(kind: str, kwargs: Mapping[str, Any], *, inside: bool = False) -> None:
    """See that arguments are of the types that constructors of networks take.

    Args:
        kind: of the network, for messages.
        kwargs: the arguments.
        inside: these are a group such as mapping_kwargs, which holds no groups.

    Raises:
        MismatchError: a text where a number belongs, NaN, lists in lists, ...
    """
    for name, value in kwargs.items():
        if isinstance(value, Mapping) and not inside:
            require_plain(kind, value, inside=True)
        elif not _is_plain(name, value):
            shown = f"{value!r:.60}" if isinstance(value, (str, float)) else type(value).__name__
            raise MismatchError(f"{kind}: the argument {name!r:.60} cannot be {shown}")


def _is_plain(name: str, value: Any) -> bool:
    if name in ("activation", "architecture"):
        return isinstance(value, str)
    if name == "resample_filter" and isinstance(value, (list, tuple)):
        return all(_is_plain("tap", tap) and tap is not None for tap in value)
    return value is None or (isinstance(value, (bool, int, float)) and math.isfinite(value))


def whole_number(
    kind: str,
    kwargs: Mapping[str, Any],
    name: str,
    default: int | None = None,
    *,
    low: int = 0,
    high: int = MAX_WIDTH,
) -> int:
    """The argument as a whole number between the bounds; None or missing means the default."""
    value = kwargs.get(name)
    if value is None:
        value = default
    if value is None:
        raise MismatchError(f"{kind}: the argument {name} is missing")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value // 1:
        raise MismatchError(f"{kind}: {name} should be a whole number, but is {value!r:.40}")
    if not low <= value <= high:
        raise MismatchError(f"{kind}: {name} is {value}, not between {low} and {high}")
    return int(value)
