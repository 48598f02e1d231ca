"""Networks that see: layers by name, channels of one mean activation, files, and which is taken."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from artstyle.errors import UsageError, WeightsError
from artstyle.metrics.own_space import SIDE_PX, OwnSpace
from artstyle.metrics.space import measure_name
from artstyle.perception import choose, vgg
from artstyle.perception.choose import CHOICES, choose_perception, own_file
from artstyle.perception.likeness import OwnFeatures, choose_features
from artstyle.perception.normalised import (
    QUIETEST,
    mean_activations,
    normalise,
    pink_pictures,
    scale_channels,
)
from artstyle.perception.own import (
    MOST_BYTES,
    OwnFacts,
    new_network,
    read_facts,
    read_own,
    write_own,
)
from artstyle.perception.random_filters import random_filters
from artstyle.perception.stack import ConvStack
from artstyle.perception.statistics import STATISTICS_LAYERS, map_statistics
from artstyle.perception.vgg import VGG, read_normalised_vgg
from artstyle.weights.entries import entry
from artstyle.weights.model_names import kind_in, starter_folder
from artstyle.weights.places import weights_file
from stylegan_ext.networks import Discriminator

# What baselines and AdaIN ask for.
CONTRACT = {"conv4_2", "conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"}
CONTRACT |= {"relu1_1", "relu2_1", "relu3_1", "relu4_1", "conv1_2", "conv2_2", "conv3_2"}
FACTS = OwnFacts(
    "CC0-1.0",
    ({"what": "noise", "licence": "CC0-1.0", "origin": "a test", "pictures": 2},),
    {"probe": 0.5},
    "artstyle train-perception --pictures material/content",
    {"pictures": 2},
)


def tiny(**more) -> ConvStack:
    """Two blocks, seeded."""
    torch.manual_seed(1)
    network = ConvStack("tiny", (2, 1), (6, 8), mean=(0.5,) * 3, std=(0.5,) * 3, **more)
    return network.eval().requires_grad_(False)


def pictures(count: int = 2, side: int = 40) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(9)) * 2 - 1


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "perception.safetensors"
    write_own(path, random_filters(3), FACTS)
    return path


class TestLayers:
    def test_every_network_has_what_baselines_ask_for(self):
        for network in (new_network(), VGG(16), VGG(19)):
            assert set(network.layers) >= CONTRACT
        assert new_network().layers[-1] == "relu5_1"
        assert [new_network().channels(f"conv{block}_1") for block in range(1, 6)] == [
            32,
            64,
            128,
            256,
            256,
        ]

    def test_maps_of_any_size_in_the_order_asked_for(self):
        found = new_network()(torch.zeros(2, 3, 70, 33), ["relu5_1", "conv4_2", "relu1_1"])
        assert {name: tuple(x.shape) for name, x in found.items()} == {
            "relu5_1": (2, 256, 4, 2),
            "conv4_2": (2, 256, 8, 4),
            "relu1_1": (2, 32, 70, 33),
        }
        assert list(found) == ["relu5_1", "conv4_2", "relu1_1"]

    def test_maps_are_those_of_the_convolutions(self):
        network, images = tiny(), pictures()
        found = network(images, network.layers)
        x = (images / 2 + 0.5 - 0.5) / 0.5
        for name in network.conv_names:
            x = F.max_pool2d(x, 2) if name == "conv2_1" else x
            conv = network.convolution(name)
            x = F.conv2d(x, conv.weight, conv.bias, padding=1)
            torch.testing.assert_close(found[name], x)
            x = x.clamp(min=0)
            torch.testing.assert_close(found[f"relu{name[4:]}"], x)
        alone = network(images, ["conv2_1"])["conv2_1"]
        assert torch.equal(alone, found["conv2_1"])
        assert float(alone.min()) < 0

    def test_averages_in_place_of_maxima(self):
        network, images = tiny(pooling="average"), pictures()
        found = network(images, ["relu1_2", "conv2_1"])
        conv = network.convolution("conv2_1")
        expected = F.conv2d(F.avg_pool2d(found["relu1_2"], 2), conv.weight, conv.bias, padding=1)
        torch.testing.assert_close(found["conv2_1"], expected)

    @pytest.mark.parametrize("padding", ["replicate", "reflect"])
    def test_a_plain_picture_has_no_edges(self, padding):
        plain = torch.full((1, 3, 32, 32), 0.3)
        for name, even in ((padding, True), ("zeros", False)):
            x = tiny(padding=name)(plain, ["relu2_1"])["relu2_1"]
            assert bool((x - x[:, :, 8:9, 8:9]).abs().max() < 1e-5) is even

    def test_gradients_reach_the_picture(self):
        images = pictures().requires_grad_()
        maps = new_network()(images, ["conv4_2", "relu1_1"])
        sum(x.square().mean() for x in maps.values()).backward()
        assert float(images.grad.abs().min()) >= 0
        assert float(images.grad.abs().sum()) > 0

    def test_wrong_use(self):
        network = tiny()
        with pytest.raises(WeightsError, match="tiny has no layer 'conv3_1'"):
            network(pictures(), ["conv3_1"])
        with pytest.raises(WeightsError, match="no layer 'conv1_3'"):
            network.channels("conv1_3")
        with pytest.raises(UsageError, match="no layer was asked for"):
            network(pictures(), [])
        with pytest.raises(UsageError, match=r"at least 32 px a side; these are \[1, 3, 31, 40\]"):
            network(torch.zeros(1, 3, 31, 40), ["conv1_1"])
        with pytest.raises(UsageError, match="no pooling 'min'"):
            tiny(pooling="min")


class TestNormalised:
    def test_every_channel_has_a_mean_of_one_and_sees_what_it_saw(self):
        network, images = tiny(), pictures(4)
        names = ("relu1_1", "relu1_2", "relu2_1")
        before = network(images, names)
        means = mean_activations(network, images.split(3))
        for name in names:
            torch.testing.assert_close(means[name].float(), before[name].mean(dim=(0, 2, 3)))
        normalise(network, images.split(3))
        after = network(images, names)
        for name in names:
            divisor = means[name].clamp(min=QUIETEST * means[name].mean())
            expected = before[name] / divisor.float()[:, None, None]
            torch.testing.assert_close(after[name], expected, rtol=1e-4, atol=1e-5)
            loud = means[name] > QUIETEST * means[name].mean()
            assert int(loud.sum()) >= 4
            mean = after[name].mean(dim=(0, 2, 3))[loud]
            torch.testing.assert_close(mean, torch.ones_like(mean), rtol=1e-4, atol=0)

    def test_silent_channels_stay_silent_and_finite(self):
        network = tiny()
        with torch.no_grad():
            network.convolution("conv1_1").bias[0] = -100.0
            network.convolution("conv2_1").bias.fill_(-100.0)
        before = network.convolution("conv2_1").bias.clone()
        normalise(network, [pictures()])
        assert all(bool(torch.isfinite(p).all()) for p in network.parameters())
        assert float(network(pictures(), ["relu1_1"])["relu1_1"][:, 0].max()) == 0
        assert torch.equal(network.convolution("conv2_1").bias, before)

    def test_no_pictures(self):
        with pytest.raises(UsageError, match="no pictures to normalise"):
            normalise(tiny(), [])

    def test_vgg_can_be_scaled_as_well(self, monkeypatch):
        monkeypatch.setattr(vgg, "WIDTHS", (4, 4, 6, 6, 6))
        torch.manual_seed(0)
        network = VGG(16).requires_grad_(False)
        means = mean_activations(network, [pictures()])
        scale_channels(network, means)
        found = mean_activations(network, [pictures()])["relu3_3"]
        loud = means["relu3_3"] > QUIETEST * means["relu3_3"].mean()
        torch.testing.assert_close(found[loud], torch.ones_like(found[loud]), rtol=1e-3, atol=0)

    def test_noise_like_photos(self):
        few, more = pink_pictures(1, seed=4), pink_pictures(2, seed=4)
        assert torch.equal(few[0], more[0])
        assert not torch.equal(more[0], more[1])
        assert not torch.equal(few, pink_pictures(1, seed=5))
        assert float(more.abs().max()) <= 1
        near = (few[..., 1:] - few[..., :-1]).std() / few.std()
        assert float(near) < 0.8  # neighbours are alike; of white noise this is 1.4


class TestRandomFilters:
    def test_the_seed_makes_them(self):
        first, again, other = random_filters(1), random_filters(1), random_filters(2)
        for name, held in first.named_parameters():
            assert torch.equal(held, again.get_parameter(name))
        weight = first.convolution("conv3_1").weight
        assert not torch.equal(weight, other.convolution("conv3_1").weight)
        assert first.name == "random filters, seed 1"
        assert not weight.requires_grad

    def test_layers_are_of_one_size(self):
        network = random_filters()
        found = network(pink_pictures(4, seed=7), ("relu1_1", "relu3_1", "relu5_1"))
        for x in found.values():
            assert 0.5 < float(x.mean()) < 2


class TestFiles:
    def test_what_is_written_is_read(self, written):
        network, truth = read_own(written), random_filters(3)
        for name, held in truth.named_parameters():
            found = network.get_parameter(name)
            assert found.dtype == torch.float32
            assert torch.equal(found, held.half().float())
        assert network.name.startswith("own network perception (")
        assert read_facts(written) == FACTS
        assert kind_in(written) == "perception"
        assert written.stat().st_size < MOST_BYTES
        assert not any(parameter.requires_grad for parameter in network.parameters())

    def test_numbers_that_float16_cannot_hold_are_refused(self, tmp_path):
        network = random_filters()
        network.convolution("conv1_1").weight[0, 0, 0, 0] = 1e6
        with pytest.raises(WeightsError, match=r"conv1_1\.weight holds numbers that float16"):
            write_own(tmp_path / "p.safetensors", network, FACTS)
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        ("key", "value", "why"),
        [
            ("kind", "encoder", "it holds weights of the kind 'encoder'"),
            ("kind", None, "it does not say so"),
            ("format_version", "2", "of version '2'"),
            ("network", "{", "is no JSON"),
            ("network", None, "says nothing of its network"),
            (
                "network",
                '{"convolutions": [99], "widths": [4]}',
                "convolutions and widths are none",
            ),
            ("network", "[]", "convolutions and widths are none"),
            ("mean", [0.5], "no three numbers"),
            ("std", [0.0, 0.1, 0.1], "no three numbers"),
            ("widths", [32, 64, 128, 256, 250], "conv5_1.weight is"),
            ("convolutions", [2, 2, 2, 2, 2], "conv5_2.weight is missing"),
        ],
    )
    def test_a_foreign_header_is_refused(self, written, tmp_path, key, value, why):
        from safetensors import safe_open

        with safe_open(written, framework="pt") as held:
            metadata = held.metadata()
        if key in ("mean", "std", "widths", "convolutions"):
            metadata["network"] = json.dumps(json.loads(metadata["network"]) | {key: value})
        elif value is None:
            del metadata[key]
        else:
            metadata[key] = value
        path = tmp_path / "foreign.safetensors"
        save_file(load_file(written), path, metadata)
        with pytest.raises(WeightsError, match=why.replace("(", r"\(")):
            read_own(path)

    def test_damage_is_told(self, written, tmp_path):
        path = tmp_path / "cut.safetensors"
        path.write_bytes(written.read_bytes()[:-100])
        with pytest.raises(WeightsError, match=r"cut\.safetensors"):
            read_own(path)
        tensors = load_file(written)
        tensors["conv2_1.bias"][0] = float("nan")
        write_own(path, random_filters(), FACTS)
        from safetensors import safe_open

        with safe_open(path, framework="pt") as held:
            metadata = held.metadata()
        save_file(tensors, path, metadata)
        with pytest.raises(WeightsError, match="not finite"):
            read_own(path)
        with pytest.raises(WeightsError, match="nowhere"):
            read_own(tmp_path / "nowhere.safetensors")

    def test_what_is_said_of_it_is_checked(self, written, tmp_path):
        from safetensors import safe_open

        with safe_open(written, framework="pt") as held:
            metadata = held.metadata()
        for key, value, why in (
            ("sources", '{"a": 1}', "no list of tables"),
            ("figures", "[]", "no table"),
        ):
            path = tmp_path / f"{key}.safetensors"
            save_file(load_file(written), path, {**metadata, key: value})
            with pytest.raises(WeightsError, match=why):
                read_facts(path)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A starter folder without a network."""
    folder = tmp_path / "starter"
    folder.mkdir()
    monkeypatch.setattr(choose, "starter_folder", lambda: folder)
    return folder


