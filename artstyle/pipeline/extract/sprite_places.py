"""Where the heads of sprites lie: at one place in all of them, or wherever a detector finds them.

Asked for nothing in particular, a template is looked for: a detector searches a sample, and if the
faces that it sees lie at one place, the medians of their points serve for all sprites. If they do
not, each sprite is searched. If hardly any face is seen, sprites are taken for heads that fill
their cell. What was decided is kept with the scans, so that sprites that are added later are cut
in the same way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from artstyle.catalog import Catalog
from artstyle.catalog.json import Json
from artstyle.errors import UsageError
from artstyle.events import Emit, Note
from artstyle.faces.detector import Pixels, detectors, make_detector
from artstyle.faces.layout import LAYOUTS, Layout
from artstyle.faces.template import Template, find_template, layout_of_points
from artstyle.pipeline.extract.choice import Finder
from artstyle.pipeline.extract.settings import Settings

DEFAULT_LAYOUT = "head"
_SEEKERS = ("yunet", "dlib")  # detectors that look for a template, the first that is here
# The least share of sprites with a face for which each of them is searched; a guess.
_LEAST_FOUND = 0.5

Sample = Callable[[], Iterable[Pixels]]


@dataclass(frozen=True)
class Places:
    """How the heads of sprites are found."""

    finder: Finder
    layout: Layout | None  # None: a detector searches each sprite

    @property
    def name(self) -> str:
        """Of the detector."""
        return self.finder.name

    @property
    def reason(self) -> str:
        """Why, for people."""
        return self.finder.reason

    @property
    def is_layout(self) -> bool:
        """Whether all sprites are cut by one template."""
        return self.layout is not None

    def workers(self, most: int) -> int:
        """How many threads are of use."""
        return self.finder.workers(most)

    def notes(self) -> Json:
        """What the catalog keeps of the choice."""
        return self.finder.notes()

    def fingerprint(self, settings: Settings) -> dict[str, Any]:
        """What makes a difference to the crops, beside the settings of all kinds."""
        sprites = asdict(settings.sprites)
        sprites["keys"] = list(sprites["keys"])
        del sprites["points"]  # they are in the layout
        layout = None if self.layout is None else _table(self.layout)
        return {"sprites": sprites, "layout": layout}


def find_places(
    settings: Settings, sample: Sample, *, catalog: Catalog, style: str, emit: Emit
) -> Places:
    """The way that is asked for, that was chosen before, or that a sample speaks for.

    Args:
        settings: say which; detector `auto` leaves it to the sample.
        sample: gives sprites, HWC uint8 RGB; called only if they are needed.
        catalog: remembers what was chosen.
        style: for which.
        emit: hears what was chosen and why.

    Raises:
        UsageError: there is no such detector or layout, or the points are no face.
        WeightsError: the detector that was asked for is not here.
    """
    if settings.sprites.points:
        layout = layout_of_points(settings.sprites.points)
        return _by_layout(layout, "the points of the recipe", settings.detector)
    if settings.detector == "layout":
        make_detector(f"layout:{settings.layout}")  # fails here, with the names there are
        return _by_layout(LAYOUTS[settings.layout], "as was asked for", "layout")
    if settings.detector != "auto":
        make_detector(settings.detector)
        said = f"{settings.detector}: as was asked for"
        return Places(Finder(settings.detector, said, settings.detector), None)
    places = _remembered(catalog, style)
    if places is None:
        places = _chosen(sample())
    emit(Note(f"detector {places.reason}"))
    return places


def _by_layout(layout: Layout, reason: str, asked: str) -> Places:
    name = f"layout:{layout.name}"
    finder = Finder("layout", f"{name}: {reason}", asked, {"layout": layout})
    return Places(finder, layout)


def _chosen(sample: Iterable[Pixels]) -> Places:
    """What a sample speaks for."""
    there = {one.name: one for one in detectors()}
    name = next((one for one in _SEEKERS if there[one].available), None)
    if name is None:
        return _default(f"no detector is here to look for faces ({there[_SEEKERS[0]].remedy})")
    template = find_template(sample, make_detector(name))
    if template is None:
        return _default(f"{name} found no face")
    if template.holds:
        return _by_layout(template.layout, f"{template}, which serve for all", "auto")
    if template.faces < _LEAST_FOUND * template.pictures:
        return _default(str(template))
    reason = f"{name}: faces lie at different places: {template}"
    return Places(Finder(name, reason, "auto"), None)


def _default(why: str) -> Places:
    said = f"{why}; heads are taken to fill their sprites"
    return _by_layout(LAYOUTS[DEFAULT_LAYOUT], said, "auto")


def _remembered(catalog: Catalog, style: str) -> Places | None:
    """What was chosen for earlier sprites of this style."""
    rows = catalog.rows(
        "SELECT value, notes FROM scan JOIN setting ON setting.sha256 = scan.settings_sha256"
        " WHERE style = ? AND value ->> '$.kind' = 'sprite' AND notes ->> '$.asked' = 'auto'"
        " ORDER BY scan.at DESC, setting.sha256 LIMIT 1",
        style,
    )
    if not rows:
        return None
    value, notes = (json.loads(text) for text in rows[0])
    if value["layout"] is not None:
        reason = str(notes["reason"]).partition(": ")[2]
        return _by_layout(_layout(value["layout"]), reason, "auto")
    there = {one.name for one in detectors() if one.available}
    if value["detector"] not in there:
        return None
    return Places(Finder(value["detector"], notes["reason"], "auto"), None)


def _table(layout: Layout) -> dict[str, Any]:
    """A layout as JSON."""
    points = [list(point) for point in layout.points]
    return {"name": layout.name, "box": list(layout.box), "points": points, "of": layout.of}


def _layout(table: Mapping[str, Any]) -> Layout:
    """A layout from JSON.

    Raises:
        UsageError: it is none.
    """
    try:
        x0, y0, x1, y1 = table["box"]
        points = tuple((float(x), float(y)) for x, y in table["points"])
        return Layout(str(table["name"]), (x0, y0, x1, y1), points, table["of"])
    except (KeyError, TypeError, ValueError) as fault:
        raise UsageError(f"the catalog holds {table!r}, which is no layout") from fault


__all__ = ["DEFAULT_LAYOUT", "Places", "Template", "find_places"]
