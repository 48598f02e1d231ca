"""AdaIN as one of the classic methods; see `baselines`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from artstyle.events import Emit, ignore
from artstyle.pipeline.stylize.adain import (
    AdainSettings,
    Blend,
    Painting,
    draw_pixels,
    resized,
)
from artstyle.pipeline.stylize.adain_model import AdainModel, find_decoders, load_adain
from artstyle.pipeline.stylize.baselines import (
    Pixels,
    StyleChoice,
    painting_identity,
    painting_of,
    shipped_paintings,
)


class AdainMethod:
    """The decoder that ships; styles whose statistics came with it, and paintings.

    Args:
        settings: how; their size is not looked at.
    """

    def __init__(self, settings: AdainSettings | None = None) -> None:
        self._settings = settings or AdainSettings()

    def shipped_styles(self) -> Sequence[str]:
        """See `Method`: in the decoder's order, then paintings that ship for other methods."""
        header = next(find_decoders(None), None)
        if header is None:
            return []
        return list(dict.fromkeys((*header.styles, *shipped_paintings())))

    def identity(self, style: StyleChoice) -> Mapping[str, Any]:
        """See `Method`."""
        model = _model()
        named = {"style_statistics": style.name}
        which = named if _is_named(style, model) else painting_identity(style)
        settings = {
            name: value for name, value in self._settings.identity().items() if name != "size_px"
        }
        return {
            **which,
            **model.identity(),
            "perception": model.encoder.name,
            "settings": settings,
        }

    def draw(
        self, content: Pixels, style: StyleChoice, size_px: int, emit: Emit
    ) -> tuple[Pixels, Mapping[str, Any]]:
        """See `Method`."""
        model = _model()
        blend = Blend(style.name, (Painting(style.name, None),))
        photo = resized(content, size_px)
        if _is_named(style, model):
            drawn = draw_pixels(photo, blend, self._settings, model)
        else:
            painting = resized(painting_of(style), self._settings.style_size_px)
            seen = model.style(painting)
            drawn = draw_pixels(photo, blend, self._settings, model, style_of=lambda _: seen)
        return drawn, {"licence": model.header.origin.licence}


def _is_named(style: StyleChoice, model: AdainModel) -> bool:
    return style.pixels is None and style.name in model.named


def _model() -> AdainModel:
    """The decoder that ships, read once, and again when another lies there."""
    header = next(find_decoders(None), None)
    if header is None:
        return load_adain(None)  # which says what is missing
    return _read(header.path, header.content_sha256)


@lru_cache(maxsize=1)
def _read(path: Path, _: str) -> AdainModel:
    return load_adain(None, decoder=path, emit=ignore)


METHOD = AdainMethod()
