"""A style's own pictures: the dataset it was trained on, where that is still to be found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import stylegan_ext
from artstyle.events import Emit, Note, ignore
from artstyle.files import sha256_of
from artstyle.images import resize_lanczos
from artstyle.names import shown
from artstyle.pipeline.evaluate.pictures import DrawnPictures, Pictures, open_pictures
from artstyle.pipeline.search.photos import spread
from artstyle.workspace import Workspace, is_workspace
from stylegan_ext.header import read_header

if TYPE_CHECKING:
    from artstyle.metrics.space import Picture
    from artstyle.pipeline.generate.models import Model

MOST = 1000  # pictures of the style that are looked at; a guess: more hardly move the figures
OWN = 200  # pictures that the style's model draws, to know where it stands itself; a guess


@dataclass(frozen=True, eq=False)
class Shrunk:
    """Some of a set's pictures from all over, at one size; see `evaluate.pictures.Pictures`."""

    whole: Pictures
    size_px: int
    most: int = MOST

    @property
    def name(self) -> str:
        """The set's name."""
        return self.whole.name

    def __len__(self) -> int:
        return min(len(self.whole), self.most)

    @property
    def identity(self) -> str:
        """See `Pictures`."""
        return f"{len(self)} of {len(self.whole)} at {self.size_px} px: {self.whole.identity}"

    def read(self, begin: int, end: int) -> list[Picture]:
        """See `Pictures`."""
        numbers = spread(len(self.whole), self.most)[begin:end]
        return [self._sized(self.whole.read(number, number + 1)[0]) for number in numbers]

    def _sized(self, picture: Picture) -> Picture:
        if picture.shape[:2] == (self.size_px, self.size_px):
            return picture
        return resize_lanczos(picture, self.size_px, self.size_px)


def own_pictures(style: Model, size_px: int, device: str = "cpu") -> Shrunk:
    """What a style's model draws: seeds 0 to 199, not truncated, with its own mapping network."""
    generator = stylegan_ext.load(style.path, style.network, device=device)
    drawn = DrawnPictures(f"samples of {style.name}", generator, style.sha256, OWN)
    return Shrunk(drawn, size_px)


def style_pictures(
    given: Path | None, style: Model, size_px: int, workspace: Path, *, emit: Emit = ignore
) -> Shrunk | None:
    """The pictures that a style is: those given, else the dataset that its header names.

    Args:
        given: a dataset or a folder of pictures; None: look for the one it was trained on.
        style: the style's model.
        size_px: they are brought to.
        workspace: where it is looked for, by its digest.
        emit: told when there is none.

    Returns:
        None: it is not here, so the model's own pictures have to do.

    Raises:
        CorpusError: there are no pictures at the place that was given.
    """
    if given is not None:
        return Shrunk(open_pictures(given, emit=emit), size_px)
    notes = read_header(style.path).provenance.notes
    name, digest = notes.get("dataset"), notes.get("dataset_sha256")
    if isinstance(name, str) and isinstance(digest, str):
        for path in _places(name, digest, workspace):
            if path.is_file() and sha256_of(path) == digest:
                return Shrunk(open_pictures(path, emit=emit), size_px)
    called = f" ({shown(name)})" if isinstance(name, str) else ""
    emit(
        Note(
            f"the pictures {style.name} was trained on{called} are not here: what it draws itself"
            " stands for its style (--style-pictures names them)"
        )
    )
    return None


def _places(name: str, digest: str, workspace: Path) -> list[Path]:
    """Where a dataset zip may lie: where the catalog saw it, and where builds go."""
    room = Workspace(workspace)
    places: list[Path] = []
    if is_workspace(workspace) and room.catalog.is_file():
        from artstyle.catalog import open_catalog

        query = "SELECT path FROM build WHERE sha256 = ? ORDER BY id DESC"
        with open_catalog(workspace) as catalog:
            places += [catalog.absolute(row[0]) for row in catalog.rows(query, digest)]
    return [*places, *sorted(room.datasets.glob(f"*/zips/{Path(name).name}"))]
