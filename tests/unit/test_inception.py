"""Inception: the layers of an independent forward pass, the published forms of its weights."""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image as PillowImage
from torch import nn

from artstyle.errors import UsageError, WeightsError
from artstyle.metrics.inception_space import InceptionSpace
from artstyle.perception.inception import Conv, Inception, Mixed8
from artstyle.perception.inception_resize import PROTOCOLS, bicubic, bilinear_tf1, prepare
from artstyle.perception.inception_weights import matched, read_inception, tensorflow_names
from artstyle.perception.torchscript import read_tensors
from stylegan_ext.errors import CheckpointError, UnsafeFileError


def seeded() -> Inception:
    """Random weights whose normalisation does something and whose signal does not die out."""
    torch.manual_seed(0)
    network = Inception()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.7, 1.3)
            nn.init.normal_(module.bias, 0.1, 0.2)
            nn.init.normal_(module.running_mean, 0, 0.2)
            nn.init.uniform_(module.running_var, 0.6, 1.5)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def network() -> Inception:
    return seeded()


def pictures(count: int, side: int = 40) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for _ in range(count)]


class Plain:
    """The forward pass from the paper's figures, layer after layer, on bare tensors."""

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        self.state = state

    def conv(self, x, name, stride=1, pad=(0, 0)):
        weight = self.state[f"{name}.conv.weight"]
        y = F.conv2d(x, weight, stride=stride, padding=pad)
        gamma, beta, mean, variance = (
            self.state[f"{name}.bn.{part}"][:, None, None]
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        return ((y - mean) / (variance + 0.001) ** 0.5 * gamma + beta).clamp(min=0)

    def path(self, x, block, *steps):
        """Steps such as "branch7x7_2 1x7": the padding keeps the size, "/2" has none."""
        for step in steps:
            name, _, size = step.partition(" ")
            if size.endswith("/2"):
                x = self.conv(x, f"{block}.{name}", stride=2)
            else:
                height, width = map(int, size.split("x"))
                x = self.conv(x, f"{block}.{name}", pad=(height // 2, width // 2))
        return x

    def average(self, x):
        ones = torch.ones_like(x)
        windows = F.avg_pool2d(x, 3, 1, 1, divisor_override=1)
        return windows / F.avg_pool2d(ones, 3, 1, 1, divisor_override=1)

    def __call__(self, x):
        for name, pad in (("1a_3x3", None), ("2a_3x3", 0), ("2b_3x3", 1)):
            x = self.conv(x, f"Conv2d_{name}", 2 if pad is None else 1, (pad or 0, pad or 0))
        x = F.max_pool2d(x, 3, 2)
        x = self.conv(self.conv(x, "Conv2d_3b_1x1"), "Conv2d_4a_3x3")
        x = F.max_pool2d(x, 3, 2)
        for block in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
            x = torch.cat(
                [
                    self.path(x, block, "branch1x1 1x1"),
                    self.path(x, block, "branch5x5_1 1x1", "branch5x5_2 5x5"),
                    self.path(
                        x, block, "branch3x3dbl_1 1x1", "branch3x3dbl_2 3x3", "branch3x3dbl_3 3x3"
                    ),
                    self.path(self.average(x), block, "branch_pool 1x1"),
                ],
                1,
            )
        double = ("branch3x3dbl_1 1x1", "branch3x3dbl_2 3x3", "branch3x3dbl_3 3x3/2")
        x = torch.cat(
            [
                self.path(x, "Mixed_6a", "branch3x3 3x3/2"),
                self.path(x, "Mixed_6a", *double),
                F.max_pool2d(x, 3, 2),
            ],
            1,
        )
        for block in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
            once = ("branch7x7_1 1x1", "branch7x7_2 1x7", "branch7x7_3 7x1")
            twice = ("branch7x7dbl_1 1x1", "branch7x7dbl_2 7x1", "branch7x7dbl_3 1x7")
            twice += ("branch7x7dbl_4 7x1", "branch7x7dbl_5 1x7")
            x = torch.cat(
                [
                    self.path(x, block, "branch1x1 1x1"),
                    self.path(x, block, *once),
                    self.path(x, block, *twice),
                    self.path(self.average(x), block, "branch_pool 1x1"),
                ],
                1,
            )
        wide = ("branch7x7x3_1 1x1", "branch7x7x3_2 1x7", "branch7x7x3_3 7x1")
        x = torch.cat(
            [
                self.path(x, "Mixed_7a", "branch3x3_1 1x1", "branch3x3_2 3x3/2"),
                self.path(x, "Mixed_7a", *wide, "branch7x7x3_4 3x3/2"),
                F.max_pool2d(x, 3, 2),
            ],
            1,
        )
        for block in ("Mixed_7b", "Mixed_7c"):
            once = self.path(x, block, "branch3x3_1 1x1")
            twice = self.path(x, block, "branch3x3dbl_1 1x1", "branch3x3dbl_2 3x3")
            padded = F.pad(x, (1, 1, 1, 1), value=-1)  # below any value after a ReLU
            pooled = F.max_pool2d(padded, 3, 1) if block == "Mixed_7c" else self.average(x)
            x = torch.cat(
                [
                    self.path(x, block, "branch1x1 1x1"),
                    self.path(once, block, "branch3x3_2a 1x3"),
                    self.path(once, block, "branch3x3_2b 3x1"),
                    self.path(twice, block, "branch3x3dbl_3a 1x3"),
                    self.path(twice, block, "branch3x3dbl_3b 3x1"),
                    self.path(pooled, block, "branch_pool 1x1"),
                ],
                1,
            )
        return x.flatten(2).mean(2)


def test_it_has_the_layers_of_the_published_network(network):
    state = network.state_dict()
    # torchvision's Inception-v3 without its auxiliary head has 23,834,568; 1008 classes, not 1000
    assert sum(one.numel() for one in network.parameters()) == 23_834_568 + 8 * 2049
    assert sum(isinstance(module, Conv) for module in network.modules()) == 94
    assert state["Mixed_6c.branch7x7dbl_5.conv.weight"].shape == (192, 160, 1, 7)
    assert state["fc.weight"].shape == (1008, 2048)
    assert network.Mixed_7c.pool_by_maximum
    assert not network.Mixed_7b.pool_by_maximum


def test_features_are_those_of_the_plain_forward_pass(network):
    images = prepare(np.stack(pictures(2)), "official")
    expected = Plain(network.state_dict())(images)
    found = network(images)
    assert found.shape == (2, 2048)
    assert expected.std() > 0.01 * expected.abs().max()
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()


def test_the_last_block_pools_by_maximum_and_averages_do_not_count_padding():
    block = Mixed8(4, pool_by_maximum=False).eval()
    seen: list[torch.Tensor] = []
    block.branch_pool.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    ones = torch.ones(1, 4, 5, 5)
    block(ones)
    torch.testing.assert_close(seen[0], ones)  # at the edges too
    block.pool_by_maximum = True
    spot = torch.zeros(1, 4, 5, 5)
    spot[..., 2, 2] = 1
    block(spot)
    assert seen[1].sum() == 4 * 9


def test_fusing_the_normalisation_changes_nothing(network):
    fused = Inception().eval()
    fused.load_state_dict(network.state_dict())
    fused.fuse()
    fused.fuse()  # once more does nothing
    images = prepare(np.stack(pictures(1)), "clean")
    expected = network(images)
    assert (fused(images) - expected).abs().max() < 1e-5 * expected.abs().max()


def test_features_do_not_depend_on_company(network):
    space = InceptionSpace(network, "official", weights_sha256="0", licence="none")
    some = [*pictures(1), pictures(1, side=64)[0]]
    together = space(some)
    alone = np.concatenate([space([one]) for one in some])
    assert np.abs(together - alone).max() < 1e-5 * np.abs(alone).max()
    rows = space.probabilities(together)
    np.testing.assert_allclose(rows.sum(axis=1), 1, rtol=1e-5)
    assert space.ddof == 0  # as the official code


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_pictures_are_resized_each_for_itself(protocol):
    some = np.stack(pictures(3, side=20))
    alone = torch.cat([prepare(one[None], protocol) for one in some])
    assert torch.equal(prepare(some, protocol), alone)
    assert alone.shape == (3, 3, 299, 299)


def test_tensorflow_reads_from_the_corner():
    line = torch.tensor([0.0, 1.0])[None, None, None]
    found = bilinear_tf1(line.expand(1, 1, 2, 2), 4)
    torch.testing.assert_close(found[0, 0, 0], torch.tensor([0.0, 0.5, 1.0, 1.0]))
    torch.testing.assert_close(found[0, 0, 3], torch.tensor([0.0, 0.5, 1.0, 1.0]))
    down = bilinear_tf1(torch.arange(6.0).reshape(1, 1, 1, 6).expand(1, 1, 6, 6), 3)
    torch.testing.assert_close(down[0, 0, 0], torch.tensor([0.0, 2.0, 4.0]))  # not antialiased


def test_protocols_are_what_they_say():
    (picture,) = pictures(1, side=299)
    official = prepare(picture[None], "official")
    torch.testing.assert_close(
        official[0], (torch.from_numpy(picture).permute(2, 0, 1).float() - 128) / 128
    )
    fid = prepare(picture[None], "pytorch-fid")
    torch.testing.assert_close(
        fid[0], torch.from_numpy(picture).permute(2, 0, 1) / 127.5 - 1, atol=1e-6, rtol=0
    )
    edge = np.zeros((32, 32, 3), np.uint8)
    edge[:, 16:] = 255
    clean = bicubic(edge)
    assert clean.min() == 0  # bicubic overshoots, and is clamped
    assert clean.max() == 255
    assert (clean % 1 > 0).any()  # floats are not rounded to bytes
    plane = PillowImage.fromarray(edge[..., 0].astype(np.float32))
    large = np.asarray(plane.resize((299, 299), PillowImage.Resampling.BICUBIC))
    np.testing.assert_array_equal(clean[1], large.clip(0, 255))
    with pytest.raises(UsageError, match="no protocol 'mine'"):
        prepare(picture[None], "mine")
    with pytest.raises(UsageError, match="are no pictures"):
        prepare(picture, "official")


class Wrapped(nn.Module):
    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def save_script(module: nn.Module, example: torch.Tensor, path: Path, *, freeze=False) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls TorchScript deprecated
        traced = torch.jit.trace(module.eval(), example)
        if freeze:
            traced = torch.jit.freeze(traced)
        traced.save(str(path))


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """For files of a hundred megabytes, which pytest would keep."""
    yield tmp_path
    for path in tmp_path.iterdir():
        path.unlink()


def test_both_published_forms_give_the_same_network(network, scratch):
    plain, script = scratch / "pt_inception.pth", scratch / "inception.pt"
    state = network.state_dict()
    torch.save({k: v for k, v in state.items() if "num_batches" not in k}, plain)
    save_script(Wrapped(network), torch.zeros(1, 3, 75, 75), script)
    tensors = read_tensors(script)
    assert set(tensors) >= {"layers.Mixed_7c.branch_pool.bn.running_var"}
    # fc takes no part in the features, so that tracing keeps it only as a member
    images = prepare(np.stack(pictures(1)), "official")
    expected = network(images)
    for path in (plain, script):
        read = read_inception(path)
        assert (read(images) - expected).abs().max() < 1e-5 * expected.abs().max()
        torch.testing.assert_close(read.fc.weight, network.fc.weight, rtol=0, atol=0)
        assert not any(one.requires_grad for one in read.parameters())


def test_names_after_the_tensorflow_graph_are_understood(network):
    names = tensorflow_names()
    assert len(names) == len(set(names.values())) == 94
    assert names["mixed_10/tower_1/mixed/conv_1"] == "Mixed_7c.branch3x3dbl_3b"
    ours = network.state_dict()
    renamed = {}
    for tf, own in names.items():
        dotted = "layers." + tf.replace("/", ".")
        renamed[f"{dotted}.weight"] = ours[f"{own}.conv.weight"]
        for part, word in (
            ("bias", "beta"),
            ("running_mean", "moving_mean"),
            ("running_var", "moving_variance"),
        ):
            renamed[f"{dotted}.{word}"] = ours[f"{own}.bn.{part}"]
    renamed["layers.output.weight"] = ours["fc.weight"]
    state = matched(renamed, network, Path("x.pt"))
    assert set(state) == set(ours)
    gammas = [name for name in ours if name.endswith("bn.weight")]
    assert len(gammas) == 94
    for name, tensor in ours.items():
        if name in gammas:
            assert (state[name] == 1).all()  # the graph has none
        elif name != "fc.bias":
            assert torch.equal(state[name], tensor), name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("Mixed_6b.branch_pool.bn.bias"), r"Mixed_6b.*\[192\], found nothing"),
        (lambda s: s.update({"fc.weight": torch.zeros(1000, 2048)}), r"fc.weight.*\[1000, 2048\]"),
        (lambda s: s.update({"fc.bias": torch.full((1008,), torch.nan)}), "fc.bias is not finite"),
        (lambda s: s.pop("Conv2d_1a_3x3.conv.weight"), "names its .* in a way that is not known"),
    ],
)
def test_other_networks_are_refused(network, change, message):
    state = dict(network.state_dict())
    change(state)
    with pytest.raises(WeightsError, match=message) as fault:
        matched(state, network, Path("x.pth"))
    assert "models pull inception-fid" in fault.value.hint


