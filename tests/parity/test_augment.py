"""ADA's pipe gives the reference implementation's pictures and gradient at frozen draws."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from support.vectors import HERE, Vectors, relative_error

from stylegan_ext.augment import PRESETS, AugmentPipe, AugmentStrengths
from stylegan_ext.errors import ParameterError

SMALL = Vectors(HERE / "ada_pipe_subset.npz")
SMALL_CASES = [name for name in SMALL.arrays if "_q" in name and "grad" not in name]


def frozen(v: Vectors, name: str) -> torch.Tensor:
    """Run the case a vector is named after, e.g. bgc_gray_q7."""
    operation, percentile = name.rsplit("_q", 1)
    source = "img"
    for suffix in ("gray", "rect"):
        if operation.endswith(f"_{suffix}"):
            operation, source = "bgc", f"img_{suffix}"
    strengths = PRESETS.get(operation) or AugmentStrengths(**{operation: 1.0})
    return AugmentPipe(strengths)(v[source], frozen_percentile=int(percentile) / 10)


@pytest.mark.parametrize("name", SMALL_CASES)
def test_frozen_draws(name: str) -> None:
    assert relative_error(frozen(SMALL, name), SMALL[name]) < 1e-5


@pytest.mark.shared
def test_every_single_operation(shared_dir: Path) -> None:
    v = Vectors(shared_dir / "vectors" / "ada_pipe.npz")
    names = [name for name in v.arrays if "_q" in name and "grad" not in name]
    assert len(names) > 30
    errors = {name: relative_error(frozen(v, name), v[name]) for name in names}
    assert max(errors.values()) < 1e-5, errors


def test_gradient() -> None:
    images = SMALL["img"].requires_grad_(True)
    out = AugmentPipe()(images, frozen_percentile=0.7)
    weights = torch.arange(out.numel()) / out.numel()
    (gradient,) = torch.autograd.grad((out.flatten() * weights).sum(), images)
    assert relative_error(gradient, SMALL["bgc_q7_grad_wrt_img_of_weighted_sum"]) < 1e-4


def test_filters() -> None:
    pipe = AugmentPipe()
    assert relative_error(pipe.Hz_geom, SMALL["buf_Hz_geom"]) < 1e-7
    assert relative_error(pipe.Hz_fbank, SMALL["buf_Hz_fbank"]) < 1e-6
    delta = pipe.Hz_fbank.sum(dim=0)
    assert float(delta[21]) == pytest.approx(1, abs=1e-6)
    assert float(delta.abs().sum()) == pytest.approx(1, abs=1e-5)


STATISTICS = json.loads(str(SMALL.arrays["stats_json"]))


@pytest.mark.parametrize(
    "operation", [name for name in STATISTICS if hasattr(PRESETS["bgc"], name)]
)
def test_random_draws_have_the_reference_statistics(operation: str) -> None:
    """At p = 0.5 on uniform noise: how many pictures change, and the mean and spread after."""
    expected = STATISTICS[operation]
    generator = torch.Generator().manual_seed(17)
    count = 2000
    images = torch.rand([count, 3, 24, 24], generator=generator) * 2 - 1
    pipe = AugmentPipe(AugmentStrengths(**{operation: 1.0}))
    pipe.set_p(0.5)
    out = pipe(images, generator=generator)
    changed = ((out - images).abs().amax(dim=[1, 2, 3]) > 1e-3).float().mean()
    # four standard errors of a binomial share, and of the mean of the shown spread
    share = expected["frac_changed_at_p05"]
    assert float(changed) == pytest.approx(share, abs=4 * (0.25 / count) ** 0.5 * 2**0.5)
    assert float(out.mean()) == pytest.approx(expected["mean"], abs=0.05 * expected["std"])
    assert float(out.std()) == pytest.approx(expected["std"], rel=0.1)


def test_p_zero_changes_nothing_and_strengths_are_checked() -> None:
    images = SMALL["img"]
    pipe = AugmentPipe(PRESETS["bgcfnc"])
    pipe.set_p(0)
    assert torch.equal(pipe(images), images)
    with pytest.raises(ParameterError, match="xflip must be 0 or more"):
        AugmentPipe(AugmentStrengths(xflip=-1))
    with pytest.raises(ParameterError, match="over 21 px"):
        AugmentPipe(PRESETS["filter"])(torch.zeros(1, 3, 16, 16))
    with pytest.raises(ParameterError, match="1 or 3 channels"):
        AugmentPipe(PRESETS["color"])(torch.zeros(1, 4, 16, 16))


def test_the_same_seed_gives_the_same_pictures() -> None:
    pipe = AugmentPipe(PRESETS["bgcfnc"])
    images = SMALL["img"]
    first = pipe(images, generator=torch.Generator().manual_seed(3))
    again = pipe(images, generator=torch.Generator().manual_seed(3))
    other = pipe(images, generator=torch.Generator().manual_seed(4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
