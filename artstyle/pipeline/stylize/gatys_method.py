"""Gatys' transfer as one of the classic methods; see `baselines`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from artstyle.baselines.gatys.draw import Inputs, Style
from artstyle.baselines.gatys.scales import check_size, fitted
from artstyle.baselines.gatys.settings import GatysSettings, deviations
from artstyle.errors import UsageError
from artstyle.events import Emit, Note, ignore
from artstyle.pipeline.stylize.baselines import (
    Pixels,
    StyleChoice,
    painting_identity,
    painting_of,
    shipped_paintings,
)
from artstyle.pipeline.stylize.faces import find_faces
from artstyle.pipeline.stylize.gatys import Seeing, draw_pixels


class GatysMethod:
    """The defaults of `artstyle stylize gatys`, with faces held where there are any.

    Args:
        settings: how; their size is not looked at.
        seeing: which network looks.
        preserve_face: hold faces; a photo without one is drawn all the same, and told.
    """

    def __init__(
        self,
        settings: GatysSettings | None = None,
        seeing: Seeing | None = None,
        *,
        preserve_face: bool = True,
    ) -> None:
        self._settings = settings or GatysSettings()
        self._seeing = seeing or Seeing()
        self._preserve_face = preserve_face

    def shipped_styles(self) -> Sequence[str]:
        """See `Method`."""
        return shipped_paintings()

    def identity(self, style: StyleChoice) -> Mapping[str, Any]:
        """See `Method`."""
        network = self._seeing.network(None, self._settings.seed, ignore)
        settings = asdict(self._settings.settled(network.name))
        return {
            **painting_identity(style),
            "perception": network.name,
            "seen_with": self._seeing.facts(network),
            "settings": {key: value for key, value in settings.items() if key != "size_px"},
            "preserve_face": self._preserve_face,
        }

    def draw(
        self, content: Pixels, style: StyleChoice, size_px: int, emit: Emit
    ) -> tuple[Pixels, Mapping[str, Any]]:
        """See `Method`."""
        network = self._seeing.network(None, self._settings.seed, ignore)
        settings = replace(self._settings, size_px=size_px).settled(network.name)
        size = check_size(fitted(content.shape[:2], size_px), "the picture")
        faces = None
        if self._preserve_face:
            try:
                faces = find_faces(content)
            except UsageError:
                emit(Note("no face was found in the photo: nothing of it is held more", "debug"))
        inputs = Inputs(
            size,
            content,
            (Style(painting_of(style)),),
            faces=None if faces is None else faces.mask(size),
        )
        pixels, drawing = draw_pixels(
            network, inputs, settings, device=self._seeing.device, emit=emit
        )
        last = drawing.scales[-1]
        facts: dict[str, Any] = {
            "losses": last.losses,
            "evaluations": sum(scale.evaluations for scale in drawing.scales),
            "deviations": deviations(settings, network.name, kept_colour=None),
        }
        return pixels, facts | ({} if faces is None else {"faces": faces.kept(pixels)})


METHOD = GatysMethod()
