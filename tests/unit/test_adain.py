"""AdaIN's arithmetic by hand, its decoder and its tiles against plain forms, its files."""

from __future__ import annotations

import json

import pytest
import torch
import torch.nn.functional as F
from support.adain import WIDTHS, tiny_encoder

from artstyle.baselines.adain.decoder import Decoder, Shape, upsampled_convolution
from artstyle.baselines.adain.encoder import encoder_sha256, know, layer_scales
from artstyle.baselines.adain.file import (
    Origin,
    read_decoder,
    read_header,
    require_encoder,
    write_decoder,
)
from artstyle.baselines.adain.fit import fit_layers
from artstyle.baselines.adain.losses import losses, total_variation
from artstyle.baselines.adain.statistics import (
    EPSILON,
    Statistics,
    adain,
    change,
    masked,
    mixed,
    statistics,
)
from artstyle.baselines.adain.transfer import Transfer, Wish
from artstyle.errors import UsageError, WeightsError
from artstyle.perception.stack import ConvStack

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")


@pytest.fixture(scope="module")
def encoder():
    return tiny_encoder()


@pytest.fixture(scope="module")
def decoder(encoder):
    torch.manual_seed(1)
    made = Decoder(Shape.of(encoder)).eval().requires_grad_(False)
    made.get_parameter("conv1_1.weight").mul_(10)  # an untrained one draws nearly grey
    return made


@pytest.fixture
def transfer(encoder, decoder):
    return Transfer(encoder, decoder)


def picture(height: int, width: int, seed: int = 0) -> torch.Tensor:
    dice = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, height, width, generator=dice) * 2 - 1


# -- statistics ------------------------------------------------------------------------------


def test_statistics_by_hand():
    maps = torch.tensor([[1.0, 3.0], [5.0, 7.0]]).reshape(1, 1, 2, 2)
    found = statistics(maps)
    assert found.mean.item() == 4.0
    assert found.std.item() == pytest.approx((5.0 + EPSILON) ** 0.5)  # of the population


def test_statistics_with_a_mask_count_what_it_shows():
    maps = torch.tensor([[1.0, 3.0], [5.0, 100.0]]).reshape(1, 1, 2, 2)
    mask = torch.tensor([[1.0, 1.0], [0.5, 0.0]])
    found = statistics(maps, mask)
    mean = (1 + 3 + 2.5) / 2.5
    variance = ((1 - mean) ** 2 + (3 - mean) ** 2 + 0.5 * (5 - mean) ** 2) / 2.5
    assert found.mean.item() == pytest.approx(mean)
    assert found.std.item() == pytest.approx((variance + EPSILON) ** 0.5)
    everywhere = statistics(maps, torch.ones(2, 2))
    assert everywhere.std.item() == pytest.approx(statistics(maps).std.item())


def test_adain_by_hand():
    content = torch.tensor([0.0, 2.0]).reshape(1, 1, 1, 2)  # mean 1, deviation 1
    style = torch.tensor([10.0, 16.0]).reshape(1, 1, 1, 2)  # mean 13, deviation 3
    assert adain(content, style).flatten().tolist() == pytest.approx([10.0, 16.0], abs=1e-3)


