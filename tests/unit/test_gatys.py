"""The transfer of Gatys et al.: losses by hand, gradients, tiles, scales, faces, regions."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from artstyle.baselines.gatys.draw import Begun, Inputs, Style, draw
from artstyle.baselines.gatys.objective import ContentTerm, Objective, StyleTerm, total_variation
from artstyle.baselines.gatys.scales import LEAST_SIDE_PX, check_size, scale_sizes, style_size
from artstyle.baselines.gatys.settings import GatysSettings, deviations, parse_layers
from artstyle.baselines.gatys.smooth import Smooth
from artstyle.baselines.gatys.targets import StylePicture, content_terms, features, style_terms
from artstyle.baselines.gatys.tiles import map_size, own_cells, tiles_of
from artstyle.baselines.optim import Search
from artstyle.errors import UsageError
from artstyle.events import Event, Progress
from artstyle.perception.stack import ConvStack


@pytest.fixture(scope="module")
def network() -> ConvStack:
    """VGG19's shape up to conv5_1 with a few channels: it sees as far around."""
    made = ConvStack(
        "tiny", (2, 2, 4, 4, 1), (4, 6, 6, 8, 8), mean=(0.5,) * 3, std=(0.25,) * 3, padding="zeros"
    )
    dice = torch.Generator().manual_seed(0)
    for name in made.conv_names:
        conv = made.convolution(name)
        torch.nn.init.kaiming_normal_(conv.weight, generator=dice)
        torch.nn.init.zeros_(conv.bias)
    return made.eval().requires_grad_(False)


