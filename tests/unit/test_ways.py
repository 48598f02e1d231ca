"""Closed ways through latent space, held against hand-made curves."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from stylegan_ext.errors import ParameterError
from stylegan_ext.latents import seed_latents
from stylegan_ext.ways import WAY_KINDS, closed_way, loop_positions


def test_positions_close_the_loop_without_showing_the_first_key_twice():
    assert loop_positions(2, 4).tolist() == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75]


@pytest.mark.parametrize("kind", WAY_KINDS)
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_way_meets_its_keys_and_closes(kind, count):
    keys = seed_latents(range(count), 12).reshape(count, 3, 4)
    way = closed_way(keys, kind)
    at_keys = way(np.arange(-count, 2 * count, dtype=float))
    assert at_keys.dtype == torch.float32
    assert at_keys.shape == (3 * count, 3, 4)
    assert torch.allclose(at_keys, keys.repeat(3, 1, 1), atol=1e-5)
    seam = way(np.array([-1e-9, 0.0, 1e-9, -1e-300]))
    assert torch.allclose(seam, keys[:1].expand(4, -1, -1), atol=1e-5)


def test_the_spline_is_smooth_over_the_seam_and_linear_is_not():
    keys = seed_latents(range(5), 6).double()

    def jerk(kind):
        """Largest jump of the speed between neighbouring steps of 0.001."""
        points = closed_way(keys, kind)(np.arange(-0.5, 5.5, 1e-3)).double()
        return points.diff(dim=0).diff(dim=0).abs().max() / 1e-3

    assert jerk("spline") < 0.05
    assert jerk("linear") > 0.5


def test_the_spline_through_points_of_a_circle_is_nearly_the_circle():
    angles = torch.arange(8) * (2 * math.pi / 8)
    way = closed_way(torch.stack([angles.cos(), angles.sin()], dim=1), "spline")
    points = way(np.linspace(0, 8, 200))
    assert (points.norm(dim=1) - 1).abs().max() < 2e-3


def test_two_keys_are_gone_to_and_fro_and_one_stands_still():
    two = closed_way(torch.tensor([[0.0], [1.0]]), "spline")
    assert two(np.array([0.5, 1.5])).flatten().tolist() == pytest.approx([0.5, 0.5])
    there = two(np.linspace(0, 1, 11)).flatten()
    back = two(np.linspace(2, 1, 11)).flatten()
    assert torch.allclose(there, back, atol=1e-6)
    assert (there.diff() > 0).all()
    one = closed_way(torch.tensor([[2.0, 3.0]]), "spline")
    assert one(np.array([0.0, 0.3, 17.5])).tolist() == [[2, 3]] * 3


def test_linear_goes_straight():
    way = closed_way(torch.tensor([[0.0], [4.0], [-4.0]]), "linear")
    assert way(np.array([0.25, 1.5, 2.5])).flatten().tolist() == [1, 0, -2]


def test_slerp_keeps_the_length_and_halves_the_angle():
    keys = torch.tensor([[2.0, 0.0], [0.0, 2.0]])
    points = closed_way(keys, "slerp")(np.array([0.5, 1 / 3]))
    assert torch.allclose(points.norm(dim=1), torch.tensor([2.0, 2.0]))
    assert torch.allclose(points[0], torch.full((2,), math.sqrt(2)))
    assert torch.allclose(points[1], 2 * torch.tensor([math.cos(math.pi / 6), 0.5]))


def test_slerp_between_equal_and_opposite_latents_gives_numbers():
    z = torch.tensor([[1.0, 1.0]])
    same = closed_way(torch.cat([z, z]), "slerp")(np.array([0.4]))
    assert torch.allclose(same, z)
    opposite = closed_way(torch.cat([z, -z]), "slerp")(np.array([0.0, 0.3, 0.5, 1.0]))
    assert opposite.isfinite().all()
    close = closed_way(torch.cat([z, z + 1e-7]), "slerp")(np.array([0.5]))
    assert torch.allclose(close, z, atol=1e-6)


def test_unknown_and_empty_ways_are_refused():
    with pytest.raises(ParameterError, match="unknown way 'bezier'; known: spline, linear, slerp"):
        closed_way(torch.zeros(2, 2), "bezier")
    with pytest.raises(ParameterError, match="at least one key"):
        closed_way(torch.zeros(0, 2))
