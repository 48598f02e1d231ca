"""`artstyle stylize sheet`, and the classic methods behind one door."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artstyle.baselines.gatys.settings import GatysSettings
from artstyle.baselines.optim import Search
from artstyle.errors import UsageError, WeightsError
from artstyle.images import read_rgb
from artstyle.pipeline.stylize import baselines
from artstyle.pipeline.stylize.gatys import Seeing
from artstyle.pipeline.stylize.gatys_method import GatysMethod
from artstyle.pipeline.stylize.sheet import parse_methods, parse_styles


class Inverting:
    """A method that takes no time."""

    def __init__(self) -> None:
        self.drawn = 0

    def shipped_styles(self):
        return ["night"]

    def identity(self, style):
        return {"perception": "none", **baselines.painting_identity(style)}

    def draw(self, content, style, size_px, emit):
        self.drawn += 1
        return 255 - content, {"losses": {}}


ADAIN, FAST = Inverting(), Inverting()
QUICK = GatysMethod(
    GatysSettings(coarsest_px=32, first_steps=1, search=Search(iterations=1)), Seeing("random")
)


@pytest.fixture
def methods(monkeypatch):
    places = {"gatys": f"{__name__}:QUICK", "adain": f"{__name__}:ADAIN", "fast": "nowhere:X"}
    found = {"gatys": QUICK, "adain": ADAIN}
    monkeypatch.setattr(baselines, "_METHODS", places)
    monkeypatch.setattr(baselines, "_method", found.__getitem__)
    monkeypatch.setattr(baselines, "is_there", found.__contains__)
    ADAIN.drawn = 0


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    dice = np.random.default_rng(0)
    for name in ("me", "you", "night", "wave"):
        Image.fromarray(dice.integers(0, 255, (40, 48, 3), dtype=np.uint8)).save(
            tmp_path / f"{name}.png"
        )
    return tmp_path


def words(folder: Path) -> list[str]:
    contents = ["--content", str(folder / "me.png"), "--content", str(folder / "you.png")]
    styles = ["--style", str(folder / "night.png"), "--style", f"sea={folder / 'wave.png'}"]
    return ["stylize", "sheet", *contents, *styles, "--size", "40", "--out", str(folder / "out")]


@pytest.mark.usefixtures("methods")
def test_a_sheet_of_all_that_can_be_drawn(cli, pictures):
    outcome = cli(*words(pictures), "--json")
    assert outcome.exit_code == 0, outcome.stderr
    assert "without the method fast" in outcome.stderr
    record = json.loads((pictures / "out" / "sheet.json").read_text())
    assert len(record["cells"]) == 2 * 2 * 3
    drawn = [cell for cell in record["cells"] if "file" in cell]
    assert {cell["method"] for cell in drawn} == {"gatys", "adain"}
    assert all((pictures / "out" / cell["file"]).is_file() for cell in drawn)
    assert record["methods"]["gatys"]["cells"] == 4
    assert record["methods"]["gatys"]["median_seconds"] > 0
    assert record["methods"]["fast"] == {"cells": 0, "median_seconds": None}
    assert [style["name"] for style in record["styles"]] == ["night", "sea"]
    sheet = read_rgb(pictures / "out" / "sheet.png").rgb
    assert sheet.shape[0] > 7 * 40
    assert sheet.shape[1] > 3 * 40
    assert ADAIN.drawn == 4


@pytest.mark.usefixtures("methods")
def test_a_sheet_goes_on_where_it_was(cli, pictures):
    assert cli(*words(pictures), "--methods", "adain").exit_code == 0
    assert ADAIN.drawn == 4
    (pictures / "out" / "cells" / "me-sea-adain.png").unlink()
    assert cli(*words(pictures), "--methods", "adain").exit_code == 0
    assert ADAIN.drawn == 5
    assert (pictures / "out" / "cells" / "me-sea-adain.png").is_file()


@pytest.mark.usefixtures("methods")
def test_a_method_without_its_weights_leaves_its_places_empty(cli, pictures, monkeypatch):
    def lacking(style):
        raise WeightsError("there is no decoder here")

    monkeypatch.setattr(ADAIN, "identity", lacking)
    outcome = cli(*words(pictures), "--methods", "adain")
    assert outcome.exit_code == 0, outcome.stderr
    assert "adain: there is no decoder here" in outcome.stderr
    record = json.loads((pictures / "out" / "sheet.json").read_text())
    assert {cell["missing"] for cell in record["cells"]} == {"adain: there is no decoder here"}


@pytest.mark.usefixtures("methods")
def test_one_door_for_all_methods():
    dice = np.random.default_rng(0)
    photo = dice.integers(0, 255, (40, 60, 3), dtype=np.uint8)
    style = baselines.StyleChoice("mine", dice.integers(0, 255, (50, 50, 3), dtype=np.uint8))
    made = baselines.draw_baseline("gatys", photo, style, 48)
    assert made.pixels.shape == (32, 48, 3)
    assert made.pixels.dtype == np.uint8
    assert made.seconds > 0
    assert made.record["method"] == "gatys"
    assert made.record["style"] == "mine"
    assert made.record["perception"] == "random filters, seed 0"
    assert made.record["evaluations"] == 1
    json.dumps(made.record)
    assert baselines.identity("gatys", style)["painting_sha256"] == made.record["painting_sha256"]
    other = baselines.StyleChoice("mine", style.pixels[::-1])
    assert baselines.identity("gatys", other) != baselines.identity("gatys", style)


def test_what_is_not_there_is_told():
    assert list(baselines.shipped_styles("gatys")) == baselines.shipped_paintings()
    with pytest.raises(UsageError, match="no painting 'nowhere'"):
        baselines.painting_of(baselines.StyleChoice("nowhere"))
    with pytest.raises(UsageError, match="no method"):
        baselines.draw_baseline("cyclegan", np.zeros((40, 40, 3), np.uint8), "x", 40)


def test_names_of_styles_and_methods(tmp_path):
    odd = tmp_path / "a=b.png"
    odd.touch()
    found = parse_styles(["night=x/vg.jpg", "x/wave.png", str(odd)])
    assert found == [("night", Path("x/vg.jpg")), ("wave", Path("x/wave.png")), ("a=b", odd)]
    with pytest.raises(UsageError, match="two styles are called wave"):
        parse_styles(["a/wave.png", "b/wave.png"])
    assert parse_methods("fast, gatys") == ["fast", "gatys"]
    for wrong in ("", "gatys,cubism"):
        with pytest.raises(UsageError, match="no method"):
            parse_methods(wrong)
