"""dlib's search without colour finds the face that the search with colour finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from artstyle.faces import auto
from artstyle.faces.detector import make_detector
from artstyle.images import read_rgb

PHOTO = Path(auto.__file__).parents[1] / "starter/photos/astronaut.jpg"


def test_a_search_without_colour_finds_the_same_face() -> None:
    rgb = read_rgb(PHOTO).rgb
    (coloured,) = make_detector("dlib", threshold=0.5).detect(rgb)
    (grey,) = make_detector("dlib", threshold=0.5, grey=True).detect(rgb)
    assert grey.bbox_px == pytest.approx(coloured.bbox_px, abs=12)
    assert grey.score != coloured.score
    assert np.abs(grey.points_px - coloured.points_px).mean() < 3
