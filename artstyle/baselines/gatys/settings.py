"""What can be chosen about a transfer, and where it leaves the paper."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
# Style over content: with the paper's losses 1 / alpha:beta of 1e-3 (Gatys et al. 2016, section 3).
# With relative ones in VGG a guess, since its weights were not at hand where this was written.
STYLE_WEIGHTS: Mapping[Losses, float] = {"relative": 10.0, "paper": 1e3}
# What suits the small network that ships, and random filters of its shape; looked at on the
# astronaut in the Starry Night, see docs/baselines.md. Its deep layers know things less well than
# VGG's: they get less of the style, and conv3_2 helps to hold the content.
SMALL_CONTENT: Mapping[str, float] = {"conv3_2": 0.5, "conv4_2": 0.5}
SMALL_STYLE: Mapping[str, float] = {
    **{"conv1_1": 0.35, "conv2_1": 0.3, "conv3_1": 0.2},
    **{"conv4_1": 0.1, "conv5_1": 0.05},
}
SMALL_TV = 1.0
_LAYER = re.compile(r"(conv|relu)[1-5]_[1-4]")


@dataclass(frozen=True)
class GatysSettings:
    """How a picture is made; the defaults are those of the command.

    None stands for what suits the network that looks; `settled` fills it in.
    """

    size_px: int = 512  # the longer side
    content_layers: Mapping[str, float] | None = None  # layer -> weight
    style_layers: Mapping[str, float] | None = None
    content_weight: float = 1.0
    style_weight: float | None = None
    tv_weight: float | None = None  # of the mean squared difference of neighbours
    losses: Losses = "relative"
    # Of the layers that hold faces, and of more content inside them. By eye on the astronaut: with
    # 1 the face looked like a photo glued in, with 0.15 it has strokes and is the same person.
    face_weight: float = 0.3
    start: Start = "content"
    style_scale: float = 1.0  # of the style picture beside the drawn one, in length
    coarsest_px: int = 128  # the longer side at the first scale
    scale_step: float = 2.0**0.5  # from scale to scale
    steps: int = 10  # at each scale but the first
    first_steps: int = 20  # at the first
    search: Search = field(default_factory=Search)
    seed: int = 0
    smoothness: float = 1.0  # power of the frequency by which detail gets dear; 0: not at all
    tile_px: int | None = None  # side of a tile; None: the whole picture at once where it fits

    @property
    def contents(self) -> Mapping[str, float]:
        """The content layers that are meant; the paper's where none were named."""
        return CONTENT_LAYERS if self.content_layers is None else self.content_layers

    @property
    def styles(self) -> Mapping[str, float]:
        """The style layers that are meant; the paper's where none were named."""
        return STYLE_LAYERS if self.style_layers is None else self.style_layers

    @property
    def weight_of_style(self) -> float:
        """The style weight that is meant."""
        return STYLE_WEIGHTS[self.losses] if self.style_weight is None else self.style_weight

    @property
    def weight_of_tv(self) -> float:
        """The weight of the total variation that is meant."""
        return self.tv_weight or 0.0

    def settled(self, network: str) -> GatysSettings:
        """These settings with nothing left open.

        Args:
            network: the name of what looks. VGG gets the paper's layers; any other network those
                that suit small ones, unless losses are the paper's.
        """
        like_vgg = network.lower().startswith("vgg") or self.losses == "paper"
        usual = (CONTENT_LAYERS, STYLE_LAYERS, 0.0)
        content, style, tv = usual if like_vgg else (SMALL_CONTENT, SMALL_STYLE, SMALL_TV)
        return replace(
            self,
            content_layers=dict(content if self.content_layers is None else self.content_layers),
            style_layers=dict(style if self.style_layers is None else self.style_layers),
            style_weight=self.weight_of_style,
            tv_weight=tv if self.tv_weight is None else self.tv_weight,
        )


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
    if settings.smoothness:
        found.append(
            "the search goes where fine detail is dear (smoothness"
            f" {settings.smoothness:g}); the paper's in the picture's own values"
        )
    if settings.weight_of_tv:
        found.append(f"total variation is penalised with {settings.weight_of_tv:g}")
    if dict(settings.contents) != dict(CONTENT_LAYERS):
        found.append(f"content at {_in_words(settings.contents)}; the paper's at conv4_2")
    if dict(settings.styles) != dict(STYLE_LAYERS):
        found.append(f"style at {_in_words(settings.styles)}; the paper's at conv1_1 to conv5_1")
    found.append("values beyond the range of a picture are penalised; the paper leaves them free")
    if kept_colour:
        found.append(f"colours kept by {kept_colour} (Gatys et al. 2017)")
    return found


def _in_words(layers: Mapping[str, float]) -> str:
    return ", ".join(f"{layer} ({weight:g})" for layer, weight in layers.items())