class TestChoice:
    def test_nothing_trained_leaves_random_filters_and_says_so(self, bare):
        heard = []
        assert choose_perception("auto", emit=heard.append).name == "random filters, seed 0"
        assert "VGG19's weights are not here" in heard[0].text
        with pytest.raises(WeightsError, match="came without its own") as caught:
            choose_perception("own")
        assert "train-perception" in caught.value.hint

    def test_our_own_goes_before_random_filters_and_the_workspaces_first(
        self, bare, written, workspace
    ):
        (bare / "perception.safetensors").write_bytes(written.read_bytes())
        assert choose_perception("auto").name.startswith("own network")
        assert own_file(workspace) == bare / "perception.safetensors"
        mine = workspace / "models" / "perception.safetensors"
        write_own(mine, random_filters(8), FACTS)
        assert own_file(workspace) == mine
        found = choose_perception("own", workspace=workspace, padding="replicate")
        assert found.name != choose_perception("own").name
        assert found.padding == "replicate"

    def test_a_file_can_be_named(self, written):
        found = choose_perception(str(written), pooling="average")
        assert found.name == read_own(written).name
        assert found.pooling == "average"

    def test_vgg_is_not_guessed(self, bare):
        for name in ("vgg19", "vgg16", "vgg19-normalised"):
            with pytest.raises(WeightsError, match=f"{name} is not on this machine"):
                choose_perception(name)
        with pytest.raises(WeightsError, match="no perception 'vgg11'"):
            choose_perception("vgg11")

    def test_damaged_vgg_is_not_passed_over(self, bare):
        path = weights_file(entry("vgg19"))
        path.parent.mkdir(parents=True)
        path.write_bytes(b"cut short")
        with pytest.raises(WeightsError, match="vgg19"):
            choose_perception("auto")

    def test_a_network_normalised_on_given_pictures_says_so(self):
        found = choose_perception("random", normalised_on=[pictures(4)])
        assert found.name == "random filters, seed 0, normalised"
        assert float(found(pictures(4), ["relu2_1"])["relu2_1"].mean()) == pytest.approx(1, abs=0.2)

    def test_choices_are_the_documented_ones(self):
        assert CHOICES == ("auto", "vgg19", "vgg16", "vgg19-normalised", "own", "random")


