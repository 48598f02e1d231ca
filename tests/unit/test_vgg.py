"""VGG: the layers of an independently built network, and torchvision's file format."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from artstyle.errors import UsageError, WeightsError
from artstyle.perception import choose
from artstyle.perception.likeness import VGGFeatures, choose_features
from artstyle.perception.vgg import CONVOLUTIONS, MEAN, STD, VGG, WIDTHS
from artstyle.weights.entries import entry
from artstyle.weights.places import weights_file
from stylegan_ext.networks import Discriminator


def torchvision_like(depth: int) -> nn.Sequential:
    """The `features` of torchvision's VGG: convolution, ReLU, ..., pooling, numbered through."""
    layers: list[nn.Module] = []
    channels = 3
    for count, width in zip(CONVOLUTIONS[depth], WIDTHS, strict=True):
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*layers)


@pytest.fixture(scope="module")
def file16(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, nn.Sequential]:
    torch.manual_seed(0)
    network = torchvision_like(16)
    path = tmp_path_factory.mktemp("vgg") / "vgg16.pth"
    state = {f"features.{name}": tensor for name, tensor in network.state_dict().items()}
    torch.save(state | {"classifier.0.weight": torch.zeros(2, 2)}, path)
    return path, network


def test_maps_are_those_of_the_layers_in_order(file16: tuple[Path, nn.Sequential]) -> None:
    path, peer = file16
    images = torch.rand(1, 3, 40, 32) * 2 - 1
    layers = ["relu4_3", "conv1_1", "relu2_2", "conv5_2"]
    found = VGG.from_file(path, 16)(images, layers)
    assert list(found) == layers
    x = (images / 2 + 0.5 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    # positions in the Sequential: two per convolution, one per pooling
    ends = {"conv1_1": 1, "relu2_2": 9, "relu4_3": 23, "conv5_2": 27}
    with torch.no_grad():
        for name, end in ends.items():
            torch.testing.assert_close(found[name], peer[:end](x), rtol=1e-4, atol=1e-5)


def test_foreign_files_are_refused(file16: tuple[Path, nn.Sequential], tmp_path: Path) -> None:
    path, _ = file16
    with pytest.raises(WeightsError, match=r"no VGG19 \(torchvision\): features\.16\.weight"):
        VGG.from_file(path, 19)
    broken = tmp_path / "broken.pth"
    broken.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        VGG.from_file(broken, 16)
    with pytest.raises(WeightsError, match="no layer 'relu3_4'"):
        VGG(16)(torch.zeros(1, 3, 32, 32), ["relu3_4"])


def test_distance_of_likeness(file16: tuple[Path, nn.Sequential]) -> None:
    features = VGGFeatures(VGG.from_file(file16[0], 16))
    images = torch.rand(2, 3, 300, 300) * 2 - 1
    rows = features(images)
    assert "VGG16" in features.name
    assert float((rows[0] - features(images[:1])[0]).abs().max()) < 1e-5
    distance = float((rows[0] - rows[1]).square().sum())
    assert 0 < distance < 4


def test_auto_takes_what_is_there_and_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choose, "starter_folder", lambda: tmp_path)  # our own network goes before
    d = Discriminator(0, 16, 3, channel_base=128, channel_max=8)
    assert choose_features("auto", {"D": d}).name == "discriminator"
    assert choose_features("auto", {}).name == "pixel pyramid"
    assert choose_features("pixels", {"D": d}).name == "pixel pyramid"
    with pytest.raises(UsageError, match="holds no discriminator"):
        choose_features("discriminator", {})
    with pytest.raises(WeightsError, match="vgg16"):
        choose_features("vgg16", {"D": d})


def test_auto_does_not_pass_over_damaged_weights(artstyle_home: Path) -> None:
    path = weights_file(entry("vgg16"))
    assert path.is_relative_to(artstyle_home)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"cut short")
    with pytest.raises(WeightsError, match="vgg16"):
        choose_features("auto", {})
