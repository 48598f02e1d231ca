"""The classic methods as one: a photo and a style in, a picture out, whichever method draws.

    shipped_styles("fast")                          # names of styles that need nothing else
    made = draw_baseline("gatys", photo, StyleChoice("night", painting), 256)
    made.pixels, made.seconds, made.record

A method takes part by a line in `_METHODS`: the place of an object that does what `Method` says.
One that is not installed has no styles, and says so when it is asked to draw.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from artstyle import images
from artstyle.errors import UsageError
from artstyle.events import Emit, ignore
from artstyle.weights.model_names import starter_folder

Kind: TypeAlias = Literal["gatys", "adain", "fast"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Pixels: TypeAlias = NDArray[np.uint8]  # HWC, [0, 255], RGB

# Kind -> "module:attribute" of a `Method`; imported when it is used.
_METHODS: dict[Kind, str] = {
    "gatys": "artstyle.pipeline.stylize.gatys_method:METHOD",
    "adain": "artstyle.pipeline.stylize.adain_method:METHOD",
    "fast": "artstyle.pipeline.stylize.fast_method:METHOD",
}
_PAINTINGS = "paintings"  # in the starter pack: NAME.jpg or NAME.png


@dataclass(frozen=True, eq=False)
class StyleChoice:
    """A style by its name, and by a painting where one is at hand.

    `fast` draws with the net of this name, and has no use for a painting.
    """

    name: str
    pixels: Pixels | None = None  # the painting; None: the one of this name that ships


@dataclass(frozen=True, eq=False)
class Drawn:
    """What a method made."""

    pixels: Pixels  # the content's form; its longer side is the size that was asked for
    seconds: float
    record: dict[str, Any]  # JSON types: method, perception, settings, ...


class Method(Protocol):
    """A method of style transfer."""

    def shipped_styles(self) -> Sequence[str]:
        """The styles it can draw in with nothing but what ships, the best first."""

    def identity(self, style: StyleChoice) -> Mapping[str, Any]:
        """What decides a picture besides the content: weights, painting, settings; JSON types.

        Raises:
            UsageError: there is no such style.
        """

    def draw(
        self, content: Pixels, style: StyleChoice, size_px: int, emit: Emit
    ) -> tuple[Pixels, Mapping[str, Any]]:
        """The picture, and what is to be recorded of it besides its identity.

        Raises:
            ArtstyleError: there is no such style, or weights are missing.
        """


def draw_baseline(
    kind: Kind,
    content: Pixels,
    style: StyleChoice | str,
    size_px: int,
    *,
    emit: Emit = ignore,
) -> Drawn:
    """Draw a photo in a style by one of the classic methods.

    Args:
        kind: the method.
        content: the photo, any size.
        style: a name that `shipped_styles` gives, or a choice with a painting.
        size_px: longer side of the result.
        emit: told of progress.

    Raises:
        ArtstyleError: the method is not installed, has no such style, or lacks its weights.
    """
    choice = _choice(style)
    method = _method(kind)
    started_at = time.perf_counter()
    pixels, facts = method.draw(content, choice, size_px, emit)
    seconds = time.perf_counter() - started_at
    record = {"method": kind, "style": choice.name, **method.identity(choice), **facts}
    return Drawn(pixels, seconds, record | {"seconds": round(seconds, 3)})


def shipped_styles(kind: Kind) -> Sequence[str]:
    """The styles a method can draw in with nothing but what ships; none if it is not installed."""
    return list(_method(kind).shipped_styles()) if is_there(kind) else []


def identity(kind: Kind, style: StyleChoice | str) -> dict[str, Any]:
    """What decides a method's picture besides the content; JSON types.

    Raises:
        ArtstyleError: see `draw_baseline`.
    """
    return dict(_method(kind).identity(_choice(style)))


def is_there(kind: Kind) -> bool:
    """Whether a method is installed."""
    return find_spec(_METHODS[kind].partition(":")[0]) is not None


def shipped_paintings() -> list[str]:
    """The names of the paintings in the starter pack, sorted."""
    folder = starter_folder() / _PAINTINGS
    return [path.stem for path in images.list_images(folder)] if folder.is_dir() else []


def painting_of(style: StyleChoice) -> Pixels:
    """The painting of a style.

    Raises:
        UsageError: it came without one, and none of its name ships.
        ImageError: the one that ships is damaged.
    """
    if style.pixels is not None:
        return style.pixels
    return images.read_rgb(_painting_file(style.name)).rgb


def painting_identity(style: StyleChoice) -> dict[str, Any]:
    """Which painting it is, by its pixels."""
    digest = hashlib.sha256(np.ascontiguousarray(painting_of(style)).tobytes()).hexdigest()
    return {"painting": style.name, "painting_sha256": digest}


def _painting_file(name: str) -> Path:
    folder = starter_folder() / _PAINTINGS
    if folder.is_dir():
        for path in images.list_images(folder):
            if path.stem == name:
                return path
    known = shipped_paintings()
    raise UsageError(
        f"there is no painting {name!r:.60} in the starter pack",
        hint=f"there are {', '.join(known)}" if known else "give a painting of your own",
    )


def _choice(style: StyleChoice | str) -> StyleChoice:
    return StyleChoice(style) if isinstance(style, str) else style


def _method(kind: Kind) -> Method:
    if kind not in _METHODS:
        raise UsageError(f"there is no method {kind!r:.40}", hint=f"there are {', '.join(KINDS)}")
    if not is_there(kind):
        raise UsageError(f"this artstyle came without the method {kind}")
    module, _, attribute = _METHODS[kind].partition(":")
    found: Method = getattr(import_module(module), attribute)
    return found
