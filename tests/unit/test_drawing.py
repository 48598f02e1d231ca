"""Pictures are the same in whatever batch they come, random noise included."""

from __future__ import annotations

import pytest
import torch

from stylegan_ext.drawing import average_w, draw, map_latent, seed_ws, seeded_noise
from stylegan_ext.errors import ParameterError
from stylegan_ext.latents import seed_latent
from stylegan_ext.networks import Generator, construct


def generator(kind: str = "stylegan2-generator", **more) -> Generator:
    kwargs = {"z_dim": 16, "c_dim": 0, "w_dim": 16, "img_resolution": 32, "img_channels": 3}
    small = {"channel_base": 512, "channel_max": 32}
    if kind == "stylegan2-generator":
        kwargs["synthesis_kwargs"] = small
    else:
        kwargs |= {**small, "num_layers": 6}
    torch.manual_seed(0)
    made = construct(kind, {**kwargs, **more}).eval().requires_grad_(False)
    for name, parameter in made.named_parameters():
        if name.endswith("noise_strength"):
            parameter.fill_(0.5)
    return made


@pytest.mark.parametrize("kind", ["stylegan2-generator", "stylegan3-generator"])
@pytest.mark.parametrize("noise_mode", ["const", "random", "none"])
def test_picture_k_is_the_same_at_any_batch_size(kind, noise_mode):
    made = generator(kind)
    seeds = [417, 3, 88, 5, 9]
    ws = torch.cat([seed_ws(made, seed) for seed in seeds])
    words = [[seed] for seed in seeds]
    whole = draw(made, ws, noise_mode=noise_mode, noise_words=words)
    assert whole.shape == (5, 3, 32, 32)
    for size in (1, 2, 3):
        for begin in range(0, 5, size):
            some = slice(begin, begin + size)
            part = draw(made, ws[some], noise_mode=noise_mode, noise_words=words[some])
            assert torch.equal(part, whole[some])


def test_random_noise_is_seeded_by_its_words_and_by_nothing_else():
    made = generator()
    ws = seed_ws(made, 1).expand(3, -1, -1)
    torch.manual_seed(5)
    first = draw(made, ws, noise_mode="random", noise_words=[[1], [2], [1]])
    torch.manual_seed(6)
    again = draw(made, ws, noise_mode="random", noise_words=[[1], [2], [1]])
    assert torch.equal(first, again)
    assert torch.equal(first[0], first[2])
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(draw(made, ws[:1], noise_mode="const")[0], first[0])
    assert not torch.equal(draw(made, ws[:1], noise_mode="none")[0], first[0])


def test_drawing_leaves_the_model_and_the_global_random_state_alone():
    made = generator()
    before = {name: held.clone() for name, held in made.state_dict().items()}
    state = torch.get_rng_state()
    draw(made, seed_ws(made, 1), noise_mode="random", noise_words=[[1]])
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[name], held) for name, held in made.state_dict().items())


def test_noise_is_normal_and_differs_between_layers_and_from_the_latent():
    made = generator()
    noise = seeded_noise(made.synthesis, [[0], [1]])
    assert list(noise)[:3] == [
        "b4.conv1.noise_const",
        "b8.conv0.noise_const",
        "b8.conv1.noise_const",
    ]
    large = noise["b32.conv1.noise_const"]
    assert large.shape == (2, 1, 32, 32)
    assert large.dtype == torch.float32
    assert abs(float(large.mean())) < 0.1
    assert float(large.std()) == pytest.approx(1, abs=0.1)
    assert not torch.equal(noise["b32.conv0.noise_const"], large)
    assert not torch.equal(noise["b4.conv1.noise_const"][0].flatten(), seed_latent(0, 16)[0])
    assert seeded_noise(generator("stylegan3-generator").synthesis, [[0]]) == {}


def test_random_noise_without_its_words_is_refused():
    made = generator()
    ws = seed_ws(made, 1).expand(2, -1, -1)
    for words in (None, [[1]]):
        with pytest.raises(ParameterError, match="random noise needs the numbers"):
            draw(made, ws, noise_mode="random", noise_words=words)


def test_labels_reach_the_mapping_network():
    made = generator(c_dim=3)
    z = seed_latent(4, 16)
    label = torch.tensor([[0.0, 1.0, 0.0]])
    assert torch.equal(map_latent(made, z, 1), made.mapping(z, label))
    assert not torch.equal(map_latent(made, z, 1), map_latent(made, z, 2))
    assert torch.equal(seed_ws(made, 4, 1), map_latent(made, z, 1))
    with pytest.raises(ParameterError, match="draws 3 classes, and none was named"):
        map_latent(made, z)


def test_a_model_without_an_average_says_so():
    made = generator(mapping_kwargs={"w_avg_beta": None})
    with pytest.raises(ParameterError, match="keeps no average w"):
        average_w(made)
    assert torch.equal(average_w(generator()), torch.zeros(16))
