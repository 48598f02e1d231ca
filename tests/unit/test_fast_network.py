"""The fast net: shapes, norm by hand, tiles that are the whole, files that are what they say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from artstyle.baselines.fast.draw import FilmPainter, Painter, patches_of, tiles_of
from artstyle.baselines.fast.file import FastRecord, StyleRecord, read_fast, read_header, write_fast
from artstyle.baselines.fast.network import FastNet, Shape, narrowed, one_style
from artstyle.baselines.fast.norm import EPSILON, ConditionalNorm, Followed, Held, Measured
from artstyle.errors import ImageError, UsageError, WeightsError
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


def test_nothing_beyond_the_reach_matters():
    made = network(Shape((3, 4, 4), 2)).double()
    reach = made.shape.reach_px
    photo = torch.rand(1, 3, 16, 2 * reach + 48, dtype=torch.float64)
    measured = Measured()
    before = made(photo, torch.ones(1, 1).double(), measured)
    held, middle = Held(measured), photo.shape[3] // 2
    near, far = photo.clone(), photo.clone()
    near[..., middle + reach - 12] += 1
    far[..., middle + reach + 1] += 1
    ones = torch.ones(1, 1).double()
    assert (made(far, ones, held) - before)[..., : middle + 1].abs().max() < 1e-9
    assert (made(near, ones, held) - before)[..., : middle + 1].abs().max() > 1e-9


def test_statistics_are_pooled_held_and_followed():
    maps = torch.tensor([[[[1.0, 3.0]]], [[[5.0, 7.0]]]])
    measured = Measured()
    mean, variance = measured.moments(0, maps)
    assert (mean.item(), variance.item()) == (4.0, 5.0)
    assert Held(measured).moments(0, maps * 100) == (mean, variance)
    followed = Followed(0.25)
    assert followed.moments(3, maps)[0].item() == 4.0
    mean, variance = followed.moments(3, maps + 8)  # mean 12
    assert (mean.item(), variance.item()) == (6.0, 5.0)
    assert followed.moments(3, maps + 8)[0].item() == 7.5
    followed.forget()
    assert followed.moments(3, maps + 8)[0].item() == 12.0


def test_tiles_are_the_whole():
    made = network()
    whole = Painter(made, [1.0])
    measured = Measured()
    wanted = whole.draw_with(PHOTO, measured)

    class SameStatistics(Painter):
        def measured(self, photo):
            return measured

    tiled = SameStatistics(made, [1.0], whole_px=1, tile_px=64).draw(PHOTO)
    assert np.abs(tiled.astype(int) - wanted.astype(int)).max() <= 1  # rounding
    assert (tiled != wanted).mean() < 0.01
    # Without statistics of the whole, each tile would be another picture.
    alone = whole.draw(np.ascontiguousarray(PHOTO[:64, :64]))
    assert np.abs(alone.astype(int) - wanted[:64, :64].astype(int)).mean() > 3


def test_statistics_of_patches_are_near_those_of_the_whole():
    made = network()
    painter = Painter(made, [1.0], whole_px=1, tile_px=64)
    wanted = Painter(made, [1.0]).draw(PHOTO).astype(int)
    drawn = painter.draw(PHOTO).astype(int)
    apart = np.empty_like(PHOTO)
    for tile in tiles_of(*PHOTO.shape[:2], 64, made.shape.reach_px):
        cut = np.ascontiguousarray(PHOTO[tile.sees])
        apart[tile.gives] = Painter(made, [1.0]).draw(cut)[tile.inside]
    fault = np.abs(drawn - wanted).mean()
    assert fault < 0.25 * np.abs(apart - wanted).mean()
    edges = np.abs(np.diff(drawn, axis=1)).mean(axis=(0, 2))
    seams = edges[[63, 127, 191]].mean()
    assert seams < 1.2 * np.median(edges)


@pytest.mark.parametrize(("height", "width", "tile"), [(100, 260, 64), (64, 64, 64), (129, 70, 32)])
def test_tiles_cover_every_pixel_once(height, width, tile):
    count = np.zeros((height, width), int)
    picture = np.arange(height * width).reshape(height, width)
    for one in tiles_of(height, width, tile, 16):
        count[one.gives] += 1
        seen = picture[one.sees]
        assert min(seen.shape) >= 16
        assert (seen[one.inside] == picture[one.gives]).all()
        assert all(place.start % 4 == 0 for place in one.sees)
    assert (count == 1).all()


def test_patches_lie_inside_and_reach_the_corners():
    for height, width in ((300, 5000), (257, 258), (40, 3000), (4000, 6000)):
        places = patches_of(height, width)
        rows, columns = ([place[axis] for place in places] for axis in (0, 1))
        assert min(one.start for one in (*rows, *columns)) >= 0
        assert max(one.stop for one in rows) <= height
        assert max(one.stop for one in columns) <= width
        sizes = {(r.stop - r.start, c.stop - c.start) for r, c in places}
        assert len(sizes) == 1
        assert all(side % 4 == 0 for side in sizes.pop())
        assert len(set(map(str, places))) == len(places)
    assert sum((r.stop - r.start) * (c.stop - c.start) for r, c in places) < 3_000_000
    assert max(one.stop for one in columns) > 5990
    assert min(one.start for one in columns) == 0


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


def test_a_films_colours_do_not_flicker():
    made = network()
    dice = np.random.default_rng(1)
    frames = [  # a scene under a lamp that flickers
        (PHOTO[:64, :64] * (1 + 0.15 * dice.standard_normal())).clip(0, 255).astype(np.uint8)
        for _ in range(12)
    ]

    def steps(draw) -> float:
        means = [draw(frame).mean(axis=(0, 1)) for frame in frames]
        return float(np.mean([np.abs(a - b).mean() for a, b in itertools.pairwise(means)]))

    painter = Painter(made, [1.0])
    followed = FilmPainter(painter, share=0.1)
    light = float(np.mean([abs(a.mean() - b.mean()) for a, b in itertools.pairwise(frames)]))
    assert light > 5
    first = followed.draw(frames[0])
    assert (first == painter.draw(frames[0])).mean() > 0.99  # nothing is remembered yet
    steps(followed.draw)
    after = followed.draw(frames[0])
    followed.begin_shot()
    assert (followed.draw(frames[0]) == first).all()
    assert (after != first).mean() > 0.05


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
