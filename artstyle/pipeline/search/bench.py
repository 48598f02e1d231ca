"""Two models, the people, and what measures a swap of them: all that one measurement needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artstyle.events import Emit, Note, ignore
from artstyle.pipeline.evaluate.features import cache_folder, features_of
from artstyle.pipeline.search import likeness as likenesses
from artstyle.pipeline.search import style_space
from artstyle.pipeline.search.front import Point
from artstyle.pipeline.search.likeness import Colouring, LikenessJudge, choose_descriptor
from artstyle.pipeline.search.mixer import Mixer, Picture
from artstyle.pipeline.search.photos import COUNT, People, find_people
from artstyle.pipeline.search.reference import own_pictures, style_pictures
from artstyle.pipeline.search.style import StyleJudge
from artstyle.pipeline.search.style_space import choose_style_space
from artstyle.pipeline.search.walk import Shares
from artstyle.pipeline.tuning_steps import KEPT
from stylegan_ext.checkpoint import read_model
from stylegan_ext.drift import are_kin, drift

if TYPE_CHECKING:
    from artstyle.pipeline.generate.models import Model

HARDLY = (
    0.8  # a style's distance to its own pictures, in the base's: it has learned little; a guess
)
_DIGITS = 5  # of figures: finer is noise


@dataclass(frozen=True)
class Looks:
    """What is looked at, and through what."""

    photos: Path | None = None  # projections, or aligned faces; None: the base's own samples
    count: int = COUNT  # people at most
    style_pictures: Path | None = None  # None: the dataset that the style's header names
    likeness: likenesses.Choice = "auto"
    style_space: style_space.Choice = "auto"
    device: str = "cpu"


class Bench:
    """Measures swaps of two models.

    Args:
        models: the base and its descendant.
        workspace: where encoder, perception network and dataset are looked for.
        looks: what is looked at.
        folder: where projections are kept, for searches of the base's other styles too.
        emit: told what is taken instead of what, and of progress.

    Raises:
        UsageError: too few people, or they belong to another base.
        MeasureError: the style cannot be told from the base.
        EngineError: the two cannot be blended, or a file cannot be read.
    """

    def __init__(
        self,
        models: Sequence[Model],
        workspace: Path,
        looks: Looks,
        folder: Path,
        emit: Emit = ignore,
    ) -> None:
        base, style = models
        files = [read_model(model.path) for model in models]
        self.mixer = Mixer(files[0], files[1], looks.device)
        self.is_kin = are_kin(drift(*(file.generator() for file in files)))
        for remark in self.mixer.remarks:
            emit(Note(remark))
        if not self.is_kin:
            text = f"{style.name} does not look like a descendant of {base.name}"
            emit(Note(f"{text}: expect no usable pictures", "warning"))
        self.people: People = find_people(
            looks.photos,
            base.path,
            workspace=workspace,
            kept=folder / "people.safetensors",
            count=looks.count,
            device=looks.device,
            emit=emit,
        )
        descriptors = (choose_descriptor(looks.likeness, emit=emit), Colouring())
        space = choose_style_space(looks.style_space, workspace, device=looks.device, emit=emit)
        own = own_pictures(style, self.mixer.resolution, looks.device)
        theirs = style_pictures(
            looks.style_pictures, style, self.mixer.resolution, workspace, emit=emit
        )
        self._reference = theirs or own
        self.identity: Mapping[str, Any] = {
            "base": base.sha256,
            "style": style.sha256,
            "people": self.people.identity,
            "kept": KEPT if self.people.changes else None,
            "likeness": [one.identity for one in descriptors],
            "style_space": space.identity,
            "style_pictures": self._reference.identity,
        }
        self._descriptors, self._space, self._own, self._emit = descriptors, space, own, emit
        self._judges: tuple[LikenessJudge, StyleJudge] | None = None

    def measure(self, shares: Shares) -> Point:
        """The figures of a swap, with their intervals."""
        likeness_judge, style_judge = self.judges()
        pictures = self.draw(shares)
        likeness, style = likeness_judge(pictures), style_judge(pictures)
        return Point(
            shares=shares,
            style=round(style.value, _DIGITS),
            likeness=round(likeness.value, _DIGITS),
            measured=likeness.as_json() | style.as_json(),
        )

    def draw(self, shares: Shares) -> list[Picture]:
        """The people under a swap, HWC uint8."""
        return self.mixer.draw(shares, self.people.ws, self.people.changes)

    def judges(self) -> tuple[LikenessJudge, StyleJudge]:
        """What measures; made at the first need, since it takes some seconds."""
        if self._judges is None:
            plain = self.draw(tuple(0.0 for _ in self.mixer.levels))
            cache = cache_folder()
            rows = [
                features_of(pictures, self._space, cache=cache, emit=self._emit)
                for pictures in (self._reference, self._own)
            ]
            style = StyleJudge(self._space, rows[0], self._space(plain), rows[1])
            self._judges = LikenessJudge(self._descriptors, plain), style
            if style.of_style > HARDLY * style.of_base:
                text = "what the style's model draws is hardly nearer to the style's pictures than"
                text += f" the base's are (distance {style.of_style:.2f} and {style.of_base:.2f})"
                self._emit(Note(f"{text}: search again when it has been trained longer", "warning"))
        return self._judges

    def facts(self) -> dict[str, Any]:
        """With what is measured, for the record."""
        likeness, style = self.judges()
        pictures = f"{len(self._reference)} of {self._reference.name}"
        return {
            **likeness.facts(),
            **style.facts(),
            "style_pictures": pictures,
            "people": self.people.how,
        }
