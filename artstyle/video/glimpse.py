"""A few frames from all over a film, quickly: keyframes after jumps, no more is decoded."""

from __future__ import annotations

from itertools import islice

from artstyle.video.film import Film
from artstyle.video.picture import Frame
from artstyle.video.read import frames

_SHORT_S = 60.0  # a film that is shorter is read through; a guess


def glimpses(film: Film, count: int, *, size_limit_px: int | None = None) -> list[Frame]:
    """Frames that lie about evenly over the film, at most `count`, in order; none twice.

    Args:
        film: what `open_film` gave.
        count: how many are wanted.
        size_limit_px: bound on the longer side of the pictures.

    Raises:
        VideoError: the film cannot be opened any more.
    """
    length_s = film.duration_s
    if length_s is None or length_s <= _SHORT_S:
        every_s = max((length_s or _SHORT_S) / count, 0.04)
        return list(islice(frames(film, every_s=every_s, size_limit_px=size_limit_px), count))
    found: dict[float, Frame] = {}
    for number in range(count):
        start_s = film.start_s + length_s * (number + 0.5) / count
        one = frames(film, start_s=start_s, keyframes_only=True, size_limit_px=size_limit_px)
        for frame in islice(one, 1):
            found[frame.pts_s] = frame
    return [found[pts_s] for pts_s in sorted(found)]