def test_damaged_and_foreign_files_are_refused(tmp_path):
    damaged = tmp_path / "a.pth"
    damaged.write_bytes(b"no weights")
    with pytest.raises(WeightsError, match="cannot be read"):
        read_inception(damaged)
    other = tmp_path / "b.pth"
    torch.save([1, 2], other)
    with pytest.raises(WeightsError, match="no tensors by name"):
        read_inception(other)


class TestTorchScript:
    @pytest.fixture
    def archive(self, tmp_path) -> Path:
        path = tmp_path / "small.pt"
        torch.manual_seed(1)
        save_script(Wrapped(Conv(3, 4, 3)), torch.zeros(1, 3, 8, 8), path)
        return path

    def rewrite(self, archive: Path, name: str, data: bytes) -> Path:
        new = archive.with_name("changed.pt")
        with zipfile.ZipFile(archive) as old, zipfile.ZipFile(new, "w") as out:
            for entry in old.infolist():
                held = data if entry.filename.endswith(name) else old.read(entry)
                out.writestr(entry.filename, held)
        return new

    def test_tensors_have_their_names(self, archive):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = dict(torch.jit.load(str(archive)).state_dict())
        found = read_tensors(archive)
        assert set(found) == set(expected)
        assert all(torch.equal(found[name], expected[name]) for name in found)

    def test_a_call_in_the_description_is_refused(self, archive):
        class Evil:
            def __reduce__(self):
                return (print, ("was run",))

        stream = io.BytesIO()
        pickle.dump(Evil(), stream, protocol=2)
        with pytest.raises(UnsafeFileError, match=r"print: the file asks for it to be imported"):
            read_tensors(self.rewrite(archive, "/data.pkl", stream.getvalue()))

    def test_a_storage_of_another_size_is_refused(self, archive):
        with pytest.raises(CheckpointError, match="storage of 108 numbers has 8 bytes"):
            read_tensors(self.rewrite(archive, "/data/0", b"\0" * 8))

    def test_a_frozen_archive_says_that_it_is(self, tmp_path):
        path = tmp_path / "frozen.pt"
        save_script(Wrapped(Conv(3, 4, 3)), torch.zeros(1, 3, 8, 8), path, freeze=True)
        with pytest.raises(CheckpointError, match="it was frozen"):
            read_tensors(path)

    def test_a_cut_archive_is_damaged(self, archive):
        archive.write_bytes(archive.read_bytes()[:-40])
        with pytest.raises(CheckpointError, match="damaged"):
            read_tensors(archive)
