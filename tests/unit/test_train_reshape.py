"""A base made larger, smaller or conditional begins as what it was."""

from __future__ import annotations

import pytest
import torch

from stylegan_ext import ops
from stylegan_ext.errors import MismatchError
from stylegan_ext.networks import build, construct
from stylegan_ext.ops.filters import setup_filter
from stylegan_ext.records import NetworkRecord
from stylegan_ext.training import reshape

FILTER = setup_filter((1, 3, 3, 1))
WIDTH = {"channel_base": 512, "channel_max": 16}


def pair(side: int = 16, c_dim: int = 0) -> tuple[NetworkRecord, NetworkRecord]:
    torch.manual_seed(3)
    g = {
        "z_dim": 8,
        "c_dim": c_dim,
        "w_dim": 8,
        "img_resolution": side,
        "img_channels": 3,
        "mapping_kwargs": {"num_layers": 2},
        "synthesis_kwargs": WIDTH,
    }
    d = {"c_dim": c_dim, "img_resolution": side, "img_channels": 3, **WIDTH}
    records = []
    for kind, kwargs in (("stylegan2-generator", g), ("stylegan2-discriminator", d)):
        network = construct(kind, kwargs)
        with torch.no_grad():  # biases and noise that can be seen
            for name, held in network.named_parameters():
                if "bias" in name or "noise" in name:
                    held.add_(torch.randn_like(held) * 0.3)
        records.append(NetworkRecord(kind, kwargs, dict(network.state_dict())))
    return records[0], records[1]


def latents(record: NetworkRecord, count: int = 8):
    z = torch.randn(count, 8, generator=torch.Generator().manual_seed(1))
    classes = record.kwargs["c_dim"]
    return z, torch.eye(classes)[torch.arange(count) % classes] if classes else None


def test_a_grown_model_begins_as_the_smaller_one():
    g, d = pair()
    large, judge = build(reshape.grow_generator(g)), build(reshape.grow_discriminator(d))
    z, _ = latents(g)
    small = build(g)(z)
    drawn = large(z)
    assert drawn.shape[2:] == (32, 32)
    torch.testing.assert_close(drawn, ops.upsample2d(small, FILTER), atol=1e-5, rtol=0)
    any_picture = torch.randn(8, 3, 32, 32)
    expected = build(d)(ops.downsample2d(any_picture, FILTER))
    torch.testing.assert_close(judge(any_picture), expected, atol=1e-4, rtol=1e-4)


def test_what_grew_can_learn():
    g, d = pair()
    large = build(reshape.grow_generator(g)).requires_grad_(True)
    judge = build(reshape.grow_discriminator(d)).requires_grad_(True)
    judge(large(latents(g)[0])).sum().backward()
    assert large.synthesis.b32.torgb.weight.grad.abs().max() > 0
    for layer in ("fromrgb", "conv0", "conv1", "skip"):
        assert getattr(judge.b32, layer).weight.grad.abs().max() > 0


def test_a_narrow_discriminator_cannot_grow():
    _, d = pair()
    narrow = {**d.kwargs, "channel_base": 128}
    record = NetworkRecord(d.kind, narrow, dict(construct(d.kind, narrow).state_dict()))
    with pytest.raises(MismatchError, match="4 feature maps at 32 px, and needs 6"):
        reshape.grow_discriminator(record)


def test_a_cropped_generator_draws_what_its_skip_path_had():
    g, d = pair()
    grown = reshape.grow_generator(g)
    back = reshape.crop_generator(grown)
    assert back.kwargs == g.kwargs
    assert all(torch.equal(back.tensors[name], g.tensors[name]) for name in g.tensors)
    cropped = build(reshape.crop_generator(g))
    assert cropped(latents(g)[0]).shape == (8, 3, 8, 8)
    # A discriminator that grew gives exactly what a from-RGB layer can: cropping finds it again.
    larger = reshape.grow_discriminator(d)
    found = build(reshape.crop_discriminator(larger, grown))
    pictures = build(g)(latents(g)[0])
    torch.testing.assert_close(found(pictures), build(d)(pictures), atol=1e-3, rtol=1e-3)


def test_a_cropped_discriminator_sees_about_what_it_saw():
    g, d = pair(32)
    cropped = build(reshape.crop_discriminator(d, g))
    pictures = build(g)(latents(g, 32)[0]).detach()
    before, after = build(d)(pictures), cropped(ops.downsample2d(pictures, FILTER))
    correlation = torch.corrcoef(torch.stack([before.flatten(), after.flatten()]))[0, 1]
    assert correlation > 0.5


def test_labels_change_nothing_at_first_and_can_be_learned():
    g, d = pair()
    with_g, with_d = reshape.label_generator(g, 3), reshape.label_discriminator(d, 3)
    drawing, judge = build(with_g), build(with_d)
    z, _ = latents(g)
    pictures = build(g)(z)
    for k in range(3):
        c = torch.eye(3)[k].expand(8, 3)
        torch.testing.assert_close(drawing(z, c), pictures, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(judge(pictures, c), build(d)(pictures), atol=1e-4, rtol=1e-4)
    drawing.requires_grad_(True)
    judge.requires_grad_(True)
    judge(drawing(z, latents(with_g)[1]), latents(with_g)[1]).square().sum().backward()
    assert drawing.mapping.fc0.weight.grad[:, 8:].abs().max() > 0
    assert judge.mapping.fc7.weight.grad.abs().max() > 0
    with pytest.raises(MismatchError, match="3 classes already"):
        reshape.label_generator(with_g, 2)


def test_without_noise_it_draws_as_with_its_noise_turned_off():
    g, _ = pair()
    still = reshape.still_generator(g)
    z, _ = latents(g)
    drawn = build(still)(z)
    assert torch.equal(drawn, build(g)(z, noise_mode="none"))
    assert not torch.allclose(drawn, build(g)(z, noise_mode="const"), atol=1e-3)
    assert not [name for name in still.tensors if "noise" in name]
    assert build(still).synthesis.b8.conv0.use_noise is False


def test_only_a_stylegan2_generator_has_noise_to_leave_out():
    _, d = pair()
    with pytest.raises(MismatchError, match="stylegan2-discriminator has no noise"):
        reshape.still_generator(d)
