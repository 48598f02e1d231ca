"""Training a fast net: losses by hand, resumed to the bit, brought back when it runs apart."""

from __future__ import annotations

import json
import math
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from support.fast_nets import photos, tiny_perception, write_tiny

from artstyle import jsonlines
from artstyle.baselines.fast import losses
from artstyle.baselines.fast.file import read_header
from artstyle.baselines.fast.losses import Weights, grams, style_targets, terms, total_variation
from artstyle.baselines.fast.training import DivergedError, FastTraining
from artstyle.errors import ImageError, RecipeError, RunError, UsageError
from artstyle.events import Event, Note, Progress
from artstyle.images import read_rgb, write_png
from artstyle.pipeline.train_fast import start, work
from artstyle.pipeline.train_fast.plan import style_name
from artstyle.pipeline.train_fast.settings import WIDTHS
from artstyle.weights.cards import card_of_model


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(start, "choose_perception", tiny_perception)
    monkeypatch.setattr(work, "TICK_ITERATIONS", 2)
    monkeypatch.setitem(WIDTHS, "narrow", (4, 6, 8))


@pytest.fixture
def ground(workspace, tmp_path):
    photos(tmp_path / "photos", 16)
    for number, name in enumerate(("Starry Night.png", "wave.png")):
        photos(tmp_path / f"p{number}", 1 + number, (80, 120))
        (tmp_path / f"p{number}" / "000.png").rename(tmp_path / name)
    return workspace


def train(workspace: Path, tmp_path: Path, *, paintings: int = 1, **settings):
    names = ("Starry Night.png", "wave.png")[:paintings]
    given = {
        "content": [tmp_path / "photos"],
        "styles": [tmp_path / name for name in names],
        "width": "narrow",
        "blocks": 1,
        "crop_px": 64,
        "style_px": 80,
        "batch": 2,
        "iterations": 4,
        "checkpoint_iterations": 2,
        "device": "cpu",
    }
    return start.train_fast(workspace, **(given | settings))


# -- arithmetic -------------------------------------------------------------------------------


def test_gram_matrices_by_hand():
    maps = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # two channels, two positions
    assert grams(maps).tolist() == [[[2.5, 5.5], [5.5, 12.5]]]


def test_total_variation_by_hand():
    picture = torch.tensor([[[[0.0, 1.0], [3.0, 3.0]]]])
    assert total_variation(picture).item() == pytest.approx((1 + 0) / 2 + (9 + 4) / 2)


class Doubles:
    """Sees a picture as its first colour, twice as strong."""

    def __call__(self, images, layers):
        return dict.fromkeys(layers, 2 * images[:, :1])


def test_terms_by_hand():
    photo = torch.tensor([1.0, -1.0, 0.0, 0.0]).reshape(1, 1, 2, 2).expand(2, 3, 2, 2)
    drawn = torch.tensor([0.0, 0.0, 0.0, 1.0]).reshape(1, 1, 2, 2).expand(2, 3, 2, 2)
    targets = {"relu1_2": torch.tensor([[[4.0]], [[1.0]]])}
    found = terms(Doubles(), photo, drawn, styles=torch.tensor([0, 1]), targets=targets)
    # Content: map 2, -2, 0, 0 has variance 2; differences 2, 2, 0, 2 have mean square 3.
    assert found.content.item() == pytest.approx(1.5)
    # Style: Gram matrix of 0, 0, 0, 2 is 1; targets 4 and 1.
    assert found.style.item() == pytest.approx(((9 / 16) + 0) / 2)
    assert found.total(Weights(1, 10, 0)).item() == pytest.approx(1.5 + 10 * 9 / 32)


def test_targets_are_means_over_scales():
    painting = torch.linspace(-1, 1, 3 * 128 * 160).reshape(1, 3, 128, 160)
    whole = style_targets(Doubles(), [painting], ["a"], [1.0])["a"]
    half = style_targets(Doubles(), [painting], ["a"], [0.5])["a"]
    both = style_targets(Doubles(), [painting, painting.flip(0)], ["a"], [1.0, 0.5])["a"]
    assert both.shape == (2, 1, 1)
    torch.testing.assert_close(both[:1], (whole + half) / 2)
    assert not torch.equal(whole, half)
    # A scale that would leave next to nothing is left out.
    tiny = style_targets(Doubles(), [painting], ["a"], [1.0, 0.1])["a"]
    torch.testing.assert_close(tiny, whole)


def test_relative_losses_are_the_same_for_any_strength_of_features():
    torch.manual_seed(0)
    eyes = tiny_perception()

    def strong(images, layers):
        return {name: 1000 * held for name, held in eyes(images, layers).items()}

    photo, drawn, painting = (torch.rand(1, 3, 64, 64) * 2 - 1 for _ in range(3))
    for layers in (losses.CONTENT_LAYERS,):
        found = [
            terms(
                sees,
                photo,
                drawn,
                styles=torch.tensor([0]),
                targets=style_targets(sees, [painting]),
                content_layers=layers,
            )
            for sees in (eyes, strong)
        ]
        torch.testing.assert_close(found[0].content, found[1].content, rtol=1e-3, atol=0)
        torch.testing.assert_close(found[0].style, found[1].style, rtol=1e-3, atol=0)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (Weights(-1), "weight of content is -1"),
        (Weights(style=math.inf), "weight of style is inf"),
        (Weights(0, 0, 1), "nothing to learn"),
    ],
)
def test_weights_that_train_nothing_are_refused(weights, words):
    with pytest.raises(UsageError, match=words):
        weights.check()


