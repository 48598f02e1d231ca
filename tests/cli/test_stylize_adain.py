"""`artstyle stylize adain`: pictures times styles, what is kept, regions, films, refusals."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from support.adain import WIDTHS, write_decoder_for, write_encoder, write_pictures

from artstyle.baselines.adain.statistics import Statistics
from artstyle.images import read_rgb, write_png
from artstyle.pipeline.stylize.adain import AdainSettings, Blend, Painting
from artstyle.pipeline.stylize.adain_films import ShotMemory
from artstyle.pipeline.stylize.adain_model import load_adain


@pytest.fixture
def place(workspace):
    """A workspace with an encoder, a decoder, a photo and two paintings."""
    encoder = write_encoder(workspace / "models" / "perception.safetensors")
    write_decoder_for(workspace / "models" / "adain.safetensors", encoder, styles=("night",))
    write_pictures(workspace / "photos", 2, side=(48, 64))
    write_pictures(workspace / "paintings", 2, side=(50, 70), seed=4)
    return workspace


@pytest.fixture
def draw(cli, place):
    def call(*words: object):
        return cli(
            "stylize",
            "adain",
            *words,
            "--workspace",
            place,
            "--size",
            64,
            "--style-size",
            64,
            cwd=place,
        )

    return call


PHOTO, PAINTING = "photos/picture-0.png", "paintings/picture-1.png"


def test_a_photo_is_drawn_recorded_and_kept(draw, cli, place):
    done = draw(PHOTO, "--style", PAINTING, "--out", "a.png", "--json")
    assert done.exit_code == 0, done.stderr
    (result,) = done.json()["results"]
    assert result["was_done"] is False
    assert read_rgb(place / "a.png").rgb.shape == (48, 64, 3)
    record = json.loads((place / "a.json").read_text())
    assert record["method"] == "adain"
    assert record["perception"].startswith("own network perception")
    assert [one["role"] for one in record["inputs"]] == ["content", "style"]
    assert record["decoder"]["licence"] == "CC0"
    before = (place / "a.png").stat().st_mtime_ns
    again = draw(PHOTO, "--style", PAINTING, "--out", "a.png", "--json")
    assert again.json()["results"][0]["was_done"] is True
    assert (place / "a.png").stat().st_mtime_ns == before
    traced = cli("trace", place / "a.png", "--workspace", place)
    assert "stylize adain" in traced.stdout
    assert "models/adain.safetensors" in traced.stdout
    other = draw(PHOTO, "--style", PAINTING, "--out", "a.png", "--alpha", 0.5, "--json")
    assert other.json()["results"][0]["was_done"] is False


def test_folders_times_folders(draw, place):
    done = draw("photos", "--style", "paintings", "--style", "night", "--out", "out")
    assert done.exit_code == 0, done.stderr
    names = sorted(path.name for path in (place / "out").glob("*.png"))
    assert names == [
        f"picture-{photo}-{style}.png"
        for photo in (0, 1)
        for style in ("night", "picture-0", "picture-1")
    ]
    pictures = [read_rgb(place / "out" / name).rgb for name in names]
    assert all((one != other).any() for one, other in itertools.pairwise(pictures))
    assert "seen by own network perception" in done.stdout


def test_what_cannot_be_read_is_told_and_the_rest_is_drawn(draw, place):
    (place / "photos" / "bad.png").write_text("no picture")
    done = draw("photos", "--style", "night", "--out", "out")
    assert done.exit_code == 0
    assert "bad.png" in done.stderr
    assert "1 could not be drawn" in done.stdout
    for path in (place / "photos").iterdir():
        path.write_text("no picture")
    done = draw("photos", "--style", "night", "--out", "out2")
    assert done.exit_code == 1
    assert "none of 3 pictures could be drawn" in done.stderr


def test_weights_mix_styles_into_one(draw, place):
    styles = ("--style", PAINTING, "--style", "night")
    done = draw(PHOTO, *styles, "--weights", "1,0", "--out", "mixed.png")
    assert done.exit_code == 0, done.stderr
    draw(PHOTO, "--style", PAINTING, "--out", "one.png")
    mixed, one = (read_rgb(place / name).rgb for name in ("mixed.png", "one.png"))
    assert np.array_equal(mixed, one)
    draw(PHOTO, *styles, "--weights", "1,1", "--out", "both.png")
    assert not np.array_equal(read_rgb(place / "both.png").rgb, one)


def test_a_mask_gives_a_style_its_region(draw, place):
    white = np.full((48, 64, 3), 255, np.uint8)
    write_png(place / "all.png", white)
    done = draw(PHOTO, "--style", PAINTING, "--mask", "all.png", "--out", "masked.png")
    assert done.exit_code == 0, done.stderr
    draw(PHOTO, "--style", PAINTING, "--out", "plain.png")
    masked, plain = (read_rgb(place / name).rgb.astype(int) for name in ("masked.png", "plain.png"))
    assert np.abs(masked - plain).max() <= 1
    assert [one["role"] for one in json.loads((place / "masked.json").read_text())["inputs"]] == [
        "content",
        "style",
        "mask",
    ]


def test_colours_are_kept(draw, place):
    rgb = read_rgb(place / PHOTO).rgb
    for how in ("luminance", "histogram"):
        done = draw(PHOTO, "--style", PAINTING, "--preserve-color", how, "--out", f"{how}.png")
        assert done.exit_code == 0, done.stderr
    drawn = read_rgb(place / "luminance.png").rgb
    chroma = [(one[..., 0].astype(int) - one[..., 2]).clip(-90, 90) for one in (drawn, rgb)]
    assert np.corrcoef(chroma[0].ravel(), chroma[1].ravel())[0, 1] > 0.9


def test_full_size_is_the_photos(cli, place):
    write_pictures(place / "large", 1, side=(72, 100))
    done = cli(
        *("stylize", "adain", "large/picture-0.png", "--style", "night", "--full-size"),
        *("--out", "a.jpg", "--workspace", place),
        cwd=place,
    )
    assert done.exit_code == 0, done.stderr
    assert read_rgb(place / "a.jpg").rgb.shape == (72, 100, 3)


def test_a_dry_run_writes_nothing(draw, place):
    done = draw("photos", "--style", "paintings", "--out", "out", "--dry-run")
    assert done.exit_code == 0, done.stderr
    assert "would draw 4" in done.stdout
    assert not (place / "out").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--style", "nobody", "--out", "a.png"), 2, "no style of that name"),
        (("--style", "no.jpg", "--out", "a.png"), 1, "no.jpg"),
        (("--style", "night", "--weights", "1,2", "--out", "a.png"), 2, "2 weights do not fit 1"),
        (("--style", "night", "--weights", "x", "--out", "a.png"), 2, "no numbers"),
        (("--style", "night", "--style", PAINTING, "--out", "a.png"), 2, "there are 2 styles"),
        (("--style", "night", "--out", PHOTO), 2, "one of the pictures"),
        (("--style", "night", "--preserve-color", "histogram", "--out", "a.png"), 2, "statistics"),
        (("--style", "night", "--mask", PHOTO, "--mask", PHOTO, "--out", "a.png"), 2, "2 masks"),
        (("--style", "night", "--decoder", PHOTO, "--out", "a.png"), 1, "cannot be read"),
        (("--style", "night", "--encoder", "vgg19", "--out", "a.png"), 1, "behind vgg19"),
        (("--style", "night", "--alpha", "2", "--out", "a.png"), 2, "alpha"),
    ],
)
def test_refusals(draw, words, code, said):
    done = draw(PHOTO, *words)
    assert done.exit_code == code, done.stderr
    assert said in done.stderr


def test_a_decoder_behind_another_encoder_is_refused(draw, place):
    write_encoder(place / "models" / "perception.safetensors", seed=3)
    done = draw(PHOTO, "--style", "night", "--out", "a.png")
    assert done.exit_code == 1
    assert "was trained behind" in done.stderr
    assert not (place / "a.png").exists()


def test_without_a_decoder_it_says_what_to_type(cli, workspace, monkeypatch, tmp_path):
    monkeypatch.setattr(
        "artstyle.pipeline.stylize.adain_model.starter_folder", lambda: tmp_path / "none"
    )
    write_pictures(workspace / "photos", 1)
    (workspace / "models" / "adain-bad.safetensors").write_bytes(b"x")
    done = cli(
        *("stylize", "adain", "photos", "--style", "night", "--out", "o"),
        *("--workspace", workspace),
        cwd=workspace,
    )
    assert done.exit_code == 1
    assert "there is no AdaIN decoder here" in done.stderr
    assert "adain-bad.safetensors" in done.stderr
    assert "artstyle train-adain" in done.stderr


# -- films -----------------------------------------------------------------------------------


def write_film(path: Path) -> Path:
    from artstyle.video.write import VideoWriter

    dice = np.random.RandomState(0)
    still = dice.randint(0, 256, (48, 64, 3), dtype=np.uint8)
    with VideoWriter(path, (64, 48), 10) as film:
        for number in range(6):
            film.write(np.roll(still, number, axis=1))
    return path


def test_a_film_is_drawn_frame_by_frame(draw, place):
    write_film(place / "walk.mp4")
    done = draw("walk.mp4", "--style", PAINTING, "--out", "night.mp4", "--json")
    assert done.exit_code == 0, done.stderr
    assert done.json()["results"][0]["frames"] == 6
    record = json.loads((place / "night.json").read_text())
    assert record["file"]["width_px"] == 64
    again = draw("walk.mp4", "--style", PAINTING, "--out", "night.mp4", "--json")
    assert again.json()["results"][0]["was_done"] is True
    masked = draw("walk.mp4", "--style", PAINTING, "--mask", PHOTO, "--out", "m.mp4")
    assert masked.exit_code == 2
    assert "masks are for pictures" in masked.stderr


def test_colours_follow_slowly_within_a_shot(place):
    model = load_adain(place)
    blend = Blend("night", (Painting("night", None),))
    memory = ShotMemory(blend, AdainSettings(), model, keep=0.75)

    def of(value: float) -> Statistics:
        return Statistics(torch.full((1, WIDTHS[3], 1, 1), value), torch.ones(1, WIDTHS[3], 1, 1))

    assert memory.settle(of(4.0)).mean[0, 0].item() == 4.0
    assert memory.settle(of(8.0)).mean[0, 0].item() == pytest.approx(5.0)
    assert memory.settle(of(8.0)).mean[0, 0].item() == pytest.approx(5.75)
    memory.forget()
    assert memory.settle(of(8.0)).mean[0, 0].item() == 8.0


# -- as a baseline ---------------------------------------------------------------------------


def test_it_takes_part_as_a_baseline(monkeypatch, place):
    from artstyle.pipeline.stylize import baselines
    from artstyle.pipeline.stylize.baselines import StyleChoice

    starter = place / "models"
    for module in ("artstyle.pipeline.stylize.adain_model", "artstyle.perception.choose"):
        monkeypatch.setattr(f"{module}.starter_folder", lambda: starter)
    assert baselines.shipped_styles("adain")[0] == "night"
    photo = read_rgb(place / PHOTO).rgb
    drawn = baselines.draw_baseline("adain", photo, "night", 64)
    assert drawn.pixels.shape == (48, 64, 3)
    assert drawn.record["style_statistics"] == "night"
    assert drawn.record["perception"].startswith("own network")
    json.dumps(drawn.record)
    painting = read_rgb(place / PAINTING).rgb
    other = baselines.draw_baseline("adain", photo, StyleChoice("mine", painting), 64)
    assert other.record["painting"] == "mine"
    assert not np.array_equal(other.pixels, drawn.pixels)
    assert other.record["decoder_sha256"] == drawn.record["decoder_sha256"]