def noise(height: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def pixels(height: int, width: int, seed: int = 0) -> np.ndarray:
    dice = np.random.default_rng(seed)
    return dice.integers(0, 256, (height, width, 3), dtype=np.uint8)


class Identity:
    """Sees the picture itself, so that losses can be worked out by hand."""

    name = "identity"
    layers = ("conv1_1",)

    def __call__(self, images, layers):
        return dict.fromkeys(layers, images)


def test_the_papers_losses_by_hand():
    settings = GatysSettings(
        losses="paper", content_layers={"conv1_1": 3.0}, style_layers={"conv1_1": 0.5}
    )
    content, style, x = noise(40, 48, 0), noise(32, 32, 1), noise(40, 48, 2)
    terms = content_terms(Identity(), content, settings)
    styles = style_terms(Identity(), [StylePicture(style, 1.0)], settings, (40, 48))
    objective = Objective(Identity(), terms, styles)
    loss, _ = objective(x)
    rows, wanted = x[0].flatten(1), style[0].flatten(1)
    difference = rows @ rows.T / (40 * 48) - wanted @ wanted.T / (32 * 32)
    by_hand_content = float((x - content).square().sum() / 2)
    by_hand_style = float(difference.square().sum() / (4 * 3**2))
    assert float(objective.parts["content conv1_1"]) == pytest.approx(by_hand_content, rel=1e-5)
    assert float(objective.parts["style conv1_1"]) == pytest.approx(by_hand_style, rel=1e-4)
    expected = 3.0 * by_hand_content + 1e3 * 0.5 * by_hand_style
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_relative_losses_are_one_where_nothing_is_seen():
    """A mean picture has none of the photo's variance; a black-hole map has no Gram matrix."""
    settings = GatysSettings(content_layers={"conv1_1": 1.0}, style_layers={"conv1_1": 1.0})
    content, style = noise(40, 40), noise(40, 40, 1)
    flat = content.mean(dim=(2, 3), keepdim=True).expand_as(content)
    objective = Objective(Identity(), content_terms(Identity(), content, settings), [])
    objective(flat)
    assert float(objective.parts["content conv1_1"]) == pytest.approx(1.0, rel=1e-4)
    terms = style_terms(Identity(), [StylePicture(style, 1.0)], settings, (40, 40))
    objective = Objective(Identity(), [], terms)
    objective(torch.zeros(1, 3, 40, 40))
    assert float(objective.parts["style conv1_1"]) == pytest.approx(1.0, rel=1e-5)
    objective(style)
    assert float(objective.parts["style conv1_1"]) == pytest.approx(0.0, abs=1e-9)


def test_values_beyond_the_range_cost_and_those_inside_do_not():
    objective = Objective(Identity(), [], [], tv_weight=0.0)
    inside = torch.full((1, 3, 32, 32), 0.99, requires_grad=True)
    loss, gradient = objective(inside)
    assert float(loss) == 0
    assert float(gradient.abs().max()) == 0
    loss, gradient = objective(torch.full((1, 3, 32, 32), -1.5))
    assert float(loss) == pytest.approx(50 * 0.25)
    assert float(gradient.max()) < 0  # downhill is upwards, to -1


def test_total_variation_by_hand():
    picture = torch.tensor([[[[0.0, 1.0], [0.0, 3.0]]]])
    assert float(total_variation(picture)) == pytest.approx((1 + 9) / 2 + (0 + 4) / 2)


def terms_of(network, size, settings, *, faces=None, masks=(), tile_px=None, grey=False):
    content = noise(*size, 0)
    styles = [StylePicture(noise(64, 80, 1), 1.0), StylePicture(noise(50, 40, 2) * 0.5, 3.0)]
    return Objective(
        network,
        content_terms(network, content[:, :1] if grey else content, settings, faces=faces),
        style_terms(network, styles, settings, size, masks=masks),
        tv_weight=0.3,
        tile_px=tile_px,
    )


@pytest.mark.parametrize("tile_px", [None, 64])
def test_the_gradient_is_that_of_the_loss(network, tile_px):
    size = (96, 70)
    exact = copy.deepcopy(network).double()
    faces = torch.zeros(size, dtype=torch.float64)
    faces[20:60, 10:50] = 1
    settings = GatysSettings()
    objective = Objective(
        exact,
        content_terms(exact, noise(*size, 0).double(), settings, faces=faces),
        style_terms(exact, [StylePicture(noise(64, 80, 1).double(), 1.0)], settings, size),
        tv_weight=0.3,
        tile_px=tile_px,
    )
    x, way = 1.1 * noise(*size, 5).double(), noise(*size, 6).double()
    _, gradient = objective(x)
    step = 1e-6
    higher, lower = objective(x + step * way)[0], objective(x - step * way)[0]
    slope = float((gradient * way).sum())
    assert float(higher - lower) / (2 * step) == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize("regions", [False, True])
@pytest.mark.parametrize("grey", [False, True])
def test_tiles_give_what_the_whole_picture_gives(network, regions, grey):
    size = (203, 150)
    faces = torch.zeros(size)
    faces[60:120, 40:100] = 1
    masks = (torch.linspace(0, 1, 150).repeat(203, 1), torch.linspace(1, 0, 150).repeat(203, 1))
    masks = masks if regions else ()
    x = noise(*size, 7)[:, : 1 if grey else 3] * 1.2
    found = []
    for tile_px in (None, 64):
        objective = terms_of(
            network, size, GatysSettings(), faces=faces, masks=masks, tile_px=tile_px, grey=grey
        )
        found.append((*objective(x), objective.parts))
    (loss, gradient, parts), (loss_t, gradient_t, parts_t) = found
    assert len(tiles_of(*size, 64)) == 12
    assert float(loss_t) == pytest.approx(float(loss), rel=1e-5)
    assert float((gradient_t - gradient).abs().max()) < 1e-5 * float(gradient.abs().max())
    assert parts.keys() == parts_t.keys()
    for name, value in parts.items():
        assert float(parts_t[name]) == pytest.approx(float(value), rel=1e-4, abs=1e-7)


def test_maps_in_tiles_are_the_maps(network):
    x = noise(171, 130)
    whole = features(network, x, ("conv2_2", "conv5_1"))
    parts = features(network, x, ("conv2_2", "conv5_1"), 64)
    for layer in whole:
        assert whole[layer].shape[2:] == map_size(layer, 171, 130)
        assert torch.allclose(whole[layer], parts[layer], atol=1e-5)


def test_the_parts_of_all_tiles_make_up_the_picture():
    seen = np.zeros((333, 257), dtype=int)
    cells = np.zeros(map_size("conv4_2", 333, 257), dtype=int)
    for tile in tiles_of(333, 257, 100):
        seen[tile.own] += 1
        _, outer = own_cells(tile, "conv4_2")
        cells[outer] += 1
    assert (seen == 1).all()
    assert (cells == 1).all()
    assert len(tiles_of(333, 257, None)) == 1
    assert len(tiles_of(333, 257, 333)) == 1


def test_two_paintings_without_regions_are_one_average(network):
    settings = GatysSettings()
    first, second = noise(64, 64, 1), noise(64, 64, 2)
    one = style_terms(network, [StylePicture(first, 1.0)], settings, (64, 64))
    two = style_terms(network, [StylePicture(second, 1.0)], settings, (64, 64))
    pair = [StylePicture(first, 1.0), StylePicture(second, 3.0)]
    both = style_terms(network, pair, settings, (64, 64))
    assert len(both) == len(one) == 5
    for a, b, ab in zip(one, two, both, strict=True):
        assert torch.allclose(ab.target, 0.25 * a.target + 0.75 * b.target, atol=1e-6)


def test_a_painting_with_a_mask_is_its_part(network):
    settings = GatysSettings(style_layers={"conv1_1": 1.0})
    painting = noise(64, 64, 1)
    painting[..., 32:] = 0.9
    mask = torch.zeros(64, 64)
    mask[:, :32] = 1
    (term,) = style_terms(network, [StylePicture(painting, 1.0, mask)], settings, (64, 64))
    (alone,) = style_terms(
        network, [StylePicture(painting[..., :32].contiguous(), 1.0)], settings, (64, 64)
    )
    assert torch.allclose(term.target, alone.target, rtol=0.1, atol=0.05)
    (whole,) = style_terms(network, [StylePicture(painting, 1.0)], settings, (64, 64))
    far = float((whole.target - alone.target).norm())
    assert float((term.target - alone.target).norm()) < 0.2 * far


def test_where_there_is_no_face_nothing_is_held(network):
    settings = GatysSettings()
    content = noise(64, 64)
    without = content_terms(network, content, settings)
    empty = content_terms(network, content, settings, faces=torch.zeros(64, 64))
    assert [term.name for term in without] == [term.name for term in empty] == ["content conv4_2"]
    faces = torch.zeros(64, 64)
    faces[:32] = 1
    held = content_terms(network, content, replace(settings, face_weight=5.0), faces=faces)
    assert [term.name for term in held] == ["content conv4_2", "face conv2_2", "face conv3_2"]
    where = held[0].where
    assert where is not None
    assert where.unique().tolist() == [1.0, 6.0]


def small(**changes) -> GatysSettings:
    search = Search(iterations=5)
    plain = {"size_px": 48, "coarsest_px": 32, "steps": 2, "first_steps": 3, "search": search}
    return GatysSettings(**(plain | changes))


def test_a_picture_is_drawn_from_coarse_to_fine(network):
    inputs = Inputs((40, 48), pixels(50, 60), (Style(pixels(40, 40, 1)),))
    events: list[Event] = []
    drawn = draw(network, inputs, small(), emit=events.append)
    assert drawn.picture.shape == (1, 3, 40, 48)
    assert float(drawn.picture.abs().max()) <= 1
    assert [(scale.width_px, scale.height_px) for scale in drawn.scales] == [(39, 32), (48, 40)]
    assert [scale.evaluations for scale in drawn.scales] == [15, 10]
    told = [(event.done, event.total) for event in events if isinstance(event, Progress)]
    assert told == [(n, 5) for n in range(1, 6)]
    again = draw(network, inputs, small())
    assert torch.equal(drawn.picture, again.picture)


def test_a_drawing_goes_on_where_it_was_broken_off(network):
    inputs = Inputs((40, 48), pixels(50, 60), (Style(pixels(40, 40, 1)),))
    kept: list[Begun] = []
    whole = draw(network, inputs, small(), on_scale=kept.append)
    assert [len(one.scales) for one in kept] == [1, 2]
    rest = draw(network, inputs, small(), begun=kept[0])
    assert torch.equal(rest.picture, whole.picture)
    assert rest.scales[0] == whole.scales[0]


def test_what_the_search_starts_from(network):
    content, other = pixels(48, 48), pixels(48, 48, 9)
    inputs = Inputs((48, 48), content, (Style(pixels(40, 40, 1)),), start=other)
    still = Search("adam", lr=1e-9, iterations=1, ema=0)
    plain = small(coarsest_px=48, first_steps=1, search=still)
    from_content = draw(network, inputs, plain).picture
    from_picture = draw(network, inputs, replace(plain, start="picture")).picture
    from_noise = draw(network, inputs, replace(plain, start="noise", seed=1)).picture
    other_noise = draw(network, inputs, replace(plain, start="noise", seed=2)).picture
    as_tensor = torch.from_numpy(content.copy()).permute(2, 0, 1)[None] / 127.5 - 1
    assert torch.allclose(from_content, as_tensor, atol=1e-5)
    assert not torch.allclose(from_picture, from_content, atol=0.1)
    assert not torch.allclose(from_noise, other_noise, atol=0.1)


def test_a_texture_has_no_content_and_an_inversion_no_style(network):
    texture = draw(
        network, Inputs((40, 40), None, (Style(pixels(40, 40, 1)),)), small(start="noise")
    )
    assert all(name.startswith(("style", "range")) for name in texture.scales[-1].losses)
    settings = small(start="noise", content_layers={"relu2_1": 1.0}, tv_weight=0.1)
    inverted = draw(network, Inputs((40, 40), pixels(40, 40), ()), settings)
    assert set(inverted.scales[-1].losses) == {"range", "tv", "content relu2_1"}
    first = content_terms(network, noise(40, 40), settings)[0]
    assert isinstance(first, ContentTerm)


def test_where_detail_is_dear_the_gradient_is_still_that_of_the_loss():
    goal, start = noise(33, 40, 1).double(), noise(33, 40, 2).double()

    def to_goal(x):
        return (x - goal).pow(4).sum(), 4 * (x - goal).pow(3)

    smooth = Smooth(to_goal, start, 1.0)
    z, way = 0.3 * noise(33, 40, 3).double(), noise(33, 40, 4).double()
    _, gradient = smooth(z)
    step = 1e-6
    slope = float(smooth(z + step * way)[0] - smooth(z - step * way)[0]) / (2 * step)
    assert slope == pytest.approx(float((gradient * way).sum()), rel=1e-6)
    assert torch.equal(smooth.picture(torch.zeros_like(z)), start)


def test_detail_is_dear_by_the_frequency_and_nothing_is_when_it_is_off():
    start = torch.zeros(1, 3, 64, 64)
    rows = torch.arange(64)
    coarse, fine = (
        torch.cos(2 * torch.pi * cycles * rows / 64).repeat(1, 3, 64, 1) for cycles in (8, 32)
    )
    smooth = Smooth(lambda x: (x.sum(), x), start, 1.0)
    gains = [float(smooth.picture(wave).norm() / wave.norm()) for wave in (coarse, fine)]
    assert gains[0] / gains[1] == pytest.approx(4.0, rel=1e-4)
    assert torch.equal(Smooth(lambda x: (x.sum(), x), start, 0.0).picture(fine), fine)


def test_sizes_go_up_in_equal_steps_to_the_last():
    assert scale_sizes((256, 512), 128, 2**0.5) == [
        *((64, 128), (90, 181), (128, 256), (181, 362)),
        (256, 512),
    ]
    assert scale_sizes((100, 128), 512, 2**0.5) == [(100, 128)]
    assert scale_sizes((60, 512), 128, 2**0.5)[0][0] == LEAST_SIDE_PX  # the shorter side decides


def test_a_painting_is_seen_with_as_many_pixels_as_the_drawing():
    assert style_size((100, 400), (100, 100), 1.0) == (50, 200)
    assert style_size((100, 400), (100, 100), 0.8) == (40, 160)
    assert min(style_size((100, 400), (64, 64), 0.1)) == LEAST_SIDE_PX


def test_a_picture_that_nothing_can_be_seen_in_is_refused():
    with pytest.raises(UsageError, match="512x6 px"):
        check_size((6, 512), "the picture")


def test_layers_with_weights():
    assert parse_layers("conv1_1=1, relu2_1=0.5") == {"conv1_1": 1.0, "relu2_1": 0.5}
    assert parse_layers("conv1_1,conv2_1") == {"conv1_1": 0.5, "conv2_1": 0.5}
    for wrong in ("", "conv9_1", "conv1_1=x", "conv1_1=-1", "conv1_1,conv1_1", "conv1_1=inf"):
        with pytest.raises(UsageError):
            parse_layers(wrong)


def test_where_the_paper_is_left():
    paper = GatysSettings(losses="paper", coarsest_px=512, tv_weight=0, smoothness=0)
    assert deviations(paper, "VGG19 (torchvision)", kept_colour=None) == [
        "values beyond the range of a picture are penalised; the paper leaves them free"
    ]
    other = GatysSettings(search=Search("adam"), tv_weight=1.0, style_scale=0.5)
    words = " ".join(deviations(other, "random filters", kept_colour="luminance"))
    for word in ("random filters", "relative", "Adam", "average", "variation", "coarse", "0.5"):
        assert word in words


def test_what_is_left_open_suits_the_network():
    open_ones = GatysSettings()
    vgg, small_one = open_ones.settled("VGG19 (torchvision)"), open_ones.settled("own network")
    assert (vgg.contents, vgg.tv_weight) == ({"conv4_2": 1.0}, 0.0)
    assert set(vgg.styles.values()) == {0.2}
    assert small_one.contents == {"conv3_2": 0.5, "conv4_2": 0.5}
    assert sum(small_one.styles.values()) == pytest.approx(1.0)
    assert (small_one.style_weight, small_one.tv_weight) == (10.0, 1.0)
    assert GatysSettings(losses="paper").settled("own network").style_weight == 1e3
    said = GatysSettings(content_layers={"relu4_1": 2.0}, tv_weight=0.0, style_weight=3.0)
    kept = said.settled("own network")
    assert (kept.contents, kept.tv_weight, kept.style_weight) == ({"relu4_1": 2.0}, 0.0, 3.0)
    assert kept.settled("VGG19") == kept


def test_a_term_of_style_counts_positions():
    term = StyleTerm(
        "style", "conv1_1", torch.eye(2), None, torch.tensor(4.0), 1.0, torch.tensor(2.0)
    )
    assert float(term.loss(8 * torch.eye(2))) == pytest.approx(1.0)
