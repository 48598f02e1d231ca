"""L-BFGS, Adam, and what a search does where numbers fail."""

from __future__ import annotations

import pytest
import torch

from artstyle.baselines.optim import Adam, Search, Step, minimise
from artstyle.baselines.optim_lbfgs import LBFGS, _Pairs
from artstyle.errors import MeasureError
from artstyle.events import Event, Note, Progress

Point = torch.Tensor


def quadratic(size: int = 30, seed: int = 0):
    """x A x / 2 - b x with its gradient, and where it is least."""
    dice = torch.Generator().manual_seed(seed)
    a = torch.randn(size, size, dtype=torch.float64, generator=dice)
    a = a @ a.T / size + 0.1 * torch.eye(size, dtype=torch.float64)
    b = torch.randn(size, dtype=torch.float64, generator=dice)

    def evaluate(x: Point) -> tuple[Point, Point]:
        return x @ a @ x / 2 - b @ x, a @ x - b

    return evaluate, a, torch.linalg.solve(a, b)


def two_loops(pairs: list[tuple[Point, Point]], gradient: Point) -> Point:
    """Nocedal and Wright 2006, algorithm 7.4."""
    q, alphas = gradient.clone(), []
    for s, y in reversed(pairs):
        alphas.append(s @ q / (s @ y))
        q -= alphas[-1] * y
    s, y = pairs[-1]
    r = s @ y / (y @ y) * q
    for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
        r += s * (alpha - y @ r / (s @ y))
    return r


def test_lbfgs_finds_the_least_of_a_quadratic():
    evaluate, _, least = quadratic()
    search = LBFGS(torch.zeros(30, dtype=torch.float64), evaluate, longest_rms=10.0)
    search.run(80)
    assert float((search.x - least).abs().max()) < 1e-6
    assert float(search.loss) == pytest.approx(float(evaluate(least)[0]), abs=1e-10)


def test_lbfgs_finds_the_least_of_rosenbrocks_valley():
    def valley(x: Point) -> tuple[Point, Point]:
        leaf = x.detach().requires_grad_(True)
        loss = (100 * (leaf[1:] - leaf[:-1] ** 2) ** 2 + (1 - leaf[:-1]) ** 2).sum()
        return loss.detach(), torch.autograd.grad(loss, leaf)[0]

    search = LBFGS(torch.full((6,), -1.2, dtype=torch.float64), valley)
    search.run(250)
    assert torch.allclose(search.x, torch.ones(6, dtype=torch.float64), atol=1e-5)


def test_the_direction_is_that_of_the_two_loops():
    _, a, _ = quadratic()
    dice = torch.Generator().manual_seed(1)
    kept, all_of_them = _Pairs(torch.zeros(30, dtype=torch.float64), 4), []
    for number in range(7):
        s = torch.randn(30, dtype=torch.float64, generator=dice)
        wanted = number != 3
        kept.add(s, a @ s, torch.tensor(wanted))
        all_of_them += [(s, a @ s)] if wanted else []
        gradient = torch.randn(30, dtype=torch.float64, generator=dice)
        expected = two_loops(all_of_them[-4:], gradient)
        assert torch.allclose(kept.inverse_hessian_times(gradient), expected, atol=1e-9)


def test_pairs_that_curve_downwards_are_left_out():
    pairs = _Pairs(torch.zeros(3), 2)
    pairs.add(torch.ones(3), -torch.ones(3), torch.tensor(True))
    assert not bool(pairs.are_there)
    pairs.add(torch.ones(3), torch.ones(3), torch.tensor(True))
    assert bool(pairs.are_there)
    pairs.forget(torch.tensor(True))
    assert not bool(pairs.are_there)


def test_the_loss_of_lbfgs_never_rises():
    evaluate, _, _ = quadratic(seed=3)
    search = LBFGS(torch.full((30,), 5.0, dtype=torch.float64), evaluate, lr=4.0)
    before = float(search.loss)
    for _ in range(30):
        search.run(1)
        assert float(search.loss) <= before + 1e-9
        before = float(search.loss)


