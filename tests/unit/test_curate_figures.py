"""Figures of crops, on pictures whose figures are known by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from support.crops import drawn_face

from artstyle.curate.figures import (
    at_most,
    blur_px,
    face_mask,
    flatness,
    hash_text,
    luma,
    measure,
    perceptual_hash,
)
from artstyle.curate.look import LENGTH, look, reduce
from artstyle.errors import ImageError


def step(side: int = 256, low: float = 60, high: float = 200, blur: float = 0.0) -> np.ndarray:
    y = np.full((side, side), low, np.float32)
    y[:, side // 2 :] = high
    return cv2.GaussianBlur(y, (0, 0), blur) if blur else y


@pytest.mark.parametrize("sigma", [1.0, 2.0, 4.0])
def test_the_smear_of_an_edge_is_measured_whatever_its_height(sigma: float) -> None:
    everywhere = np.ones((256, 256), bool)
    strong = blur_px(step(blur=sigma), everywhere)
    weak = blur_px(step(low=80, high=170, blur=sigma), everywhere)
    assert strong == pytest.approx(sigma, rel=0.13)
    assert weak == pytest.approx(strong, rel=0.05)


def test_noise_is_no_sharpness_and_nothing_is_no_edge() -> None:
    everywhere = np.ones((256, 256), bool)
    chance = np.random.default_rng(0)
    noisy = step(blur=4.0) + chance.normal(0, 3, (256, 256)).astype(np.float32)
    assert blur_px(noisy, everywhere) == pytest.approx(4.0, rel=0.3)
    assert blur_px(np.full((256, 256), 90, np.float32), everywhere) == 8.0


def test_a_flat_drawing_is_sharp_and_a_soft_one_is_not() -> None:
    crisp = measure(drawn_face(3, 256, noise=0))
    soft = measure(drawn_face(3, 256, noise=0, blur_px=4))
    assert crisp.sharpness > 1
    assert 2.5 < 1 / soft.sharpness < 5
    assert crisp.flatness > 0.6


def test_what_lies_behind_the_face_does_not_count() -> None:
    face = face_mask(256)
    rgb = np.zeros((256, 256, 3), np.uint8)
    rgb[face] = 128
    black_behind = measure(rgb)
    assert black_behind.brightness == pytest.approx(128 / 255, abs=1e-3)
    assert black_behind.clipped_share == 0
    assert black_behind.contrast == 0
    rgb[128:][face[128:]] = 255
    half = measure(rgb)
    share = face[128:].sum() / face.sum()
    assert half.clipped_share == pytest.approx(share, abs=1e-6)
    assert half.contrast == pytest.approx(127 / 255, abs=1e-3)


def test_grey_and_sepia_are_grey_and_colours_are_not() -> None:
    rgb = drawn_face(5, 128)
    y = luma(rgb)
    grey = np.repeat(y[..., None], 3, axis=2)
    sepia = np.clip(grey * [1.0, 0.85, 0.65] + [10, 5, 0], 0, 255)
    assert measure(rgb).greyness < 0.01
    assert measure(grey.astype(np.uint8)).greyness > 0.9
    assert measure(sepia.astype(np.uint8)).greyness > 0.8


def test_a_hash_outlasts_another_size_and_exposure() -> None:
    rgb = drawn_face(7, 256)
    first = perceptual_hash(luma(rgb))
    brighter = np.clip(rgb * 1.1, 0, 255).astype(np.uint8)
    for same in (at_most(rgb, 100), brighter):
        assert (first ^ perceptual_hash(luma(same))).bit_count() <= 6
    other = perceptual_hash(luma(drawn_face(8, 256)))
    assert (first ^ other).bit_count() > 10
    assert hash_text(5) == "0000000000000005"


def test_a_hash_by_hand() -> None:
    """One cosine along x: of the 63 bits only that of its frequency is above the median, 0."""
    x = (np.arange(32) + 0.5) / 32
    wave = np.tile(128 + 100 * np.cos(3 * np.pi * x), (32, 1)).astype(np.float32)
    bits = f"{perceptual_hash(wave):064b}"
    assert bits[3] == "1"
    assert bits[0] == "0", "the mean's bit"


def test_what_is_no_crop_is_refused() -> None:
    for wrong in (np.zeros((8, 9, 3), np.uint8), np.zeros((4, 4, 3), np.uint8)):
        with pytest.raises(ImageError, match="cannot be measured"):
            measure(wrong)
    with pytest.raises(ImageError, match="no RGB picture"):
        measure(np.zeros((16, 16), np.uint8))


def test_flat_pixels_are_counted() -> None:
    rgb = np.full((64, 64, 3), 9, np.uint8)
    rgb[:, 32:] = 200
    assert flatness(rgb) == 62 / 64


def test_the_same_face_looks_alike_and_another_does_not() -> None:
    def seen(seed: int, shift: float, gain: float) -> np.ndarray:
        return look(drawn_face(seed, 128, noise=4, shift_px=(shift, -shift), gain=gain))

    looks = [
        seen(seed, shift, gain)
        for seed in range(12)
        for shift, gain in ((0, 1), (1.5, 0.85), (-1, 1.1))
    ]
    who = np.repeat(np.arange(12), 3)
    for vectors in (np.stack(looks), reduce(np.stack(looks))):
        away = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
        np.fill_diagonal(away, np.inf)
        assert (who[away.argmin(axis=1)] == who).all()
    assert looks[0].shape == (LENGTH,)
    assert looks[0].dtype == np.float32


def test_reduced_vectors_are_the_same_every_time_and_fit_small_sets() -> None:
    vectors = np.random.default_rng(1).normal(size=(40, 100)).astype(np.float32)
    assert np.array_equal(reduce(vectors), reduce(vectors.copy()))
    assert reduce(vectors, 8).shape == (40, 8)
    assert reduce(vectors[:1]).shape[0] == 1
    assert np.isfinite(reduce(np.ones((5, 10), np.float32))).all()


@pytest.mark.shared
def test_the_same_person_is_nearest_in_real_photos(shared_dir) -> None:
    """Pictures of Caltech's faces come person by person: the nearest is a neighbour in the list."""
    from artstyle.faces.align import align
    from artstyle.faces.yunet import YuNet
    from artstyle.images import list_images, read_rgb

    finder = YuNet(weights=shared_dir / "data/models/face_detection_yunet_2023mar.onnx")
    paths = list_images(shared_dir / "data/people/caltech_faces")
    # The first of each of six people, by looking, and three further pictures of them.
    firsts = (0, 21, 46, 68, 89, 113)
    looks, who = [], []
    for person, first in enumerate(firsts):
        for step_ in (0, 3, 6, 9):
            rgb = read_rgb(paths[first + step_]).rgb
            face = finder.detect(rgb)[0]
            looks.append(look(align(rgb, face.points_px, face.kind, 128).crop.rgb))
            who.append(person)
    vectors, people = np.stack(looks), np.array(who)
    away = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    np.fill_diagonal(away, np.inf)
    right = (people[away.argmin(axis=1)] == people).mean()
    assert right >= 0.85, f"{right:.0%} of nearest pictures are of the same person"