def test_adain_gives_the_styles_statistics_whatever_the_content():
    content, style = torch.rand(1, 6, 9, 7) * 5, torch.randn(1, 6, 4, 4)
    made, wanted = statistics(adain(content, style)), statistics(style)
    torch.testing.assert_close(made.mean, wanted.mean, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(made.std, wanted.std, atol=1e-4, rtol=1e-4)


def test_alpha_goes_from_the_content_to_the_style():
    maps, style = torch.rand(1, 4, 5, 5), Statistics(torch.rand(1, 4, 1, 1), torch.ones(1, 4, 1, 1))
    own = statistics(maps)
    assert torch.equal(change(own, style, 0.0)(maps), maps)
    whole = change(own, style, 1.0)(maps)
    half = change(own, style, 0.5)(maps)
    torch.testing.assert_close(half, (maps + whole) / 2)  # paper, equation 14


def test_mixing_statistics_is_mixing_results():
    maps = torch.rand(1, 3, 6, 6)
    styles = [statistics(torch.randn(1, 3, 4, 4) * k) for k in (1.0, 3.0)]
    own = statistics(maps)
    made = change(own, mixed(styles, (0.25, 0.75)))(maps)
    parts = [change(own, one)(maps) for one in styles]
    torch.testing.assert_close(made, 0.25 * parts[0] + 0.75 * parts[1])  # equation 15


def test_each_region_gets_its_own_change():
    maps = torch.rand(1, 2, 4, 4)
    left, right = torch.zeros(4, 4), torch.zeros(4, 4)
    left[:, :2] = 1
    right[:, 2] = 1  # the last column belongs to nobody
    changes = [
        change(statistics(maps), statistics(torch.randn(1, 2, 3, 3) * k)) for k in (1.0, 2.0)
    ]
    made = masked(changes, [left, right])(maps)
    torch.testing.assert_close(made[..., :2], changes[0](maps)[..., :2])
    torch.testing.assert_close(made[..., 2], changes[1](maps)[..., 2])
    torch.testing.assert_close(made[..., 3], maps[..., 3])


# -- decoder ---------------------------------------------------------------------------------


def plain_decode(decoder: Decoder, x: torch.Tensor) -> torch.Tensor:
    """As the paper has it: upsample, pad, convolve."""
    order = ["conv4_1", "up", "conv3_2", "conv3_1", "up", "conv2_2", "conv2_1", "up", "conv1_2"]
    for name in (*order, "conv1_1"):
        if name == "up":
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            continue
        layer = decoder.get_submodule(name)
        x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), layer.weight, layer.bias)
        x = x if name == "conv1_1" else F.relu(x)
    return x


def test_an_upsampled_convolution_is_upsampling_and_convolving():
    x, weight, bias = torch.randn(2, 3, 5, 4), torch.randn(6, 3, 3, 3), torch.randn(6)
    big = F.interpolate(x, scale_factor=2, mode="nearest")
    wanted = F.conv2d(F.pad(big, (1, 1, 1, 1), mode="reflect"), weight, bias)
    torch.testing.assert_close(upsampled_convolution(x, weight, bias), wanted, atol=1e-4, rtol=1e-4)


def test_the_decoder_mirrors_the_encoder(decoder, encoder):
    assert decoder.shape == Shape(WIDTHS[:4], (2, 2, 2))
    x = torch.randn(2, WIDTHS[3], 4, 6)
    made = decoder(x)
    assert made.shape == (2, 3, 32, 48)
    torch.testing.assert_close(made, plain_decode(decoder, x), atol=1e-4, rtol=1e-4)


def test_vgg19_is_mirrored_with_its_four_convolutions():
    class Layered:
        layers = tuple(
            f"{kind}{block}_{index}"
            for block, count in enumerate((2, 2, 4, 4, 4), 1)
            for index in range(1, count + 1)
            for kind in ("conv", "relu")
        )

        def channels(self, layer: str) -> int:
            return (64, 128, 256, 512, 512)[int(layer[4]) - 1]

    shape = Shape.of(Layered())
    assert shape == Shape((64, 128, 256, 512), (2, 2, 4))
    names = [name for name, _ in Decoder(Shape((2, 2, 2, 2), (2, 2, 4))).named_children()]
    assert names[:5] == ["conv4_1", "conv3_4", "conv3_3", "conv3_2", "conv3_1"]
    Layered.layers = Layered.layers[:16]
    with pytest.raises(WeightsError, match="relu4_1"):
        Shape.of(Layered())


