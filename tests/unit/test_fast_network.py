"""The fast net: shapes, norm by hand, tiles that are the whole, files that are what they say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from artstyle.baselines.fast.draw import Painter
from artstyle.baselines.fast.file import FastRecord, StyleRecord, read_fast, read_header, write_fast
from artstyle.baselines.fast.network import FastNet, Shape, narrowed, one_style
from artstyle.baselines.fast.norm import (
    EPSILON,
    ConditionalNorm,
    Held,
    Pooled,
    pooled_moments,
)
from artstyle.baselines.fast.tiles import tiles_of
from artstyle.errors import ImageError, UsageError, WeightsError
from artstyle.events import Event, Progress
from stylegan_ext.tensor_table import read_entries

TINY = Shape((4, 6, 8), blocks=1)
DICE = np.random.default_rng(5)
# Smooth, with a slope over the whole picture, so that parts of it have other statistics.
_ROWS, _COLUMNS = np.mgrid[0:180, 0:244]
PHOTO = np.stack(
    [_ROWS * 1.2, 120 + 90 * np.sin(_COLUMNS / 9), 255 - _COLUMNS + 30 * np.cos(_ROWS / 5)], -1
)
PHOTO = (PHOTO + DICE.normal(0, 6, PHOTO.shape)).clip(0, 255).astype(np.uint8)


def network(shape: Shape = TINY, seed: int = 0) -> FastNet:
    torch.manual_seed(seed)
    made = FastNet(shape)
    for name, held in made.named_parameters():
        if name.endswith((".gain", ".offset")):
            held.data = held.data + 0.3 * torch.randn(held.shape)
    return made.eval().requires_grad_(False)


def record(*names: str) -> FastRecord:
    styles = tuple(StyleRecord(name, f"{name}.jpg", "a" * 64, "public domain") for name in names)
    return FastRecord(styles, "VGG19", "CC0", "9 photos", {"iterations": 3})


@pytest.mark.parametrize("size", [(16, 16), (20, 44), (64, 32)])
def test_what_is_drawn_has_the_photos_size(size):
    drawn = network()(torch.rand(2, 3, *size) * 2 - 1, torch.ones(1, 1))
    assert drawn.shape == (2, 3, *size)
    assert drawn.std() > 0.01


def test_conditional_norm_by_hand():
    norm = ConditionalNorm(1, 2, 0)
    norm.gain.data = torch.tensor([[2.0], [10.0]])
    norm.offset.data = torch.tensor([[5.0], [-1.0]])
    maps = torch.tensor([[[[1.0, 3.0], [5.0, 7.0]]], [[[0.0, 0.0], [0.0, 4.0]]]])
    # First: mean 4, variance 5. Second: mean 1, variance 3.
    first = (torch.tensor([1.0, 3.0, 5.0, 7.0]) - 4) / (5 + EPSILON) ** 0.5
    second = (torch.tensor([0.0, 0.0, 0.0, 4.0]) - 1) / (3 + EPSILON) ** 0.5
    drawn = norm(maps, torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    torch.testing.assert_close(drawn[0].flatten(), first * 2 + 5)
    torch.testing.assert_close(drawn[1].flatten(), second * 10 - 1)
    mixed = norm(maps[:1], torch.tensor([[0.25, 0.75]]))  # gain 8, offset 0.5
    torch.testing.assert_close(mixed.flatten(), first * 8 + 0.5)
    given = norm(maps, torch.tensor([[1.0, 0.0]]), _Given(1.0, 4.0))
    torch.testing.assert_close(given, (maps - 1) / (4 + EPSILON) ** 0.5 * 2 + 5)


class _Given:
    def __init__(self, mean: float, variance: float) -> None:
        self._held = torch.tensor([mean]), torch.tensor([variance])

    def moments(self, layer: int, maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self._held


def test_one_picture_is_normalised_as_it_is_among_others():
    made = network(Shape((4, 6, 8), 2, 3))
    photos = torch.rand(3, 3, 32, 32) * 2 - 1
    together = made(photos, torch.eye(3))
    for number in range(3):
        alone = made(photos[number : number + 1], one_style(number, 3))
        torch.testing.assert_close(alone[0], together[number], atol=2e-5, rtol=1e-4)
    assert (together[0] - made(photos[:1], one_style(1, 3))[0]).abs().max() > 0.05


def test_a_net_of_several_styles_gives_nets_of_one():
    many = network(Shape((4, 6, 8), 1, 3))
    single = FastNet(TINY).eval()
    single.load_state_dict(narrowed(many.state_dict(), [2]))
    photo = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(single(photo, torch.ones(1, 1)), many(photo, one_style(2, 3)))


def test_statistics_are_pooled_and_held():
    parts = torch.tensor([[[[1.0, 3.0]]], [[[5.0, 7.0]]]])
    mean, variance = pooled_moments(parts)
    assert (mean.item(), variance.item()) == (4.0, 5.0)
    pooled = Pooled()
    pooled.add(parts[:1, ..., :1])
    pooled.add(parts[:1, ..., 1:])
    pooled.add(parts[1:])
    mean, variance = pooled.moments_like(parts)
    assert (mean.item(), variance.item()) == (4.0, 5.0)
    held = Held()
    assert held.moments(0, parts)[0].item() == 4.0
    assert held.moments(0, parts * 100)[0].item() == 4.0
    assert held.moments(1, parts * 100)[0].item() == 400.0


def test_far_means_lose_no_digits():
    maps = torch.randn(1, 2, 40, 40) + torch.tensor([1000.0, -3.0]).reshape(1, 2, 1, 1)
    pooled = Pooled()
    for row in range(0, 40, 8):
        pooled.add(maps[:, :, row : row + 8])
    mean, variance = pooled.moments_like(maps)
    exact = torch.var_mean(maps.double(), dim=(0, 2, 3), correction=0)
    torch.testing.assert_close(variance.double(), exact[0], rtol=1e-3, atol=0)
    torch.testing.assert_close(mean.double(), exact[1], rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("size", "tile_px"), [((180, 244), 64), ((180, 244), 100), ((177, 63), 64), ((31, 16), 4)]
)
def test_tiles_are_the_whole(size, tile_px):
    photo = np.ascontiguousarray(PHOTO[: size[0], : size[1]])
    made = network(Shape((4, 6, 8), 2))
    wanted = Painter(made, [1.0]).draw(photo).astype(int)
    events: list[Event] = []
    tiled = Painter(made, [1.0], whole_px=1, tile_px=tile_px).draw(photo, emit=events.append)
    assert np.abs(tiled.astype(int) - wanted).max() <= 1  # rounding
    assert (tiled != wanted).mean() < 0.01
    last = events[-1]
    assert isinstance(last, Progress)
    assert last.done == last.total == len(events)


def test_a_tile_by_itself_would_be_another_picture():
    made = network()
    wanted = Painter(made, [1.0]).draw(PHOTO)[:64, :64].astype(int)
    alone = Painter(made, [1.0]).draw(np.ascontiguousarray(PHOTO[:64, :64]))
    assert np.abs(alone.astype(int) - wanted).mean() > 3


@pytest.mark.parametrize(("height", "width", "tile"), [(100, 260, 64), (64, 64, 64), (68, 4, 32)])
def test_tiles_cover_every_pixel_once(height, width, tile):
    count = np.zeros((height, width), int)
    picture = np.arange(height * width).reshape(height, width)
    for one in tiles_of(height, width, tile):
        count[one.at(1)] += 1
        outer = one.wider(8, height, width)
        assert (picture[outer.at(1)][one.inside(outer).at(1)] == picture[one.at(1)]).all()
        assert (one.top % 4, one.left % 4, one.bottom % 4, one.right % 4) == (0, 0, 0, 0)
    assert (count == 1).all()


def test_odd_sizes_are_drawn_and_small_ones_refused():
    painter = Painter(network(), [1.0])
    for size in ((16, 17), (33, 50)):
        assert painter.draw(PHOTO[: size[0], : size[1]]).shape == (*size, 3)
    with pytest.raises(ImageError, match="12 x 40 pixels is too small"):
        painter.draw(PHOTO[:40, :12])
    for styles, words in (([1.0, 0.0], "knows 1 styles"), ([0.0], "cannot count 0")):
        with pytest.raises(UsageError, match=words):
            Painter(network(), styles)
    with pytest.raises(UsageError, match="tiles of 50 px"):
        Painter(network(), [1.0], tile_px=50)


def test_a_lamp_that_flickers_does_not_show():
    painter, dice = Painter(network(), [1.0]), np.random.default_rng(1)
    soft = PHOTO[:64, :64] * 0.6 + 40  # nothing is clipped
    frames = [(soft * (1 + 0.1 * dice.standard_normal())).astype(np.uint8) for _ in range(12)]

    def steps(means: list[float]) -> float:
        return float(np.mean([abs(a - b) for a, b in itertools.pairwise(means)]))

    assert steps([frame.mean() for frame in frames]) > 5
    assert steps([painter.draw(frame).mean() for frame in frames]) < 1


def test_bfloat16_draws_nearly_the_same():
    exact = Painter(network(), [1.0]).draw(PHOTO[:64, :64]).astype(int)
    rough = Painter(network(), [1.0], dtype=torch.bfloat16).draw(PHOTO[:64, :64]).astype(int)
    assert np.abs(exact - rough).mean() < 4


def test_a_file_is_read_back(tmp_path):
    made = network(Shape((4, 6, 8), 1, 2))
    path = tmp_path / "fast-two.safetensors"
    write_fast(path, made, record("night", "wave"))
    header = read_header(path)
    assert (header.shape, header.record, header.name) == (
        made.shape,
        record("night", "wave"),
        "fast-two",
    )
    assert path.stat().st_size < 2.5 * sum(one.numel() for one in made.parameters()) + 12_000
    read, _ = read_fast(path)
    photo = torch.rand(1, 3, 32, 32) * 2 - 1
    difference = read(photo, one_style(1, 2)) - made(photo, one_style(1, 2))
    assert difference.abs().max() < 0.02  # half precision
    write_fast(path, made, record("night", "wave"), half=False)
    torch.testing.assert_close(read_fast(path)[0].state_dict(), made.state_dict())
    assert [header.record.style_number(word) for word in ("wave", "0", "1")] == [1, 0, 1]
    with pytest.raises(UsageError, match="no style 'scream'") as caught:
        header.record.style_number("scream")
    assert caught.value.hint == "it has night, wave (0 to 1)"


def test_foreign_and_damaged_files_are_refused(tmp_path):
    path = tmp_path / "net.safetensors"
    write_fast(path, network(), record("night"))
    tensors, metadata = load_file(path), read_entries(path)[0]["__metadata__"]

    def changed(**more: str) -> None:
        save_file(tensors, path, metadata | more)

    cases = [
        ({"kind": "adain"}, "is no fast net: it holds 'adain'"),
        ({"format_version": "2"}, "of format '2'"),
        ({"widths": "[4, 6]"}, "its widths are"),
        ({"widths": "[4, 6, 9]"}, "does not fit its header"),
        ({"blocks": "-1"}, "its blocks are -1"),
        ({"blocks": "1e3"}, "its blocks are"),
        ({"styles": "[]"}, "lists no styles"),
        ({"styles": '[{"name": "x"}]'}, "a style is"),
        ({"notes": "[]"}, "lacks what it came from"),
        ({"content_sha256": "0" * 64}, "not those that were written"),
    ]
    for more, words in cases:
        changed(**more)
        with pytest.raises(WeightsError, match=words):
            read_fast(path)
    changed()
    read_fast(path)
    path.write_bytes(b"no net")
    with pytest.raises(WeightsError, match="cannot be read"):
        read_header(path)
    sick = network()
    sick.last.bias.data[0] = float("nan")
    with pytest.raises(WeightsError, match=r"last\.bias is not finite"):
        write_fast(tmp_path / "sick.safetensors", sick, record("night"))
    assert not (tmp_path / "sick.safetensors").exists()


def test_going_up_leaves_no_lattice():
    made = network()
    drawn = made(torch.full((1, 3, 48, 48), 0.3), torch.ones(1, 1))
    # A flat photo gives a flat picture: no pattern comes from how maps are enlarged.
    assert (drawn - drawn.mean(dim=(2, 3), keepdim=True)).abs().max() < 1e-3
