"""Seeds, labels, mixing and truncation: what a generator is fed."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from support.vectors import HERE

from stylegan_ext import latents
from stylegan_ext.errors import ParameterError
from stylegan_ext.latents import (
    check_rows,
    mix_ws,
    one_hot,
    parse_classes,
    parse_rows,
    parse_seeds,
    rows_of_ws,
    seed_latent,
    seed_latents,
    truncation_sweep,
)
from stylegan_ext.networks import construct


def test_a_seed_gives_the_official_latent():
    official = json.loads((HERE / "misc.json").read_text("utf-8"))["generate_z_seed0_dim8"]
    z = seed_latent(0, 8)
    assert z.dtype == torch.float32
    assert z.shape == (1, 8)
    assert z[0].tolist() == np.float32(official).tolist()
    expected = np.random.RandomState(2**32 - 1).randn(1, 512).astype(np.float32)
    assert np.array_equal(seed_latent(2**32 - 1, 512).numpy(), expected)


def test_the_latent_of_a_seed_does_not_depend_on_its_company():
    together = seed_latents([7, 3, 417], 16)
    assert together.shape == (3, 16)
    for row, seed in enumerate([7, 3, 417]):
        assert torch.equal(together[row : row + 1], seed_latent(seed, 16))
    assert seed_latents([], 16).shape == (0, 16)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, "3", True, None])
def test_what_is_no_seed_is_refused(seed):
    with pytest.raises(ParameterError, match="a seed is a whole number from 0 to 4294967295"):
        seed_latent(seed, 4)


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("0-15,42", [*range(16), 42]),
        ("7", [7]),
        (" 3 , 1-2 ", [3, 1, 2]),
        ("5,5,4-6", [5, 4, 6]),
        ("9-9", [9]),
        ("4294967295", [2**32 - 1]),
        ("007", [7]),
        ("0-99999", list(range(100_000))),
    ],
)
def test_seeds_are_read_in_the_order_they_are_written(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "an empty part is no number"),
        ("1,,2", "an empty part in '1,,2' is no number"),
        ("1-", "'1-' is no number and no range of seeds"),
        ("-1", "'-1' is no number"),
        ("1..4", "'1..4' is no number"),
        ("a,2", "'a' in 'a,2' is no number"),
        ("1.5", "'1.5' is no number"),
        ("٣", "is no number"),
        ("9-3", "the range '9-3' of seeds runs backwards"),
        ("4294967296", "seed 4294967296 is too large"),
        ("0-9999999999", "seed 9999999999 is too large"),
        ("0-999999999", "names more than 100,000 seeds"),
        ("0-99999,100000", "names more than 100,000 seeds"),
        ("1" * 5000, "is too large for seeds"),
    ],
)
def test_what_is_no_list_of_seeds_is_refused_in_words(text, words):
    with pytest.raises(ParameterError) as caught:
        parse_seeds(text)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 200


def test_a_backward_range_is_put_right_in_the_hint():
    with pytest.raises(ParameterError) as caught:
        parse_seeds("9-3")
    assert caught.value.hint == "write 3-9"


def test_rows_are_read_sorted_and_held_against_the_model():
    assert parse_rows("0-6") == list(range(7)) == list(latents.MIXED_ROWS)
    assert parse_rows("8,0-2,1", num_ws=9) == [0, 1, 2, 8]
    with pytest.raises(ParameterError, match="no row 9: the model has rows 0 to 8"):
        parse_rows("0-9", num_ws=9)
    with pytest.raises(ParameterError, match="no model has a row 99999"):
        parse_rows("0-99999")
    with pytest.raises(ParameterError, match="no range of rows"):
        parse_rows("a")
    assert check_rows([0, 8], 9) == (0, 8)
    for row in (-1, 9):
        with pytest.raises(ParameterError, match=f"no row {row}"):
            check_rows([row], 9)


def test_classes_are_read_in_the_order_they_are_written():
    assert parse_classes("7,0-2,1") == [7, 0, 1, 2]
    with pytest.raises(ParameterError, match="no model has a class 9999999999"):
        parse_classes("0-9999999999")
    with pytest.raises(ParameterError, match="no range of classes"):
        parse_classes("cat")


def test_labels_are_one_hot():
    labels = one_hot([2, 0, 2], 3)
    assert labels is not None
    assert labels.dtype == torch.float32
    assert labels.tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 1]]
    assert one_hot(None, 0) is None


@pytest.mark.parametrize(
    ("classes", "c_dim", "words"),
    [
        (None, 5, "conditional: it draws 5 classes, and none was named"),
        ([0], 0, "unconditional: it has no classes, and class 0 was named"),
        ([1, 5], 5, "there is no class 5: the model has 5 classes, 0 to 4"),
        ([-1], 5, "there is no class -1"),
        ([True], 5, "there is no class True"),
    ],
)
def test_labels_that_do_not_fit_the_model_are_refused(classes, c_dim, words):
    with pytest.raises(ParameterError) as caught:
        one_hot(classes, c_dim)
    assert words in str(caught.value)


def test_the_rows_of_a_generator_are_known_without_building_it():
    base = {"z_dim": 8, "c_dim": 0, "w_dim": 8, "img_channels": 3}
    for resolution in (4, 8, 16, 64):
        for architecture in ("skip", "resnet", "orig"):
            small = {"channel_base": 256, "channel_max": 8, "architecture": architecture}
            kwargs = {**base, "img_resolution": resolution, "synthesis_kwargs": small}
            generator = construct("stylegan2-generator", kwargs)
            assert rows_of_ws("stylegan2-generator", kwargs) == generator.num_ws
    for more in ({}, {"num_layers": 6}):
        kwargs = {**base, "img_resolution": 16, "channel_base": 64, "channel_max": 8, **more}
        generator = construct("stylegan3-generator", kwargs)
        assert rows_of_ws("stylegan3-generator", kwargs) == generator.num_ws
    with pytest.raises(ParameterError, match="takes no ws"):
        rows_of_ws("stylegan2-discriminator", {"img_resolution": 16})


def test_mixing_puts_the_columns_rows_into_the_rows_ws():
    row, column = torch.zeros(5, 2), torch.arange(1, 6)[:, None] * torch.ones(1, 2)
    mixed = mix_ws(row, column, [0, 3])
    assert mixed[:, 0].tolist() == [1, 0, 0, 4, 0]
    assert row.abs().max() == 0
    assert torch.equal(mix_ws(row, column, []), row)
    assert torch.equal(mix_ws(row[None], column[None], range(5))[0], column)
    with pytest.raises(ParameterError, match="no row 5: the model has rows 0 to 4"):
        mix_ws(row, column, [5])


def test_a_truncation_sweep_goes_from_the_average_to_the_latent():
    average = torch.tensor([1.0, -1.0])
    ws = torch.tensor([3.0, 1.0]).expand(1, 4, 2)
    sweep = truncation_sweep(ws, average, [0, 0.5, 1, -1], cutoff=3)
    assert sweep.shape == (4, 1, 4, 2)
    assert sweep[:, 0, 0].tolist() == [[1, -1], [2, 0], [3, 1], [-1, -3]]
    assert sweep[:, 0, 3].tolist() == [[3, 1]] * 4
    assert truncation_sweep(ws, average, [0])[0, 0, 3].tolist() == [1, -1]


def test_a_sweep_is_what_the_mapping_network_does():
    kwargs = {
        "z_dim": 8,
        "c_dim": 0,
        "w_dim": 8,
        "img_resolution": 16,
        "img_channels": 3,
        "synthesis_kwargs": {"channel_base": 256, "channel_max": 8},
    }
    torch.manual_seed(0)
    generator = construct("stylegan2-generator", kwargs).eval().requires_grad_(False)
    generator.mapping.w_avg.normal_()
    z = seed_latents([1, 2], 8)
    sweep = truncation_sweep(generator.mapping(z), generator.mapping.w_avg, [0.3, 1, 1.5], 4)
    for psi, ws in zip((0.3, 1, 1.5), sweep, strict=True):
        assert torch.equal(ws, generator.mapping(z, None, psi, 4))
