"""The way to a picture as a film: one frame for each step of the search."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from artstyle.baselines.optim import Step
from artstyle.files import sha256_of
from artstyle.images import from_tensor, resize_lanczos
from artstyle.video.write import VideoWriter

FPS = 10.0
_HOLD_FRAMES = 15  # the end stands still for a second and a half


class Way:
    """Writes films of a search; used in a `with`.

    Args:
        films: their places; .gif, .mp4 or .webm. None at all is fine, and costs nothing.
        size: height and width of the frames.

    Raises:
        VideoError: a film cannot be written as this.
    """

    def __init__(self, films: Sequence[Path], size: tuple[int, int]) -> None:
        self._films, self._size = tuple(films), size
        self._writers = [VideoWriter(film, (size[1], size[0]), FPS) for film in films]
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            for writer in self._writers:
                opened.enter_context(writer)
            self._open = opened.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def on_step(self, step: Step) -> None:
        """Add a frame; coarse pictures are enlarged."""
        if self._writers:
            picture = step.picture.clamp(-1, 1).expand(-1, 3, -1, -1)
            self._write(resize_lanczos(from_tensor(picture), self._size[1], self._size[0]))

    def end(self, pixels: NDArray[np.uint8]) -> None:
        """Let the finished picture stand."""
        for _ in range(_HOLD_FRAMES if self._writers else 0):
            self._write(pixels)

    def facts(self) -> list[dict[str, Any]]:
        """For the record, after the films are closed."""
        return [{"path": str(film), "sha256": sha256_of(film)} for film in self._films]

    def _write(self, pixels: NDArray[np.uint8]) -> None:
        for writer in self._writers:
            writer.write(pixels)