def adain_like(widths: tuple[int, ...]) -> nn.Sequential:
    """The encoder of AdaIN's authors as it is published for torch, at these widths."""
    layers: list[nn.Module] = [nn.Conv2d(3, 3, 1)]
    channels = 3
    for block, (count, width) in enumerate(zip((2, 2, 4, 4, 4), widths, strict=True)):
        if block:
            layers.append(nn.MaxPool2d(2, 2, ceil_mode=True))
        for _ in range(count):
            layers += [nn.ReflectionPad2d(1), nn.Conv2d(channels, width, 3), nn.ReLU()]
            channels = width
    return nn.Sequential(*layers)


class TestNormalisedVgg:
    def test_maps_are_those_of_the_authors_network(self, tmp_path, monkeypatch):
        widths = (4, 6, 6, 8, 8)
        monkeypatch.setattr(vgg, "WIDTHS", widths)
        torch.manual_seed(0)
        peer = adain_like(widths)
        torch.save(peer.state_dict(), tmp_path / "vgg_normalised.pth")
        network = read_normalised_vgg(tmp_path / "vgg_normalised.pth")
        images = torch.rand(1, 3, 45, 38) * 2 - 1  # odd sizes: poolings round up
        # the ends of relu1_1, relu2_1, relu3_1, relu4_1 and relu5_4 in the published numbering
        ends = {"relu1_1": 4, "relu2_1": 11, "relu3_1": 18, "relu4_1": 31, "relu5_4": 54}
        found = network(images, tuple(ends))
        with torch.no_grad():
            for name, end in ends.items():
                truth = peer[:end](images / 2 + 0.5)
                torch.testing.assert_close(found[name], truth, rtol=1e-4, atol=1e-5)

    def test_another_file_is_refused(self, tmp_path, monkeypatch):
        monkeypatch.setattr(vgg, "WIDTHS", (4, 6, 6, 8, 8))
        torch.save(adain_like((4, 6, 6, 8, 9)).state_dict(), tmp_path / "a.pth")
        with pytest.raises(WeightsError, match=r"normalised .*: 42\.weight should be"):
            read_normalised_vgg(tmp_path / "a.pth")
        state = adain_like((4, 6, 6, 8, 8)).state_dict()
        torch.save({k: v for k, v in state.items() if k != "0.weight"}, tmp_path / "b.pth")
        with pytest.raises(WeightsError, match=r"0\.weight should be .* found nothing"):
            read_normalised_vgg(tmp_path / "b.pth")
        torch.save({**state, "2.weight": "text"}, tmp_path / "c.pth")
        with pytest.raises(WeightsError, match=r"a str at 2\.weight"):
            read_normalised_vgg(tmp_path / "c.pth")


