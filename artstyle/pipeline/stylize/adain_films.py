"""Films by AdaIN, with colours that stay: statistics follow what is seen slowly, shot by shot."""

from __future__ import annotations

from pathlib import Path

from artstyle.baselines.adain.statistics import Statistics
from artstyle.errors import UsageError
from artstyle.events import Emit
from artstyle.names import shown
from artstyle.pipeline.stylize.adain import (
    METHOD,
    AdainSettings,
    Blend,
    Painting,
    draw_pixels,
    facts_of,
    identity_of,
    style_beside,
)
from artstyle.pipeline.stylize.adain_model import AdainModel, Pixels
from artstyle.pipeline.stylize.common import Stylized, finished
from artstyle.pipeline.stylize.contents import Content
from artstyle.pipeline.stylize.film_results import (
    read_film,
    require_record_place,
    write_film_record,
)
from artstyle.pipeline.stylize.films import stylize_film

# How much of the statistics of the frames before stays with each frame: at 25 frames a second they
# follow within half a second. A guess, looked at.
KEEP = 0.9


class ShotMemory:
    """What a shot's frames have in common: the photo's statistics, and the paintings'.

    Args:
        blend: in what the film is drawn.
        settings: how.
        model: with what.
        keep: how much of the statistics before stays with each frame.
    """

    def __init__(
        self, blend: Blend, settings: AdainSettings, model: AdainModel, keep: float = KEEP
    ) -> None:
        self.blend, self.settings, self.model, self.keep = blend, settings, model, keep
        self._content: Statistics | None = None
        self._styles: dict[str, Statistics] = {}

    def forget(self) -> None:
        """A new shot begins."""
        self._content = None
        self._styles.clear()

    def settle(self, found: Statistics) -> Statistics:
        """The statistics to reckon with: those of the shot so far, moved towards what is seen."""
        before = self._content
        if before is not None:
            found = Statistics(
                before.mean.lerp(found.mean, 1 - self.keep),
                before.std.lerp(found.std, 1 - self.keep),
            )
        self._content = found
        return found

    def draw(self, frame: Pixels) -> Pixels:
        """A frame, HWC uint8, RGB, to the same size."""

        def style_of(painting: Painting) -> Statistics:
            if painting.name not in self._styles:  # beside the shot's first frame
                self._styles[painting.name] = style_beside(
                    painting, frame, self.settings, self.model
                )
            return self._styles[painting.name]

        return draw_pixels(
            frame, self.blend, self.settings, self.model, style_of=style_of, settle=self.settle
        )


def draw_film(
    content: Content, blend: Blend, settings: AdainSettings, model: AdainModel, emit: Emit
) -> Stylized:
    """Draw a film and write its record, or find it finished.

    Raises:
        VideoError: it cannot be read or written.
        UsageError: masks were given, which belong to pictures.
    """
    if blend.masks:
        raise UsageError(f"{shown(content.path)} is a film, and masks are for pictures")
    film = read_film(content.path)
    identity = {**identity_of(film.sha256, blend, settings, model), "keep": KEEP}
    done = finished(content.out, identity)
    if done is not None:
        return done
    require_record_place(content.out)
    memory = ShotMemory(blend, settings, model)
    filmed = stylize_film(
        content.path,
        Path(content.out),
        memory.draw,
        size_px=settings.size_px,
        on_shot=memory.forget,
        emit=emit,
    )
    inputs = [film.facts(), *(one.facts() for one in blend.pictures)]
    facts = facts_of(blend, settings, model) | {"seconds": round(filmed.seconds, 3)}
    return write_film_record(filmed, method=METHOD, identity=identity, inputs=inputs, facts=facts)
