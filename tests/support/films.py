"""Small films that tests draw themselves."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray


def picture(seed: int, width: int = 96, height: int = 64) -> NDArray[np.uint8]:
    """A few coloured blocks: scenes of different seeds differ much, and survive compression."""
    blocks = np.random.default_rng(seed).integers(40, 216, (4, 6, 3), dtype=np.uint8)
    return blocks.repeat(height // 4, 0).repeat(width // 6, 1)


def scenes(seeds: Iterable[int], frames_each: int = 20) -> list[NDArray[np.uint8]]:
    """A slowly brightening picture for each seed, one after the other."""
    return [
        np.clip(picture(seed).astype(int) + number // 4, 0, 255).astype(np.uint8)
        for seed in seeds
        for number in range(frames_each)
    ]


def write_film(
    path: Path,
    pictures: Iterable[NDArray[np.uint8]],
    *,
    codec: str = "libx264",
    fps: int = 25,
    times: list[int] | None = None,  # in 1/1000 s; None: fps a second
    gop: int = 10,
    rotation: int = 0,
    aspect: Fraction | None = None,
) -> Path:
    pictures = list(pictures)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
        stream.codec_context.gop_size = gop
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(rotation)
        for number, pixels in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            frame.pts = number if times is None else times[number]
            frame.time_base = Fraction(1, fps) if times is None else Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