class TestStatistics:
    def test_means_and_deviations_by_hand(self):
        x = torch.tensor([[[[1.0, 3.0]], [[2.0, 2.0]]]])
        found = map_statistics({"a": x, "b": x * 2}, ("b", "a"))
        expected = torch.tensor([[4.0, 4, 2, 0, 2, 2, 1, 0]])
        torch.testing.assert_close(found, expected, rtol=0, atol=4e-3)

    def test_space_is_named_and_pictures_are_seen_alone(self, written):
        space = OwnSpace.from_file(written)
        assert measure_name("fid", space) == "fd_own"
        assert measure_name("kid", space) == "kd_own"
        assert space.dim == 2 * sum(space.network.channels(layer) for layer in STATISTICS_LAYERS)
        assert space.licence == "CC0-1.0"
        dice = np.random.default_rng(0)
        shapes = ((64, 64), (SIDE_PX, SIDE_PX), (200, 150))
        some = [dice.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in shapes]
        rows = space(some)
        assert rows.shape == (3, space.dim)
        assert rows.dtype == np.float32
        np.testing.assert_allclose(space(some[1:2])[0], rows[1], rtol=1e-3, atol=1e-4)
        assert np.array_equal(space(some), rows)
        assert space([]).shape == (0, space.dim)

    def test_another_file_is_another_identity(self, written, tmp_path):
        other = tmp_path / "other.safetensors"
        write_own(other, random_filters(4), FACTS)
        assert OwnSpace.from_file(other).identity != OwnSpace.from_file(written).identity

    def test_projections_take_it_between_vgg_and_the_discriminator(
        self, bare, written, monkeypatch
    ):
        judge = Discriminator(0, 16, 3, channel_base=128, channel_max=8)
        assert choose_features("auto", {"D": judge}).name == "discriminator"
        (bare / "perception.safetensors").write_bytes(written.read_bytes())
        features = choose_features("auto", {"D": judge})
        assert isinstance(features, OwnFeatures)
        assert features.name.startswith("own network perception (")
        rows = features(pictures(2, 300))
        assert rows.shape[0] == 2
        assert features(pictures(1, 16)).shape == features(pictures(1, 32)).shape
        assert 0 < float((rows[0] - rows[1]).square().sum()) < 4
        (bare / "perception.safetensors").unlink()
        with pytest.raises(WeightsError, match="came without"):
            choose_features("own", {"D": judge})


def test_what_ships_is_small_trained_and_says_what_it_is():
    path = starter_folder() / "perception.safetensors"
    assert path.stat().st_size <= MOST_BYTES
    facts = read_facts(path)
    assert facts.figures["probe"] > facts.figures["probe_random"] > facts.figures["chance"]
    assert "CC BY 4.0" in facts.licence
    assert "material/content" in facts.command
    card = (starter_folder() / "cards" / "perception.md").read_text(encoding="utf-8")
    for source in facts.sources:
        assert str(source["what"]) in card
    assert "/work" not in facts.command
    network = choose_perception("own")
    found = mean_activations(network, [pink_pictures(4, seed=1)])
    assert all(0.05 < float(mean.mean()) < 20 for mean in found.values())