def test_a_decoder_fitted_by_layers_draws_what_it_was_shown(encoder):
    shown = [F.interpolate(picture(2, 2, s), (32, 32), mode="bilinear") for s in range(24)]
    batches = [torch.cat(shown[:12]), torch.cat(shown[12:])]
    fitted = Decoder(Shape.of(encoder)).requires_grad_(False)

    def distance() -> float:
        made = [fitted(encoder(batch, ("relu4_1",))["relu4_1"]) for batch in batches]
        return sum(float((a - b).abs().mean()) for a, b in zip(made, batches, strict=True))

    layers: list[tuple[int, ...]] = []
    fit_layers(fitted, encoder, batches, rows=2000, on_layer=lambda *told: layers.append(told))
    assert layers == [(number, 7) for number in range(1, 8)]
    # random filters keep little of a picture; still, it is nearer than any one colour
    assert distance() < 0.95 * sum(float((b - b.mean()).abs().mean()) for b in batches)
    first = fitted.get_parameter("conv1_1.weight").clone()
    fit_layers(fitted, encoder, batches, rows=2000)
    assert torch.equal(first, fitted.get_parameter("conv1_1.weight"))


def test_what_a_layer_can_give_back_it_does():
    def passing(images, layers):  # every layer gives the colours, made positive, as its maps
        return {name: F.avg_pool2d(images, 2 ** (int(name[4]) - 1)) + 1 for name in layers}

    fitted = Decoder(Shape((3, 3, 3, 3), (2, 2, 2))).requires_grad_(False)
    grey = torch.linspace(-0.5, 0.5, 4).reshape(4, 1, 1, 1).expand(4, 3, 32, 32)
    fit_layers(fitted, passing, [grey], rows=4000)
    made = fitted(passing(grey, ("relu4_1",))["relu4_1"])
    torch.testing.assert_close(made, grey, atol=1e-3, rtol=0)


# -- transfer --------------------------------------------------------------------------------


def test_alpha_0_is_a_plain_reconstruction(transfer, encoder, decoder):
    photo = picture(40, 48)
    style = transfer.style(picture(64, 64, 5))
    drawn = transfer.draw(photo, Wish((style,), alpha=0.0))
    wanted = decoder(encoder(photo, ("relu4_1",))["relu4_1"])
    torch.testing.assert_close(drawn, wanted, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(drawn, transfer.draw(photo, Wish((style,))), atol=1e-2)


@pytest.mark.parametrize("size", [(37, 61), (32, 32), (40, 33)])
def test_what_is_drawn_has_the_photos_size(transfer, size):
    photo = picture(*size)
    drawn = transfer.draw(photo, Wish((transfer.style(photo),)))
    assert drawn.shape == photo.shape


def test_its_own_style_leaves_a_picture_as_it_is(transfer):
    photo = picture(48, 48)
    same = transfer.draw(photo, Wish((transfer.style(photo),)))
    torch.testing.assert_close(
        same, transfer.draw(photo, Wish((transfer.style(photo),), alpha=0.0)), atol=1e-4, rtol=1e-3
    )


def test_pieces_look_as_if_they_were_whole(encoder, decoder):
    photo, painting = picture(203, 141), picture(90, 170, 3)
    whole = Transfer(encoder, decoder, whole_pixels=10**9)
    pieces = Transfer(encoder, decoder, whole_pixels=100, tile_px=64)
    one = whole.draw(photo, Wish((whole.style(painting),)))
    other = pieces.draw(photo, Wish((pieces.style(painting),)))
    torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_a_piece_needs_all_that_is_around_it(encoder, decoder, monkeypatch):
    photo = picture(203, 141)
    whole = Transfer(encoder, decoder, whole_pixels=10**9)
    wish = Wish((whole.style(picture(64, 64, 3)),))
    monkeypatch.setattr("artstyle.baselines.adain.transfer.DECODED_AROUND", 1)
    pieces = Transfer(encoder, decoder, whole_pixels=100, tile_px=64)
    different = (whole.draw(photo, wish) - pieces.draw(photo, wish)).abs().max()
    assert different > 1e-3  # so the test above can fail


def test_weights_are_shared_out(transfer):
    styles = tuple(transfer.style(picture(40, 40, seed)) for seed in (1, 2))
    photo = picture(40, 40)
    assert Wish(styles, (2.0, 6.0)).shares == (0.25, 0.75)
    one = transfer.draw(photo, Wish(styles, (1.0, 0.0)))
    torch.testing.assert_close(one, transfer.draw(photo, Wish(styles[:1])), atol=1e-5, rtol=1e-4)


def test_a_mask_keeps_the_rest(transfer):
    photo, style = picture(64, 96), transfer.style(picture(64, 64, 7) * 0.2)
    mask = torch.zeros(64, 96)
    mask[:, :32] = 1
    drawn = transfer.draw(photo, Wish((style,), masks=(mask,)))
    plain = transfer.draw(photo, Wish((style,), alpha=0.0))
    far = slice(88, 96)  # beyond the reach of what was changed
    torch.testing.assert_close(drawn[..., far], plain[..., far], atol=1e-5, rtol=1e-4)
    assert (drawn[..., :32] - plain[..., :32]).abs().mean() > 1e-3


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"alpha": 1.5}, "alpha 1.5"),
        ({"alpha": float("nan")}, "alpha nan"),
        ({"weights": (1.0, 2.0)}, "2 weights do not fit 1"),
        ({"weights": (-1.0,)}, "cannot share out"),
        ({"weights": (0.0,)}, "cannot share out"),
        ({"masks": (torch.ones(2, 2),) * 2}, "2 masks do not fit 1"),
    ],
)
def test_wishes_that_cannot_be_are_refused(wish, words):
    style = Statistics(torch.zeros(1, 2, 1, 1), torch.ones(1, 2, 1, 1))
    with pytest.raises(UsageError, match=words):
        Wish((style,), **wish)


