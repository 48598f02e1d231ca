"""The anime networks against second forms, written as one function each from their descriptions.

The official networks could not be had here; what stands against ours is another way of writing
them down: YOLOv3 as the list of layers of the darknet programme, the others straight from names.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support.anime import seeded_state, summary
from torch import Tensor, nn
from torch.nn import functional as F

from artstyle.faces.anime.faster_rcnn import FasterRcnn
from artstyle.faces.anime.hrnet import HrNetV2
from artstyle.faces.anime.layers import count_parameters, folded, made_empty
from artstyle.faces.anime.yolov3 import YoloV3

DATA = Path(__file__).parents[1] / "data"
State = dict[str, Tensor]
KINDS = {"yolov3": YoloV3, "faster_rcnn": FasterRcnn, "hrnetv2": HrNetV2}
# Written down by hand, apart from the lists: names and shapes as mmdet's and mmpose's modules
# give them.
BY_HAND = {
    "yolov3": {
        "backbone.conv1.conv.weight": [32, 3, 3, 3],
        "backbone.conv1.bn.running_mean": [32],
        "backbone.conv_res_block1.conv.conv.weight": [64, 32, 3, 3],
        "backbone.conv_res_block1.res0.conv1.conv.weight": [32, 64, 1, 1],
        "backbone.conv_res_block3.res7.conv2.bn.bias": [256],
        "backbone.conv_res_block5.res3.conv2.conv.weight": [1024, 512, 3, 3],
        "neck.detect1.conv1.conv.weight": [512, 1024, 1, 1],
        "neck.detect1.conv4.conv.weight": [1024, 512, 3, 3],
        "neck.conv1.conv.weight": [256, 512, 1, 1],
        "neck.detect2.conv1.conv.weight": [256, 768, 1, 1],
        "neck.conv2.bn.num_batches_tracked": [],
        "neck.detect3.conv1.conv.weight": [128, 384, 1, 1],
        "bbox_head.convs_bridge.0.conv.weight": [1024, 512, 3, 3],
        "bbox_head.convs_bridge.2.bn.weight": [256],
        "bbox_head.convs_pred.0.weight": [18, 1024, 1, 1],
        "bbox_head.convs_pred.2.bias": [18],
    },
    "faster_rcnn": {
        "backbone.conv1.weight": [64, 3, 7, 7],
        "backbone.bn1.running_var": [64],
        "backbone.layer1.0.conv1.weight": [64, 64, 1, 1],
        "backbone.layer1.0.downsample.0.weight": [256, 64, 1, 1],
        "backbone.layer1.0.downsample.1.weight": [256],
        "backbone.layer3.5.conv2.weight": [256, 256, 3, 3],
        "backbone.layer4.2.bn3.bias": [2048],
        "neck.lateral_convs.0.conv.weight": [256, 256, 1, 1],
        "neck.lateral_convs.3.conv.weight": [256, 2048, 1, 1],
        "neck.fpn_convs.3.conv.bias": [256],
        "rpn_head.rpn_conv.weight": [256, 256, 3, 3],
        "rpn_head.rpn_cls.weight": [3, 256, 1, 1],
        "rpn_head.rpn_reg.bias": [12],
        "roi_head.bbox_head.shared_fcs.0.weight": [1024, 12544],
        "roi_head.bbox_head.shared_fcs.1.bias": [1024],
        "roi_head.bbox_head.fc_cls.weight": [2, 1024],
        "roi_head.bbox_head.fc_reg.weight": [4, 1024],
    },
    "hrnetv2": {
        "backbone.conv1.weight": [64, 3, 3, 3],
        "backbone.bn2.weight": [64],
        "backbone.layer1.0.downsample.1.running_mean": [256],
        "backbone.layer1.3.conv3.weight": [256, 64, 1, 1],
        "backbone.transition1.0.0.weight": [18, 256, 3, 3],
        "backbone.transition1.0.1.bias": [18],
        "backbone.transition1.1.0.0.weight": [36, 256, 3, 3],
        "backbone.stage2.0.branches.0.0.conv1.weight": [18, 18, 3, 3],
        "backbone.stage2.0.fuse_layers.0.1.0.weight": [18, 36, 1, 1],
        "backbone.stage2.0.fuse_layers.1.0.0.0.weight": [36, 18, 3, 3],
        "backbone.transition2.2.0.0.weight": [72, 36, 3, 3],
        "backbone.stage3.3.fuse_layers.2.0.0.0.weight": [18, 18, 3, 3],
        "backbone.stage3.3.fuse_layers.2.0.1.0.weight": [72, 18, 3, 3],
        "backbone.transition3.3.0.0.weight": [144, 72, 3, 3],
        "backbone.stage4.2.branches.3.3.bn2.weight": [144],
        "backbone.stage4.2.fuse_layers.3.0.2.1.running_var": [144],
        "keypoint_head.final_layer.0.weight": [270, 270, 1, 1],
        "keypoint_head.final_layer.1.weight": [270],
        "keypoint_head.final_layer.3.weight": [28, 270, 1, 1],
        "keypoint_head.final_layer.3.bias": [28],
    },
}


def test_the_networks_have_the_published_number_of_parameters() -> None:
    assert count_parameters(made_empty(YoloV3)) / 1e6 == pytest.approx(61.5, abs=0.05)
    assert count_parameters(made_empty(HrNetV2)) / 1e6 == pytest.approx(9.64, abs=0.005)
    # torchvision's Faster R-CNN, R50 and FPN, has 41,755,286 for 91 classes; less 89 classes,
    # plus the numbers of batch norms, and one set of differences instead of two.
    fewer_classes = (91 + 4 * 91 - 2 - 4) * 1025
    assert count_parameters(made_empty(FasterRcnn)) == 41_755_286 - fewer_classes + 53_120


@pytest.mark.parametrize("name", KINDS)
def test_names_and_shapes_are_pinned(name: str) -> None:
    state = made_empty(KINDS[name]).state_dict()
    for key, shape in BY_HAND[name].items():
        assert list(state[key].shape) == shape, key
    pinned = (DATA / f"anime_{name}_names.txt").read_text("utf-8").splitlines()
    assert summary(KINDS[name]) == pinned


def conv(x: Tensor, state: State, name: str, stride: int = 1) -> Tensor:
    weight = state[f"{name}.weight"]
    return F.conv2d(x, weight, state.get(f"{name}.bias"), stride, weight.shape[2] // 2)


def norm(x: Tensor, state: State, name: str) -> Tensor:
    part = [
        state[f"{name}.{one}"][:, None, None]
        for one in ("running_mean", "running_var", "weight", "bias")
    ]
    return (x - part[0]) / torch.sqrt(part[1] + 1e-5) * part[2] + part[3]


def ours(kind: type[nn.Module], state: State, x: Tensor) -> list[Tensor]:
    network = made_empty(kind)
    network.load_state_dict(state, assign=True)
    with torch.inference_mode():
        plain = network.eval()(x)
        merged = folded(network)(x)
    pairs = zip(plain, merged, strict=True)
    for one, two in pairs:
        assert_near(two, one)  # folding changes nothing
    assert not any(isinstance(one, nn.BatchNorm2d) for one in network.modules())
    return list(plain)


def assert_near(found: Tensor, wanted: Tensor) -> None:
    assert found.shape == wanted.shape
    assert (found - wanted).abs().max() < 2e-4 * wanted.abs().max()


def names_in_darknet_order() -> list[str]:
    """The convolutions of yolov3.cfg one after the other, under mmdet's names."""
    names = ["backbone.conv1"]
    for stage, blocks in enumerate((1, 2, 8, 8, 4), start=1):
        names.append(f"backbone.conv_res_block{stage}.conv")
        for block in range(blocks):
            names += [f"backbone.conv_res_block{stage}.res{block}.conv{n}" for n in (1, 2)]
    for level in range(3):
        names += [f"neck.conv{level}"] if level else []
        names += [f"neck.detect{level + 1}.conv{n}" for n in range(1, 6)]
        names += [f"bbox_head.convs_bridge.{level}", f"bbox_head.convs_pred.{level}"]
    return names