# -- runs -------------------------------------------------------------------------------------


def test_a_training_leaves_a_net_a_card_panels_and_figures(ground, tmp_path):
    events: list[Event] = []
    done = train(
        ground, tmp_path, paintings=2, style_licences=["public domain"], emit=events.append
    )
    assert (done.iterations, done.reason, done.perception) == (4, "iterations", "tiny eyes")
    assert done.model == ground / "models/fast-starry_night-wave.safetensors"
    header = read_header(done.model)
    assert [style.name for style in header.record.styles] == ["starry_night", "wave"]
    assert [style.file for style in header.record.styles] == ["Starry Night.png", "wave.png"]
    assert {style.licence for style in header.record.styles} == {"public domain"}
    assert header.record.notes["photos_shown"] == 8
    assert header.record.notes["photos"] == 14
    assert header.shape.widths == (4, 6, 8)
    card = card_of_model(done.model)
    assert card.kind == "fast"
    assert "starry_night, wave" in card.title
    assert {source.licence for source in card.sources} == {"public domain", "unknown"}
    panel = read_rgb(done.run / "panel_latest.png")
    assert (panel.width, panel.height) == (3 * 260 - 4, 3 * 260 - 4)  # 2 of 16 are held out
    assert (done.run / "panel0000002.png").is_file()
    rows = jsonlines.read(done.run / "stats.jsonl")
    assert [row["Progress/iteration"]["mean"] for row in rows] == [2, 4]
    total = rows[0]["Loss/content"]["mean"] + 5 * rows[0]["Loss/style"]["mean"]
    total += 0.02 * rows[0]["Loss/tv"]["mean"]
    assert rows[0]["Loss/total"]["mean"] == pytest.approx(total, rel=1e-5)
    assert list(done.run.glob("events.out.tfevents*"))
    assert tomllib.loads((done.run / "recipe.toml").read_text())["crop_px"] == 64
    last = [event for event in events if isinstance(event, Progress)][-1]
    assert (last.task, last.done, last.total) == ("train-fast", 4, 4)
    assert any("14 photos are few" in event.text for event in events if isinstance(event, Note))
    again = train(ground, tmp_path, paintings=2, style_licences=["public domain"])
    assert (again.run, again.iterations) == (done.run, 4)


def test_a_resumed_training_is_the_same_to_the_bit(ground, tmp_path, monkeypatch):
    whole = train(ground, tmp_path, iterations=7, out=tmp_path / "whole")
    calls = iter(range(100))
    iterate = FastTraining.iterate

    def dies(self, *given):
        if next(calls) == 5:  # between a state and the next
            raise MemoryError("killed")
        iterate(self, *given)

    monkeypatch.setattr(FastTraining, "iterate", dies)
    parts = tmp_path / "parts"
    with pytest.raises(MemoryError):
        train(ground, tmp_path, iterations=7, out=parts)
    monkeypatch.setattr(FastTraining, "iterate", iterate)
    with (parts / "stats.jsonl").open("a") as stream:
        stream.write('{"Progress/iter')  # what a kill leaves of a line
    events: list[Event] = []
    resumed = train(ground, tmp_path, iterations=7, out=parts, emit=events.append)
    assert any("goes on at iteration 4" in e.text for e in events if isinstance(e, Note))
    left, right = load_file(whole.net), load_file(resumed.net)
    assert all(torch.equal(left[name], right[name]) for name in left)
    states = [json.loads((one / "state.json").read_text())["state"] for one in (whole.run, parts)]
    assert states == ["finished", "finished"]
    rows = [jsonlines.read(one / "stats.jsonl") for one in (whole.run, parts)]
    assert [row["Loss/total"]["mean"] for row in rows[0]] == [
        row["Loss/total"]["mean"] for row in rows[1]
    ]


def test_minutes_end_a_call_and_the_next_goes_on(ground, tmp_path, monkeypatch):
    first = train(ground, tmp_path, iterations=6, minutes=1e-9)
    assert (first.iterations, first.reason) == (0, "minutes")
    assert read_header(first.model).record.notes["iterations"] == 0
    then = train(ground, tmp_path, iterations=3)
    assert (then.run, then.iterations) == (first.run, 3)


def test_a_training_that_runs_apart_goes_back_at_half_the_rate(ground, tmp_path, monkeypatch):
    iterate = FastTraining.iterate
    rates: list[float] = []

    def explodes(self, given, styles):
        rates.append(self.rate_share)
        iterate(
            self, given * (math.inf if self.rate_share == 1 and self.iteration == 3 else 1), styles
        )

    monkeypatch.setattr(FastTraining, "iterate", explodes)
    events: list[Event] = []
    done = train(ground, tmp_path, iterations=6, emit=events.append)
    assert done.iterations == 6
    assert rates == [1.0] * 4 + [0.5] * 4
    warnings = [e.text for e in events if isinstance(e, Note) and "back to iteration 2" in e.text]
    assert warnings
    assert "at the rate 0.0005" in warnings[0]
    assert all(bool(held.isfinite().all()) for held in load_file(done.net).values())