def test_a_tiny_photo_is_refused(transfer):
    with pytest.raises(UsageError, match="31 x 40 pixels is too small"):
        transfer.draw(picture(40, 31), Wish((transfer.style(picture(40, 40)),)))


# -- losses ----------------------------------------------------------------------------------


def test_losses_by_hand():
    maps = {layer: torch.zeros(1, 1, 1, 2) for layer in LAYERS}
    maps["relu4_1"] = torch.tensor([1.0, 3.0]).reshape(1, 1, 1, 2)
    style = {layer: statistics(torch.zeros(1, 1, 1, 2)) for layer in LAYERS}
    target = torch.tensor([1.0, 1.0]).reshape(1, 1, 1, 2)
    ones = dict.fromkeys(LAYERS, 1.0)
    found = losses(torch.zeros(1, 3, 4, 4), maps, target, style, ones)
    assert found.content.item() == pytest.approx(2.0)  # (0 + 4) / 2
    deviation = (1 + EPSILON) ** 0.5 - EPSILON**0.5
    assert found.style.item() == pytest.approx(2.0**2 + deviation**2)
    assert found.tv.item() == 0.0
    halved = losses(torch.zeros(1, 3, 4, 4), maps, target, style, ones | {"relu4_1": 2.0})
    assert halved.style.item() == pytest.approx(found.style.item() / 4)


def test_total_variation_by_hand():
    drawn = torch.tensor([[0.0, 1.0], [0.0, 3.0]]).reshape(1, 1, 2, 2)
    assert total_variation(drawn).item() == pytest.approx((0 + 4) / 2 + (1 + 9) / 2)


def test_only_vgg_as_torchvision_has_it_is_scaled(encoder):
    assert set(layer_scales(know(encoder, "own")).values()) == {1.0}
    scaled = layer_scales(know(encoder, "vgg19"))
    means = encoder(torch.zeros(1, 3, 64, 64), LAYERS)
    assert all(0 < scaled[layer] < 10 * (1 + means[layer].mean()) for layer in LAYERS)
    assert set(scaled.values()) != {1.0}


# -- encoder's digest ------------------------------------------------------------------------


def test_an_encoder_is_known_again_in_half_precision_and_by_how_it_pads():
    network = tiny_encoder()
    network.half().float()
    again = tiny_encoder()
    again.load_state_dict({name: held.half() for name, held in network.state_dict().items()})
    assert encoder_sha256(network) == encoder_sha256(again)
    assert encoder_sha256(network) != encoder_sha256(tiny_encoder(1))
    again.padding = "zeros"
    assert encoder_sha256(network) != encoder_sha256(again)


