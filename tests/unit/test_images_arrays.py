"""Tensors and back, sizes, squares: checked on numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from artstyle import images
from artstyle.errors import ImageError

ALL_VALUES = np.arange(256, dtype=np.uint8)


def test_to_tensor_moves_channels_and_range() -> None:
    pixels = np.zeros((2, 3, 3), np.uint8)
    pixels[1, 2] = (0, 51, 255)
    tensor = images.to_tensor(pixels)
    assert tensor.shape == (1, 3, 2, 3)
    assert tensor.dtype == torch.float32
    assert tensor.is_contiguous()
    assert tensor[0, :, 1, 2].tolist() == pytest.approx([-1.0, -0.6, 1.0], abs=1e-6)
    assert images.to_tensor(pixels[None].repeat(4, axis=0)).shape == (4, 3, 2, 3)
    assert images.to_tensor(pixels[..., 0]).shape == (1, 1, 2, 3)


def test_to_tensor_takes_views_and_read_only_arrays() -> None:
    pixels = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)
    pixels.setflags(write=False)
    mirrored = images.to_tensor(pixels[:, ::-1])
    assert torch.equal(mirrored, images.to_tensor(pixels).flip(3))


@pytest.mark.parametrize("pixels", [np.zeros((2, 2, 3)), np.zeros((1, 2, 3, 4, 5), np.uint8)])
def test_to_tensor_refuses_what_is_no_picture(pixels: np.ndarray) -> None:
    with pytest.raises(ImageError, match="is no picture: uint8 and HW, HWC or NHWC is"):
        images.to_tensor(pixels)


def test_every_value_survives_the_way_there_and_back() -> None:
    pixels = np.stack([ALL_VALUES.reshape(16, 16)] * 3, axis=-1)
    assert (images.from_tensor(images.to_tensor(pixels)) == pixels).all()


def test_from_tensor_is_the_official_rule() -> None:
    values = torch.tensor([-2.0, -1.0, -128 / 127.5, 0.0, 0.9999 / 127.5, 1.0, 126.9 / 127.5, 9.0])
    expected = [0, 0, 0, 128, 128, 255, 254, 255]  # x * 127.5 + 128, clamped, cut off
    assert images.from_tensor(values.reshape(1, 1, 8))[0, :, 0].tolist() == expected


def test_from_tensor_takes_gradients_halves_and_one_in_a_batch() -> None:
    tensor = torch.zeros(1, 3, 4, 5, dtype=torch.bfloat16, requires_grad=True)
    pixels = images.from_tensor(tensor)
    assert pixels.shape == (4, 5, 3)
    assert pixels.dtype == np.uint8
    assert (pixels == 128).all()
    assert images.from_batch(torch.zeros(7, 3, 4, 5)).shape == (7, 4, 5, 3)


def test_from_tensor_refuses_several_and_what_is_not_finite() -> None:
    with pytest.raises(ImageError, match=r"shape \(2, 3, 4, 4\) is not one picture"):
        images.from_tensor(torch.zeros(2, 3, 4, 4))
    with pytest.raises(ImageError, match=r"shape \(4, 4\)"):
        images.from_tensor(torch.zeros(4, 4))
    with pytest.raises(ImageError, match=r"shape \(3, 4, 4\) holds no pictures"):
        images.from_batch(torch.zeros(3, 4, 4))
    diverged = torch.zeros(3, 2, 2)
    diverged[0, 0, 0], diverged[2, 1, 1] = torch.nan, torch.inf
    with pytest.raises(ImageError, match="2 of 12 values of the picture are not finite"):
        images.from_tensor(diverged)


def test_area_is_the_mean_of_what_a_pixel_covers() -> None:
    pixels = np.array([[0, 10, 20, 30, 40, 250]], np.uint8).repeat(2, axis=0)
    assert images.resize_area(pixels, 3, 1).tolist() == [[5, 25, 145]]
    assert images.resize_area(pixels, 2, 2)[0].tolist() == [10, 107]


@pytest.mark.parametrize("resize", [images.resize_lanczos, images.resize_area])
def test_centres_keep_their_place(resize: type[images.resize_lanczos]) -> None:
    # A ramp through pixel centres stays a ramp: pixel j of the new one takes (j + 0.5) * 4 - 0.5.
    ramp = np.tile(np.arange(64, dtype=np.uint8) * 3, (64, 1))
    small = resize(ramp, 16, 16)
    expected = ((np.arange(16) + 0.5) * 4 - 0.5) * 3
    assert np.abs(small[8, 2:-2] - expected[2:-2]).max() <= 0.51


def test_lanczos_shrinks_without_aliasing() -> None:
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    inside = images.resize_lanczos(board, 20, 20)[3:-3, 3:-3]
    assert np.abs(inside.astype(int) - 127.5).max() <= 2


def test_transparent_colours_do_not_bleed_when_resized() -> None:
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[:, :2] = (200, 100, 50, 255)
    pixels[:, 2:] = (0, 255, 0, 0)
    for resize in (images.resize_lanczos, images.resize_area):
        small = resize(pixels, 1, 1)[0, 0]
        assert small[3] == pytest.approx(128, abs=1)
        assert np.abs(small[:3].astype(int) - (200, 100, 50)).max() <= 1


def test_nearest_repeats_pixels() -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    big = images.resize_nearest(pixels, 6, 4)
    assert (big == pixels.repeat(2, axis=0).repeat(3, axis=1)).all()


def test_resize_to_the_same_size_is_a_copy_and_to_nothing_is_refused() -> None:
    pixels = np.zeros((2, 3, 3), np.uint8)
    same = images.resize_lanczos(pixels, 3, 2)
    same[0] = 9
    assert pixels.max() == 0
    with pytest.raises(ImageError, match="cannot be resized to 0 x 5"):
        images.resize_area(pixels, 0, 5)


def test_center_square_gives_the_odd_pixel_to_the_right_and_below() -> None:
    wide = np.arange(7)[None].repeat(4, axis=0)
    assert images.center_square(wide)[0].tolist() == [1, 2, 3, 4]
    high = wide.T[..., None]
    assert images.center_square(high).shape == (4, 4, 1)
    assert images.center_square(high)[:, 0, 0].tolist() == [1, 2, 3, 4]


def test_blend_rounds_to_nearest() -> None:
    rgb = np.full((1, 256, 3), 200, np.uint8)
    found = images.blend(rgb, ALL_VALUES[None], (0, 255, 31))
    alpha = ALL_VALUES.astype(float)
    for channel, matte in enumerate((0, 255, 31)):
        exact = (200 * alpha + matte * (255 - alpha)) / 255
        assert np.abs(found[0, :, channel] - exact).max() <= 0.5
