"""What an extraction did, as figures and as words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from artstyle.names import shown

_NAMED = 20  # of the files that were skipped, in words; all of them are in the figures


@dataclass(frozen=True)
class Skipped:
    """A file that gave nothing."""

    path: Path
    reason: str


@dataclass
class Summary:
    """What was looked at and what came out, in this run; see `crops_in_style` for all runs."""

    style: str = ""
    sources: int = 0  # films, pictures, sheets that were given
    done_before: int = 0  # of them, finished by an earlier run
    same_content: int = 0  # of them, files that hold what another one holds
    frames: int = 0  # looked at; a picture is one
    faces: int = 0  # found, large enough
    too_small: int = 0  # found, and left out for their size
    unusable: int = 0  # found, with points that cannot be aligned
    appearances: int = 0  # one face through one shot
    crops: int = 0
    enlarged: int = 0  # of the crops, by more than the limit
    without_face: int = 0  # pictures and films that were read whole and showed none
    crops_in_style: int = 0  # of all runs and sources, dropped ones too
    seconds: float = 0.0
    film_s: float = 0.0  # length of what was read of films in this run
    detectors: dict[str, str] = field(default_factory=dict)  # name -> why it was chosen
    skipped: list[Skipped] = field(default_factory=list)
    faults: list[Skipped] = field(default_factory=list)  # read in part: what was wrong
    made: list[str] = field(default_factory=list)  # folders and recipes that were not there

    def skip(self, path: Path, reason: object) -> None:
        """Count a file that gave nothing."""
        self.skipped.append(Skipped(path, _short(path, str(reason))))

    def add(self, other: Summary) -> None:
        """Add what another extraction for the same style did."""
        for name, value in vars(other).items():
            mine = getattr(self, name)
            if name in ("style", "crops_in_style"):
                setattr(self, name, value or mine)
            elif isinstance(mine, dict):
                mine.update(value)
            elif isinstance(mine, list):
                mine.extend(value)
            else:
                setattr(self, name, mine + value)

    def words(self) -> str:
        """The summary for people."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"style {self.style}: {self.crops:,} new crops, {self.crops_in_style:,} in all"
        known = f", {self.done_before:,} done before" if self.done_before else ""
        same = f", {self.same_content:,} with the content of another" if self.same_content else ""
        yield f"  sources: {self.sources:,}{known}{same}"
        if self.frames:
            yield (
                f"  frames looked at: {self.frames:,}; faces: {self.faces:,} in"
                f" {self.appearances:,} appearances; too small: {self.too_small:,}; not to be"
                f" aligned: {self.unusable:,}; files without a face: {self.without_face:,}"
            )
        if self.enlarged:
            yield f"  enlarged beyond the limit: {self.enlarged:,} (marked, see upscale_factor)"
        if self.film_s and self.seconds:
            yield f"  {self.film_s:.0f} s of film in {self.seconds:.0f} s"
        for reason in self.detectors.values():
            yield f"  detector {reason}"
        for title, some in (("skipped", self.skipped), ("read in part", self.faults)):
            yield from _listed(title, some)
        for one in self.made:
            yield f"  made {one}"


def _listed(title: str, some: list[Skipped]) -> Iterator[str]:
    if some:
        yield f"  {title}: {len(some):,}"
    for one in some[:_NAMED]:
        yield f"    {shown(one.path)}: {one.reason}"
    if len(some) > _NAMED:
        yield f"    and {len(some) - _NAMED:,} more; --json names all"


def _short(path: Path, reason: str) -> str:
    """A reason without the name of the file, which stands before it already."""
    return reason.removeprefix(f"cannot read {shown(path)}: ")