def darknet_layers() -> list[tuple[str, int]]:
    """yolov3.cfg: c = convolution of a stride, s = shortcut over 3, r and R = routes, u, y."""
    layers: list[tuple[str, int]] = [("c", 1)]
    for blocks in (1, 2, 8, 8, 4):
        layers += [("c", 2), *[("c", 1), ("c", 1), ("s", -3)] * blocks]
    for join in (61, 36, None):
        layers += [("c", 1)] * 7 + [("y", 0)]
        if join is not None:
            layers += [("r", -4), ("c", 1), ("u", 2), ("R", join)]
    return layers


def darknet(state: State, x: Tensor) -> list[Tensor]:
    names = iter(names_in_darknet_order())
    outs: list[Tensor] = []
    found = []
    for kind, figure in darknet_layers():
        if kind == "c":
            name = next(names)
            if "pred" in name:
                x = conv(x, state, name)
            else:
                x = conv(x, state, f"{name}.conv", figure)
                x = F.leaky_relu(norm(x, state, f"{name}.bn"), 0.1)
        elif kind == "s":
            x = x + outs[figure]
        elif kind == "r":
            x = outs[figure]
        elif kind == "u":
            x = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        elif kind == "R":
            x = torch.cat([x, outs[figure]], dim=1)
        else:
            found.append(x)
        outs.append(x)
    assert next(names, None) is None
    assert len(outs) == 107  # as many layers as darknet prints
    return found


def test_yolov3_is_darknets() -> None:
    state = seeded_state(YoloV3, 1)
    x = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(2))
    found, wanted = ours(YoloV3, state, x), darknet(state, x)
    assert [list(one.shape) for one in found] == [[1, 18, 2, 3], [1, 18, 4, 6], [1, 18, 8, 12]]
    for one, two in zip(found, wanted, strict=True):
        assert_near(one, two)


