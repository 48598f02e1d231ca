"""Which detector is taken for a style, and how threads get at it.

`auto` is decided once for a style and a kind of source, on a sample; the catalog keeps the choice
and its reason with the scans, so that later runs, and films that are added later, are searched in
the same way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from artstyle.catalog import Catalog, SourceKind
from artstyle.catalog.json import Json
from artstyle.errors import UsageError
from artstyle.events import Emit, Note
from artstyle.faces.apart import Apart
from artstyle.faces.auto import CANDIDATES, choose_detector
from artstyle.faces.detector import Detector, Pixels, detectors, make_detector
from artstyle.pipeline.extract.settings import Settings

SAMPLE = 24  # pictures that auto tries the detectors on; a guess
# Networks of torch and dlib use all processors for one picture, and need the memory once.
_ONE_AT_A_TIME = ("anime", "dlib-cnn")
_HOLD_THE_LOCK = ("dlib",)  # Python's, while they search: they get processes of their own

# Films have ten thousands of frames and faces in the middle distance: sizes at which a second of
# film takes well below a second (docs/decisions/0010-extraction.md has the figures). dlib scores
# a clear face 1 and more; what it takes for one by mistake lay near 0.1 in the photos looked at.
_SURE = {"threshold": 0.2}
OPTIONS: Mapping[SourceKind, Mapping[str, Mapping[str, Any]]] = {
    "film": {
        "yunet": {"sizes_px": (640, 320)},
        "dlib": {"longest_px": 480, "upsample": 1, "grey": True, **_SURE},
        "dlib-cnn": _SURE,
    },
    "image": {"dlib": _SURE, "dlib-cnn": _SURE},
    "sprite": {"dlib": _SURE, "dlib-cnn": _SURE},
}

Sample = Callable[[], Sequence[Pixels]]


@dataclass
class Finder:
    """A detector that was chosen; each thread gets its own instance.

    Args:
        name: of the detector; "layout:NAME" for a layout.
        reason: why it was taken, in words.
        asked: what was asked for, e.g. "auto".
        options: of the detector.
    """

    name: str
    reason: str
    asked: str
    options: Mapping[str, Any] = field(default_factory=dict)
    _mine: threading.local = field(default_factory=threading.local, init=False, repr=False)
    _apart: list[Apart] = field(default_factory=list, init=False, repr=False)

    def get(self) -> Detector:
        """This thread's detector."""
        found: Detector | None = getattr(self._mine, "detector", None)
        if found is None:
            found = self._mine.detector = self._made()
        return found

    def _made(self) -> Detector:
        if self.name not in _HOLD_THE_LOCK:
            return make_detector(self.name, **self.options)
        made = Apart(self.name, **self.options)
        self._apart.append(made)
        return made

    def close(self) -> None:
        """End the processes that were started for it."""
        while self._apart:
            self._apart.pop().close()

    def notes(self) -> Json:
        """What the catalog keeps of the choice."""
        return {"asked": self.asked, "reason": self.reason}

    def workers(self, most: int) -> int:
        """How many threads are of use."""
        return 1 if self.name.startswith(_ONE_AT_A_TIME) else most


def find_finder(
    settings: Settings,
    kind: SourceKind,
    sample: Sample,
    *,
    catalog: Catalog,
    style: str,
    emit: Emit,
) -> Finder:
    """The detector that is asked for, that was chosen before, or that a sample speaks for.

    Args:
        settings: say which; `auto` leaves it to the sample.
        kind: of the sources.
        sample: gives HWC uint8 RGB pictures; called only if they are needed.
        catalog: remembers what was chosen.
        style: for which.
        emit: hears what was chosen and why.

    Raises:
        WeightsError: it is not here; the hint says how to get it.
        UsageError: there is no such detector or layout.
    """
    options = OPTIONS[kind]
    if settings.detector != "auto":
        name = settings.detector
        name = f"layout:{settings.layout}" if name == "layout" and settings.layout else name
        finder = Finder(name, f"{name}: as was asked for", settings.detector, options.get(name, {}))
        make_detector(name, **finder.options)  # fails here, before any work
        return finder
    there = {one.name for one in detectors() if one.available}
    name, reason = _remembered(catalog, style, kind)
    if name in there:
        emit(Note(f"detector {name}, as chosen before for {style} ({reason})"))
        return Finder(name, reason, "auto", options.get(name, {}))
    name, reason = _chosen(sample(), there, emit)
    emit(Note(f"detector {reason}"))
    return Finder(name, reason, "auto", options.get(name, {}))


def _remembered(catalog: Catalog, style: str, kind: SourceKind) -> tuple[str, str]:
    rows = catalog.rows(
        "SELECT value ->> '$.detector', notes ->> '$.reason' FROM scan"
        " JOIN setting ON setting.sha256 = scan.settings_sha256"
        " WHERE style = ? AND value ->> '$.kind' = ? AND notes ->> '$.asked' = 'auto'"
        " ORDER BY scan.at DESC, setting.sha256 LIMIT 1",
        *(style, kind),
    )
    return (str(rows[0][0]), str(rows[0][1])) if rows else ("", "")


def _chosen(sample: Sequence[Pixels], there: set[str], emit: Emit) -> tuple[str, str]:
    """Name and reason."""
    first = next((name for name in CANDIDATES if name in there), CANDIDATES[0])
    if not sample:
        return first, f"{first}: there was nothing to try it on"
    try:
        choice = choose_detector(sample, emit=emit)
    except UsageError:
        return first, (
            f"{first}: none of the detectors that are here found a face in a sample of"
            f" {len(sample)} pictures"
        )
    for lacking in choice.lacking:
        emit(Note(f"not tried, because it is not here: {lacking}", "debug"))
    return choice.trials[0].name, choice.reason
