"""A long 1080p film with cuts, made of the frames of short real ones.

    python -m support.long_film SHARED/data OUT.mp4 --minutes 10      (in tests/)

Shots of two to four seconds of drawn and filmed people, enlarged, with grain so that decoding
costs what it costs with films; the first two minutes are coded, then the packets are repeated.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, FPS = 1920, 1080, 24
_CODED_S = 120
_GRAIN = 3.0  # standard deviation, of 255


def long_film(data: Path, out: Path, *, minutes: float, threads: int = 2) -> Path:
    """Make the film.

    Args:
        data: the folder with `film/` and `clips/`.
        out: an .mp4 file.
        minutes: its length.
        threads: for coding.
    """
    length_s = minutes * 60
    coded_s = min(length_s, _CODED_S)
    first = out.with_name(f"{out.stem}-part{out.suffix}")
    with av.open(str(first), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.thread_count = threads
        pictures = itertools.islice(_pictures(data), round(coded_s * FPS))
        for number, pixels in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    _repeat(first, out, round(length_s / coded_s), round(coded_s * FPS))
    first.unlink()
    return out


def _pictures(data: Path) -> Iterator[NDArray[np.uint8]]:
    """Frames of 1080p, shot by shot, without an end."""
    chance = np.random.default_rng(0)
    grain = chance.normal(0, _GRAIN, (HEIGHT + 64, WIDTH + 64, 1)).astype(np.float32)
    sources = sorted((data / "film").glob("*.mp4")) + sorted((data / "clips").glob("*.mkv"))[::2]
    for turn in itertools.count():
        for number, source in enumerate(sources):
            with av.open(str(source)) as container:
                skip = turn * 70 + number * 13
                wanted = int(chance.integers(2 * FPS, 4 * FPS))
                frames = itertools.cycle(
                    [one.to_ndarray(format="rgb24") for one in _few(container, skip, wanted)]
                )
                for pixels in itertools.islice(frames, wanted):
                    whole = cv2.resize(
                        _wide(pixels), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC
                    )
                    x, y = chance.integers(0, 64, 2)
                    noisy = whole + grain[y : y + HEIGHT, x : x + WIDTH]
                    yield np.clip(noisy, 0, 255).astype(np.uint8)


def _few(container: av.container.InputContainer, skip: int, wanted: int) -> list[av.VideoFrame]:
    """So many frames from about there, or from the beginning of a film that is too short."""
    found = list(itertools.islice(container.decode(video=0), skip % 300, skip % 300 + wanted))
    if len(found) > FPS:
        return found
    container.seek(0)
    return list(itertools.islice(container.decode(video=0), wanted))


def _wide(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle of a picture in the shape of 16:9."""
    height, width = pixels.shape[:2]
    rows = min(height, round(width * HEIGHT / WIDTH))
    columns = min(width, round(height * WIDTH / HEIGHT))
    y, x = (height - rows) // 2, (width - columns) // 2
    return pixels[y : y + rows, x : x + columns]


def _repeat(source: Path, out: Path, times: int, length: int) -> None:
    """The same packets again and again, later each time."""
    with av.open(str(out), "w") as target:
        stream = None
        for turn in range(times):
            with av.open(str(source)) as container:
                old = container.streams.video[0]
                stream = stream or target.add_stream_from_template(old)
                later = round(turn * length / FPS / old.time_base)
                for packet in container.demux(old):
                    if packet.dts is not None:
                        packet.pts, packet.dts = packet.pts + later, packet.dts + later
                        packet.stream = stream
                        target.mux(packet)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    asked = parser.parse_args()
    long_film(asked.data, asked.out, minutes=asked.minutes)