def test_lbfgs_looks_once_for_each_evaluation_and_asks_no_device_for_a_number():
    evaluate, _, _ = quadratic()
    looks = 0

    def counted(x: Point) -> tuple[Point, Point]:
        nonlocal looks
        looks += 1
        return evaluate(x)

    search = LBFGS(torch.zeros(30, dtype=torch.float64), counted)
    assert looks == 1

    class NoNumbers(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            name = getattr(func, "__name__", "")
            assert name not in {"item", "tolist", "__bool__", "__float__", "__int__", "cpu"}, name
            return func(*args, **(kwargs or {}))

    with NoNumbers():
        search.run(7)
    assert looks == 8


def test_adam_stays_in_the_range_of_a_picture_and_comes_close():
    wanted = torch.tensor([0.5, -0.25, 3.0])

    def evaluate(x: Point) -> tuple[Point, Point]:
        return (x - wanted).square().sum(), 2 * (x - wanted)

    search = Adam(torch.zeros(3), evaluate, lr=0.05)
    search.run(300)
    assert torch.allclose(search.x, torch.tensor([0.5, -0.25, 1.0]), atol=0.02)


@pytest.mark.parametrize("method", ["lbfgs", "adam"])
def test_a_search_goes_back_where_values_are_not_finite_and_says_so(method):
    """The function cannot be looked at beyond 0.3: large moves fall into it, small ones do not."""

    def cliff(x: Point) -> tuple[Point, Point]:
        outside = (x.abs() > 0.3).any()
        loss = ((x - 0.29) ** 2).sum()
        return torch.where(outside, torch.nan, loss), 2 * (x - 0.29)

    events: list[Event] = []
    lr = {"lbfgs": 1.0, "adam": 0.2}[method]
    found = minimise(
        torch.zeros(4), cliff, Search(method, lr, iterations=5, ema=0), steps=6, emit=events.append
    )
    assert bool(torch.isfinite(found.picture).all())
    assert float((found.picture - 0.29).abs().max()) < 0.15
    notes = [event.text for event in events if isinstance(event, Note)]
    assert len(found.setbacks) == len(notes) >= (1 if method == "adam" else 0)
    for note in notes:
        assert "not finite" in note
        assert "half the rate" in note


def test_lbfgs_tells_of_values_that_are_not_finite():
    calls = 0

    def sick(x: Point) -> tuple[Point, Point]:
        nonlocal calls
        calls += 1
        loss = ((x - 1) ** 2).sum()
        return (loss * torch.nan if calls == 4 else loss), 2 * (x - 1)

    events: list[Event] = []
    found = minimise(torch.zeros(4), sick, Search(iterations=6), steps=3, emit=events.append)
    assert found.setbacks == ("step 1: 1 evaluations not finite, rate now 0.5",)
    assert any(isinstance(event, Note) and event.level == "warning" for event in events)
    assert torch.allclose(found.picture, torch.ones(4), atol=1e-3)


@pytest.mark.parametrize("method", ["lbfgs", "adam"])
def test_a_function_that_is_never_finite_is_an_error(method):
    def broken(x: Point) -> tuple[Point, Point]:
        return x.sum() * torch.nan, x * torch.nan

    with pytest.raises(MeasureError, match="not finite") as caught:
        minimise(torch.zeros(4), broken, Search(method), steps=3)
    assert caught.value.hint is not None


def test_what_adam_draws_is_the_average_of_its_iterates():
    steps: list[Step] = []

    def evaluate(x: Point) -> tuple[Point, Point]:
        return x.square().sum(), 2 * x

    search = Search("adam", 0.1, iterations=3, ema=0.5)
    found = minimise(torch.ones(1), evaluate, search, steps=1, on_step=steps.append)
    adam = Adam(torch.ones(1), evaluate, lr=0.1)
    points = []
    for _ in range(3):
        adam.run(1)
        points.append(float(adam.x))
    weights = [0.125, 0.25, 0.5]
    expected = sum(w * p for w, p in zip(weights, points, strict=True)) / sum(weights)
    assert float(found.picture) == pytest.approx(expected, abs=1e-6)
    assert float(steps[0].picture) == pytest.approx(expected, abs=1e-6)


def test_progress_is_told_for_each_step():
    evaluate, _, _ = quadratic()
    events: list[Event] = []
    start = torch.zeros(30, dtype=torch.float64)
    found = minimise(start, evaluate, Search(iterations=2), steps=3, emit=events.append)
    told = [(event.done, event.total) for event in events if isinstance(event, Progress)]
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert found.evaluations == 6
    assert len(found.losses) == 3
