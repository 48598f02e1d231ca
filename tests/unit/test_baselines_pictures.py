"""Gram matrices, colours and masks, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from artstyle.baselines import colour, masks
from artstyle.baselines.gram import gram, gram_sum
from artstyle.errors import ImageError


def picture(seed: int, height: int = 12, width: int = 16, low: int = 0, high: int = 256):
    dice = np.random.default_rng(seed)
    return dice.integers(low, high, (height, width, 3), dtype=np.uint8)


def test_a_gram_matrix_by_hand():
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, -1.0]]]])  # two channels, two positions
    assert gram(features).tolist() == [[2.5, 0.5], [0.5, 5.0]]
    assert gram_sum(features).tolist() == [[5.0, 1.0], [1.0, 10.0]]


def test_a_guided_gram_matrix_counts_by_the_squares_of_the_mask():
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, -1.0]]]])
    only_the_first = torch.tensor([[0.5, 0.0]])
    assert gram(features, only_the_first).tolist() == [[1.0, 3.0], [3.0, 9.0]]
    assert gram(features, torch.zeros(1, 2)).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("channels_last", [False, True])
def test_the_gradient_of_a_gram_matrix(channels_last):
    features = torch.randn(1, 3, 4, 5, dtype=torch.float64)
    if channels_last:
        features = features.to(memory_format=torch.channels_last)
    mask = torch.rand(4, 5, dtype=torch.float64)
    leaf = features.requires_grad_(True)
    lopsided = torch.randn(3, 3, dtype=torch.float64)  # a loss need not be symmetric
    assert torch.autograd.gradcheck(lambda x: (gram(x) * lopsided).sum(), (leaf,))
    assert torch.autograd.gradcheck(lambda x: (gram(x, mask) * lopsided).sum(), (leaf,))


def test_luminance_keeps_the_photos_colours():
    photo, painting = picture(0, low=100, high=156), picture(1, 20, 10)
    seen = colour.prepared_style(painting, photo, "luminance")
    assert seen.shape == painting.shape
    assert (seen[..., 0] == seen[..., 1]).all()
    assert (seen[..., 0] == seen[..., 2]).all()
    drawn = picture(3, low=100, high=156)
    kept = colour.with_kept_colours(drawn, photo, "luminance")
    chroma = (kept / 255) @ colour.RGB_TO_YIQ[1:].T - (photo / 255) @ colour.RGB_TO_YIQ[1:].T
    assert np.abs(chroma).max() < 0.01
    assert np.abs(colour.luminance(kept) - colour.luminance(drawn)).max() < 0.01


def test_the_paintings_brightness_gets_the_photos_mean_and_spread():
    photo, painting = picture(0, low=100, high=140), picture(1, low=0, high=90)
    seen = colour.luminance(colour.prepared_style(painting, photo, "luminance"))
    wanted = colour.luminance(photo)
    assert seen.mean() == pytest.approx(wanted.mean(), abs=0.005)
    assert seen.std() == pytest.approx(wanted.std(), abs=0.005)


def test_the_painting_gets_the_mean_and_the_covariance_of_the_photos_colours():
    dice = np.random.default_rng(4)
    mixed = dice.normal(size=(40, 40, 3)) @ np.array([[20, 12, 0], [0, 14, 4], [0, 0, 9]])
    photo = np.clip(mixed + 120, 0, 255).astype(np.uint8)
    painting = picture(5, 50, 30, 40, 200)
    seen = colour.match_colours(painting, photo).reshape(-1, 3).astype(float)
    wanted = photo.reshape(-1, 3).astype(float)
    assert np.allclose(seen.mean(axis=0), wanted.mean(axis=0), atol=1.0)
    assert np.allclose(np.cov(seen.T), np.cov(wanted.T), rtol=0.06, atol=6)


def test_a_grey_painting_takes_no_colour_out_of_nothing():
    grey = np.repeat(picture(6)[..., :1], 3, axis=2)
    seen = colour.match_colours(grey, picture(7))
    assert np.isfinite(seen).all()
    spread = seen.astype(float) - seen.mean(axis=(0, 1))
    # All colours lie on one line still.
    assert np.linalg.matrix_rank(spread.reshape(-1, 3), tol=30) <= 1


def test_histogram_leaves_the_drawing_alone_and_sizes_must_fit():
    drawn, photo = picture(1), picture(2)
    assert colour.with_kept_colours(drawn, photo, "histogram") is drawn
    assert colour.prepared_content(photo, "histogram") is photo
    assert colour.prepared_style(photo, drawn, None) is photo
    with pytest.raises(ImageError, match="12"):
        colour.with_kept_colours(drawn, picture(2, 13, 16), "luminance")


def test_a_smaller_mask_is_the_mean_of_what_it_covers():
    mask = torch.tensor([[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]])
    assert masks.mask_at(mask, 1, 2).tolist() == [[0.75, 0.0]]
    assert masks.mask_at(mask, 2, 4) is mask
    larger = masks.mask_at(mask, 4, 8)
    assert larger.shape == (4, 8)
    assert 0 <= float(larger.min()) <= float(larger.max()) <= 1


def test_masks_that_overlap_share_a_pixel():
    shared = masks.shared_out([torch.tensor([[1.0, 0.2]]), torch.tensor([[1.0, 0.3]])])
    assert [one.tolist() for one in shared] == [
        [[0.5, pytest.approx(0.2)]],
        [[0.5, pytest.approx(0.3)]],
    ]
    assert masks.shared_out([]) == []


def test_a_face_is_a_soft_ellipse_over_its_box():
    mask = masks.ellipses([(20.0, 30.0, 60.0, 80.0)], 120, 100)
    assert mask.shape == (120, 100)
    assert float(mask[54, 40]) == 1.0
    assert float(mask[54, 20:60].min()) == 1.0  # the box's width is inside
    assert float(mask[5, 5]) == 0.0
    assert float(mask[54, 80]) == 0.0
    edge = mask[54, 60:76]
    falls = edge[:-1] - edge[1:]
    assert bool((falls >= 0).all())
    assert float(falls.max()) > 4 * float(falls[-4])  # it fades out, and does not break off
    assert float(masks.ellipses([], 10, 10).sum()) == 0.0