def bottleneck(x: Tensor, state: State, name: str, stride: int) -> Tensor:
    out = F.relu(norm(conv(x, state, f"{name}.conv1"), state, f"{name}.bn1"))
    out = F.relu(norm(conv(out, state, f"{name}.conv2", stride), state, f"{name}.bn2"))
    out = norm(conv(out, state, f"{name}.conv3"), state, f"{name}.bn3")
    if f"{name}.downsample.0.weight" in state:
        aside = conv(x, state, f"{name}.downsample.0", stride)
        x = norm(aside, state, f"{name}.downsample.1")
    return F.relu(out + x)


def pyramid(state: State, x: Tensor) -> list[Tensor]:
    x = F.relu(norm(conv(x, state, "backbone.conv1", 2), state, "backbone.bn1"))
    x = F.max_pool2d(x, 3, 2, 1)
    sides = []
    for layer, blocks in enumerate((3, 4, 6, 3), start=1):
        for block in range(blocks):
            stride = 2 if layer > 1 and block == 0 else 1
            x = bottleneck(x, state, f"backbone.layer{layer}.{block}", stride)
        sides.append(conv(x, state, f"neck.lateral_convs.{layer - 1}.conv"))
    for fine in (2, 1, 0):
        height, width = sides[fine].shape[2:]
        up = sides[fine + 1].repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        sides[fine] = sides[fine] + up[:, :, :height, :width]
    outs = [conv(side, state, f"neck.fpn_convs.{n}.conv") for n, side in enumerate(sides)]
    return [*outs, F.max_pool2d(outs[-1], 1, 2)]


def test_the_pyramid_is_what_its_description_says() -> None:
    state = seeded_state(FasterRcnn, 3)
    x = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(4))
    found, wanted = ours(FasterRcnn, state, x), pyramid(state, x)
    assert [one.shape[3] for one in found] == [24, 12, 6, 3, 2]
    for one, two in zip(found, wanted, strict=True):
        assert_near(one, two)


def hrnet(state: State, x: Tensor) -> Tensor:
    for number in (1, 2):
        x = conv(x, state, f"backbone.conv{number}", 2)
        x = F.relu(norm(x, state, f"backbone.bn{number}"))
    for block in range(4):
        x = bottleneck(x, state, f"backbone.layer1.{block}", 1)

    def steps(x: Tensor, name: str, strides: list[int], last_relu: bool) -> Tensor:
        for number, stride in enumerate(strides):
            x = norm(conv(x, state, f"{name}.{number}.0", stride), state, f"{name}.{number}.1")
            x = F.relu(x) if last_relu or number < len(strides) - 1 else x
        return x

    first = norm(conv(x, state, "backbone.transition1.0.0"), state, "backbone.transition1.0.1")
    rows = [F.relu(first), steps(x, "backbone.transition1.1", [2], True)]
    for stage, modules in ((2, 1), (3, 4), (4, 3)):
        if stage > 2:
            name = f"backbone.transition{stage - 1}.{stage - 1}"
            rows.append(steps(rows[-1], name, [2], True))
        for module in range(modules):
            name = f"backbone.stage{stage}.{module}"
            for row in range(stage):
                for block in range(4):
                    place = f"{name}.branches.{row}.{block}"
                    x = F.relu(
                        norm(conv(rows[row], state, f"{place}.conv1"), state, f"{place}.bn1")
                    )
                    x = norm(conv(x, state, f"{place}.conv2"), state, f"{place}.bn2")
                    rows[row] = F.relu(x + rows[row])
            sums = []
            for to in range(stage):
                total = torch.zeros_like(rows[to])
                for source in range(stage):
                    way = f"{name}.fuse_layers.{to}.{source}"
                    if source > to:
                        part = norm(conv(rows[source], state, f"{way}.0"), state, f"{way}.1")
                        size = rows[to].shape[2:]
                        part = F.interpolate(part, size=size, mode="bilinear")
                    elif source < to:
                        part = steps(rows[source], way, [2] * (to - source), False)
                    else:
                        part = rows[to]
                    total = total + part
                sums.append(F.relu(total))
            rows = sums
    size = rows[0].shape[2:]
    x = torch.cat([F.interpolate(row, size=size, mode="bilinear") for row in rows], dim=1)
    head = "keypoint_head.final_layer"
    x = F.relu(norm(conv(x, state, f"{head}.0"), state, f"{head}.1"))
    return conv(x, state, f"{head}.3")


def test_hrnet_is_what_its_description_says() -> None:
    state = seeded_state(HrNetV2, 5)
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(6))
    found = torch.stack(ours(HrNetV2, state, x))
    assert found.shape == (2, 28, 16, 16)
    with torch.inference_mode():
        assert_near(found, hrnet(state, x))