def test_a_training_that_always_runs_apart_says_so(ground, tmp_path, monkeypatch):
    def broken(self):
        raise DivergedError("the loss (style) is not finite at iteration 2")

    monkeypatch.setattr(FastTraining, "take_means", broken)
    with pytest.raises(RunError, match=r"run apart again: the loss \(style\)") as caught:
        train(ground, tmp_path)
    assert "--lr" in str(caught.value.hint)
    assert not (ground / "models/fast-starry_night.safetensors").exists()


def test_a_dry_run_measures_and_writes_nothing(ground, tmp_path):
    plan = train(ground, tmp_path, iterations=1000, dry_run=True)
    assert plan.iterations == 1000
    assert plan.seconds == pytest.approx(1000 * plan.seconds_per_iteration)
    assert (plan.photos, plan.held_photos, plan.styles) == (14, 2, ("starry_night",))
    assert plan.parameters > 3_000
    assert list((ground / "runs").iterdir()) == []
    short = train(ground, tmp_path, iterations=10**9, minutes=0.05, dry_run=True)
    assert short.seconds == 3
    assert short.iterations < 10**6


def test_a_net_starts_from_another(ground, tmp_path):
    many = train(ground, tmp_path, paintings=2, name="both")
    held = load_file(many.model)
    one = train(ground, tmp_path, base=many.model, iterations=0, name="night")
    warm = load_file(one.model)
    assert torch.equal(
        warm["blocks.0.first.convolution.weight"], held["blocks.0.first.convolution.weight"]
    )
    assert torch.equal(warm["down.0.norm.gain"], held["down.0.norm.gain"][:1])  # its own style's
    assert (one.iterations, one.losses) == (0, {})
    base = read_header(one.model).record.notes["base"]
    assert (base["name"], base["iterations"], base["photos_shown"]) == ("fast-both", 4, 8)
    other = train(
        ground, tmp_path, base=many.model, iterations=1, minutes=1e-9, style_names=["new"]
    )
    mean = held["down.0.norm.offset"].float().mean(dim=0)
    assert load_file(other.model)["down.0.norm.offset"][0].float() == pytest.approx(mean, abs=1e-3)
    assert read_header(other.model).record.notes["base"]["name"] == "fast-both"
    with pytest.raises(UsageError, match=r"1 blocks of widths \(4, 6, 8\), and 2 of"):
        train(ground, tmp_path, base=many.model, blocks=2)


def test_what_does_not_fit_is_refused_before_anything_is_written(ground, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.jpg").write_text("no picture")
    write_tiny(ground / "models/fast-taken.safetensors", "other")
    (ground / "models/fast-foreign.safetensors").write_text("mine")
    cases = [
        ({"content": [tmp_path / "empty"]}, UsageError, "holds no pictures"),
        ({"content": [tmp_path / "nowhere"]}, ImageError, "no folder"),
        ({"styles": [tmp_path / "text.jpg"]}, ImageError, "text file"),
        ({"styles": []}, UsageError, "no painting"),
        ({"styles": [tmp_path / "wave.png"] * 2}, UsageError, "two styles would be called wave"),
        ({"style_names": ["a", "b"]}, UsageError, "1 paintings cannot have 2 names"),
        ({"style_licences": ["a", "b"]}, UsageError, "cannot have 2 licences"),
        ({"name": "taken"}, UsageError, "draws like other paintings"),
        ({"name": "foreign"}, UsageError, "no fast net, so it stays"),
        ({"name": "../up"}, RecipeError, "cannot be a net's name"),
        ({"crop_px": 8, "learning_rate": 0.0}, RecipeError, "has 2 faults"),
        ({"content_weight": 0.0, "style_weight": 0.0}, RecipeError, "nothing to learn"),
        ({"crop_px": 90}, RecipeError, "no multiple of 4"),
    ]
    for settings, kind, words in cases:
        with pytest.raises(kind, match=words):
            train(ground, tmp_path, **settings)
    assert list((ground / "runs").iterdir()) == []


def test_pictures_that_cannot_be_read_are_told_and_left_out(ground, tmp_path):
    (tmp_path / "photos" / "000.png").write_text("broken")
    write_png(tmp_path / "photos" / "sliver.png", np.zeros((4, 300, 3), np.uint8))
    events: list[Event] = []
    train(ground, tmp_path, iterations=9, emit=events.append)
    told = {e.text.split(":")[0] for e in events if isinstance(e, Note) and "left out" in e.text}
    assert told == {"left out"}


def test_styles_are_called_after_their_files():
    assert style_name(Path("a/The Great Wave!.jpg")) == "the_great_wave"
    assert style_name(Path("\u00e9.png")) == "style"
