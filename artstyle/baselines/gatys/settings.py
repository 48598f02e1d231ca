"""What can be chosen about a transfer, and where it leaves the paper."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from artstyle.baselines.optim import Search
from artstyle.errors import UsageError

Start: TypeAlias = Literal["content", "noise", "picture"]
Losses: TypeAlias = Literal["relative", "paper"]

# Gatys et al. 2016, section 3 and figure 3: content conv4_2; style conv1_1 to conv5_1, each 1/5.
CONTENT_LAYERS: Mapping[str, float] = {"conv4_2": 1.0}
STYLE_LAYERS: Mapping[str, float] = {
    **{"conv1_1": 0.2, "conv2_1": 0.2, "conv3_1": 0.2},
    **{"conv4_1": 0.2, "conv5_1": 0.2},
}
# Layers that hold a face where it shall stay: finer than the content's, so that eyes and mouth are
# kept as well as the head. A guess, looked at on portraits.
FACE_LAYERS: Mapping[str, float] = {"conv2_2": 0.5, "conv3_2": 0.5}
# Style over content. "paper": 1 / alpha:beta of 1e-3 (Gatys et al. 2016, section 3). "relative":
# looked at on portraits and photos, see docs/baselines.md.
STYLE_WEIGHTS: Mapping[Losses, float] = {"relative": 20.0, "paper": 1e3}
_LAYER = re.compile(r"(conv|relu)[1-5]_[1-4]")


@dataclass(frozen=True)
class GatysSettings:
    """How a picture is made; the defaults are those of the command."""

    size_px: int = 512  # the longer side
    content_layers: Mapping[str, float] = field(default_factory=lambda: dict(CONTENT_LAYERS))
    style_layers: Mapping[str, float] = field(default_factory=lambda: dict(STYLE_LAYERS))
    content_weight: float = 1.0
    style_weight: float | None = None  # None: see STYLE_WEIGHTS
    tv_weight: float = 0.0  # of the mean squared difference of neighbours
    losses: Losses = "relative"
    face_weight: float = 5.0  # content inside faces, beside outside; used where faces are given
    start: Start = "content"
    style_scale: float = 1.0  # of the style picture beside the drawn one, in length
    coarsest_px: int = 128  # the longer side at the first scale
    scale_step: float = 2.0**0.5  # from scale to scale
    steps: int = 10  # at each scale but the first
    first_steps: int = 20  # at the first
    search: Search = field(default_factory=Search)
    seed: int = 0
    tile_px: int | None = None  # side of a tile; None: the whole picture at once where it fits

    @property
    def weight_of_style(self) -> float:
        """The style weight that is meant."""
        return STYLE_WEIGHTS[self.losses] if self.style_weight is None else self.style_weight


def parse_layers(text: str) -> dict[str, float]:
    """Layers and their weights.

    Args:
        text: such as "conv4_2" or "conv1_1=1,conv2_1=0.5"; a bare name weighs one share of 1.

    Raises:
        UsageError: a name that no perception network has, or a weight that is none.
    """
    found: dict[str, float] = {}
    parts = [part.strip() for part in text.split(",") if part.strip()]
    for part in parts:
        name, equals, number = part.partition("=")
        if not _LAYER.fullmatch(name) or name in found:
            raise UsageError(
                f"{part!r:.60} names no layer, or one twice", hint="write it like conv4_2=1"
            )
        try:
            weight = float(number) if equals else 1 / len(parts)
        except ValueError:
            weight = -1.0
        if not 0 < weight < float("inf"):
            raise UsageError(f"{part!r:.60} has no weight above 0", hint="write it like conv4_2=1")
        found[name] = weight
    if not found:
        raise UsageError("no layer was named", hint="write it like conv1_1,conv2_1")
    return found


def deviations(settings: GatysSettings, perception: str, *, kept_colour: str | None) -> list[str]:
    """Where a transfer with these settings is not Gatys et al. 2016, in sentences."""
    found = []
    if not perception.lower().startswith("vgg19"):
        found.append(f"features are those of {perception}, not of VGG19")
    if settings.losses == "relative":
        found.append(
            "losses are relative: content per variance of the photo's features, style per squared"
            " norm of the painting's Gram matrix (the paper's: sums of squares, 1/(4 N^2 M^2))"
        )
    if settings.search.method != "lbfgs":
        found.append("Adam instead of L-BFGS")
    if settings.search.decay:
        found.append(
            f"what is drawn is the average of the iterates (decay {settings.search.decay})"
        )
    if settings.coarsest_px < settings.size_px:
        found.append(
            f"coarse to fine from {settings.coarsest_px} px on; the paper optimises at one size"
        )
    if settings.style_scale != 1:
        found.append(f"the painting is scaled to {settings.style_scale:g} of the picture's size")
    if settings.tv_weight:
        found.append(f"total variation is penalised with {settings.tv_weight:g}")
    if dict(settings.content_layers) != dict(CONTENT_LAYERS):
        found.append(f"content layers {', '.join(settings.content_layers)}, not conv4_2")
    if dict(settings.style_layers) != dict(STYLE_LAYERS):
        found.append(f"style layers {', '.join(settings.style_layers)}")
    found.append("values beyond the range of a picture are penalised; the paper leaves them free")
    if kept_colour:
        found.append(f"colours kept by {kept_colour} (Gatys et al. 2017)")
    return found
