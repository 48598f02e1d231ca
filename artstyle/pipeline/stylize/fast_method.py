"""Fast transfer as one of the classic methods: a net for each style that ships."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artstyle.baselines.fast.file import Header, read_fast
from artstyle.errors import UsageError
from artstyle.events import Emit
from artstyle.images import resize_area, resize_lanczos
from artstyle.pipeline.stylize.fast_nets import fast_nets, find_net

if TYPE_CHECKING:
    from artstyle.baselines.fast.draw import Painter
    from artstyle.pipeline.stylize.baselines import Pixels, StyleChoice

# The styles that the project shows first, in this order; others follow by name.
_FIRST = ("starry_night", "great_wave", "the_scream", "composition_vii")
_NETS_HELD = 8  # a grid draws many photos with the same few nets


class FastMethod:
    """See `artstyle.pipeline.stylize.baselines.Method`."""

    def shipped_styles(self) -> Sequence[str]:
        """The nets of the starter pack that draw in one style."""
        names = [name for name, path in fast_nets(None) if find_net(str(path), None).is_single]
        return sorted(names, key=lambda name: (_place(name), name))

    def identity(self, style: StyleChoice) -> Mapping[str, Any]:
        """The net's content.

        Raises:
            WeightsError: there is no net of this name.
        """
        header = _single(style.name)
        return {"net": header.name, "net_sha256": header.content_sha256}

    def draw(
        self, content: Pixels, style: StyleChoice, size_px: int, emit: Emit
    ) -> tuple[Pixels, Mapping[str, Any]]:
        """The picture, its longer side `size_px`, and what is to be said of the net.

        Raises:
            WeightsError: there is no net of this name.
            ImageError: the picture is too small.
        """
        header = _single(style.name)
        pixels = _painter(header.path, header.content_sha256).draw(
            _sized(content, size_px), emit=emit
        )
        record = header.record
        painting = vars(record.styles[0])
        facts = {"perception": record.perception, "licence": record.licence, "painting": painting}
        return pixels, facts


def _place(name: str) -> int:
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)


def _single(name: str) -> Header:
    header = find_net(name, None)
    if not header.is_single:
        raise UsageError(
            f"{header.name} draws in {len(header.record.styles)} styles, and one is wanted"
        )
    return header


@lru_cache(_NETS_HELD)
def _painter(path: Path, content_sha256: str) -> Painter:
    """A net that is ready; the digest makes a changed file another one."""
    from artstyle.baselines.fast.draw import Painter

    network, _ = read_fast(path)
    return Painter(network, [1.0])


def _sized(pixels: Pixels, size_px: int) -> Pixels:
    """A picture whose longer side is so long."""
    height, width = pixels.shape[:2]
    scale = size_px / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return resize_area(pixels, *size) if scale < 1 else resize_lanczos(pixels, *size)


METHOD = FastMethod()