def test_random_filters_are_known_by_their_seed():
    def made(name: str, seed: int) -> str:
        network = tiny_encoder(seed)
        network.name = name
        return encoder_sha256(network)

    assert made("random filters, seed 0", 0) == made("random filters, seed 0", 1)
    assert made("random filters, seed 0", 0) != made("random filters, seed 1", 0)


# -- files -----------------------------------------------------------------------------------


@pytest.fixture
def written(tmp_path, decoder, encoder):
    path = tmp_path / "adain.safetensors"
    known = know(encoder, "own")
    style = Statistics(torch.arange(7.0).reshape(1, 7, 1, 1), torch.ones(1, 7, 1, 1))
    origin = Origin(known.name, known.choice, known.sha256, "CC0", "a test", {"iterations": 3})
    write_decoder(path, decoder, origin, styles={"night": style})
    return path, known, origin


def test_a_decoder_comes_back_from_its_file(written, decoder):
    path, known, origin = written
    held = read_decoder(path)
    assert held.header == read_header(path)
    assert held.header.origin == origin
    assert held.header.shape == decoder.shape
    assert held.styles["night"].mean.flatten().tolist() == list(range(7))
    for name, tensor in decoder.state_dict().items():
        assert torch.equal(held.decoder.state_dict()[name], tensor.half().float())
    require_encoder(held.header, known)


def test_a_foreign_encoder_is_refused_with_words(written):
    path, known, _ = written
    other = know(tiny_encoder(9), "own")
    with pytest.raises(WeightsError, match=r"another state of tiny.*digest") as caught:
        require_encoder(read_header(path), other)
    assert known.sha256[:12] in str(caught.value)
    assert "train-adain" in caught.value.hint
    vgg = know(ConvStack("VGG", (2, 2, 2, 2), (4, 5, 6, 7), mean=(0,) * 3, std=(1,) * 3), "vgg19")
    with pytest.raises(WeightsError, match="behind tiny, not VGG"):
        require_encoder(read_header(path), vgg)


def test_damage_is_told(written, tmp_path):
    path, *_ = written
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(data)
    with pytest.raises(WeightsError, match="not those that were written"):
        read_decoder(bad)
    bad.write_bytes(path.read_bytes()[:200])
    with pytest.raises(WeightsError, match="cannot be read"):
        read_header(bad)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("kind", "fast", "it holds 'fast'"),
        ("format_version", "9", "of format '9'"),
        ("widths", "[1, 2]", "no 4 numbers"),
        ("widths", "[4, 5, 6, 99999]", "widths are"),
        ("counts", "[2, 2, true]", "counts are"),
        ("notes", "[", "notes"),
        ("styles", '["../x"]', "no list of names"),
        ("widths", "[4, 5, 6, 8]", "does not fit its header"),
    ],
)
def test_headers_that_lie_are_refused(written, tmp_path, name, value, words):
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    path, *_ = written
    with safe_open(path, "pt") as held:
        metadata = held.metadata()
    bad = tmp_path / "bad.safetensors"
    save_file(load_file(path), bad, {**metadata, name: value})
    with pytest.raises(WeightsError, match=words):
        read_decoder(bad)


def test_nothing_that_is_not_finite_is_written(tmp_path, encoder):
    decoder = Decoder(Shape.of(encoder))
    with torch.no_grad():
        decoder.get_parameter("conv2_1.bias")[0] = float("nan")
    with pytest.raises(WeightsError, match=r"conv2_1\.bias is not finite"):
        write_decoder(tmp_path / "a.safetensors", decoder, Origin("x", "own", "0"))
    assert list(tmp_path.iterdir()) == []


def test_its_kind_is_told_to_lists_of_models(written):
    from artstyle.weights.model_names import kind_in

    assert kind_in(written[0]) == "adain"
    assert json.loads(json.dumps(read_header(written[0]).origin.notes)) == {"iterations": 3}
