"""dlib's network by torch: the same figures, and what is said of a file that is not it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from artstyle.errors import WeightsError
from artstyle.faces import dlib as ours
from artstyle.faces.describer import Describer
from artstyle.images import read_rgb
from artstyle.pipeline.evaluate.dlib_space import face_chip

PHOTO = Path(ours.__file__).parents[1] / "starter/photos/astronaut.jpg"


@pytest.fixture(scope="module")
def file() -> Path:
    if (fault := ours.lack()) is not None:
        pytest.skip(str(fault))
    folder = ours._folder()
    assert folder is not None
    return folder / ours._FILES["descriptor"]


@pytest.fixture(scope="module")
def held(file: Path) -> bytes:
    return file.read_bytes()


def test_the_figures_are_dlibs(file: Path) -> None:
    import dlib

    rgb = read_rgb(PHOTO).rgb
    dice = np.random.default_rng(0)
    chips = [
        face_chip(np.ascontiguousarray(rgb[:400, 100:500])),
        np.zeros((150, 150, 3), np.uint8),
        np.full((150, 150, 3), 255, np.uint8),
        dice.integers(0, 256, (150, 150, 3), dtype=np.uint8),
    ]
    theirs = np.array(dlib.face_recognition_model_v1(str(file)).compute_face_descriptor(chips, 0))
    np.testing.assert_allclose(Describer(file)(chips), theirs, atol=5e-6)
    assert np.linalg.norm(theirs[0] - theirs[3]) > 0.3, "the chips say something"


def test_no_faces_are_no_figures(file: Path) -> None:
    assert Describer(file)([]).shape == (0, 128)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.4, 0.9999])
def test_a_file_that_ends_early_is_told(held: bytes, share: float, tmp_path: Path) -> None:
    cut = tmp_path / "cut.dat"
    cut.write_bytes(held[: int(len(held) * share)])
    with pytest.raises(WeightsError, match=r"cut\.dat is not dlib's descriptor of faces") as caught:
        Describer(cut)
    assert "face-recognition-models" in str(caught.value.hint)


def test_another_kernel_and_figures_that_are_none_are_told(held: bytes, tmp_path: Path) -> None:
    spoiled = tmp_path / "spoiled.dat"
    at = held.index(b"\x01\x05con_4") + 18 + 40  # the first weights begin at 18
    spoiled.write_bytes(held[:at] + np.full(4, np.nan, "<f4").tobytes() + held[at + 16 :])
    with pytest.raises(WeightsError, match="damaged"):
        Describer(spoiled)
    kernel = bytes([1, 32, 1, 7, 1, 7, 1, 2])  # 32 channels, 7x7, stride 2
    spoiled.write_bytes(held.replace(kernel, bytes([1, 32, 1, 7, 1, 7, 1, 3]), 1))
    with pytest.raises(WeightsError, match="damaged"):
        Describer(spoiled)
