"""The classic methods as columns of the grid: which are drawn, how, and what is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from support.challenges import ASTRONAUT, Negative, fill_models, save

from artstyle.errors import UsageError
from artstyle.events import Event, Note
from artstyle.pipeline.challenge import likeness
from artstyle.pipeline.challenge.baselines import SIZE_PX, find_baselines, parse_kinds
from artstyle.pipeline.challenge.planning import Look, Options
from artstyle.pipeline.stylize import baselines as methods
from artstyle.report.challenge_grid import make_challenge

QUICK = Options(baselines=("adain",), steps=1, look=Look(cell_px=64))


@pytest.fixture(autouse=True)
def registered(monkeypatch, tmp_path) -> None:
    """AdaIN is a method of the tests, the others are not here; likeness costs nothing."""
    table = dict.fromkeys(methods.KINDS, "artstyle.no_such_method:METHOD")
    table["adain"] = "support.challenges:METHOD"
    monkeypatch.setattr(methods, "_METHODS", table)
    monkeypatch.setattr(Negative, "drawn", 0)
    monkeypatch.setattr(likeness, "lack", lambda: "not in this test")
    folder = tmp_path / "starter"
    folder.mkdir()
    for module in ("artstyle.weights.model_names", "artstyle.pipeline.challenge.planning"):
        monkeypatch.setattr(f"{module}.starter_folder", lambda: folder)


def names(found) -> list[str]:
    return [one.name for one in found]


def test_kinds_in_words():
    assert parse_kinds("auto") is None
    assert parse_kinds("none") == ()
    assert parse_kinds("fast, gatys") == ("gatys", "fast")
    for words in ("gan", "", "none,fast"):
        with pytest.raises(UsageError, match="there is no baseline"):
            parse_kinds(words)


def test_what_is_not_here_is_told_and_more_loudly_where_it_was_asked_for():
    for kinds, level in ((None, "info"), (("adain", "fast"), "warning")):
        events: list[Event] = []
        found, lacking = find_baselines(kinds, emit=events.append)
        assert names(found) == ["adain-night"]
        assert lacking == ("no baseline fast transfer: what it needs is not here",)
        assert events == [Note(lacking[0], level)]


def test_styles_of_baselines_by_name_and_by_painting(tmp_path):
    mine = save(tmp_path / "my moon.png", np.zeros((40, 40, 3), np.uint8))
    found, _ = find_baselines(("adain",), ("wave", str(mine)))
    assert names(found) == ["adain-wave", "adain-my-moon"]
    assert found[1].choice().pixels is not None
    assert found[1].title == "AdaIN, my-moon"
    with pytest.raises(UsageError, match="no style 'sunflowers'") as fault:
        find_baselines(("adain",), ("sunflowers",))
    assert fault.value.hint == "there are night, wave"


def test_all_kinds_take_the_same_painting_if_they_can(monkeypatch):
    class Other(Negative):
        def shipped_styles(self) -> list[str]:
            return ["sun", "wave"]

    monkeypatch.setattr("support.challenges.OTHER", Other(), raising=False)
    monkeypatch.setitem(methods._METHODS, "fast", "support.challenges:OTHER")
    found, _ = find_baselines(None)
    assert names(found) == ["adain-wave", "fast-wave"]


def test_a_baseline_is_a_column_over_the_same_square(workspace):
    fill_models(workspace)
    made = make_challenge([ASTRONAUT], QUICK, workspace)
    cell = made.record["rows"][0]["cells"][-1]
    assert (cell["what"], cell["name"]) == ("baseline", "adain-night")
    with Image.open(made.out / cell["file"]) as picture:
        drawn = np.asarray(picture)
    with Image.open(made.out / "cells" / "photo.png") as picture:
        photo = np.asarray(picture.resize((SIZE_PX, SIZE_PX), Image.Resampling.LANCZOS))
    assert drawn.shape == (SIZE_PX, SIZE_PX, 3)
    assert np.abs(255 - drawn.astype(int) - photo).max() <= 1
    card = made.record["baselines"][0]
    assert card["perception"] == "none"
    assert made.record["licence"]["combined"].startswith("NON-COMMERCIAL: ")
    assert "CC BY-NC 4.0 (AdaIN, night)" in made.record["licence"]["combined"]
    assert Negative.drawn == 1
    again = make_challenge([ASTRONAUT], replace(QUICK, look=Look(cell_px=80)), workspace)
    assert Negative.drawn == 1  # the cell was kept, and all that is known of it
    assert again.record["baselines"] == made.record["baselines"]
    other = replace(QUICK, baseline_styles=("wave",))
    make_challenge([ASTRONAUT], other, workspace)
    assert Negative.drawn == 2
    assert not (made.out / "cells" / "adain-night.png").exists()
