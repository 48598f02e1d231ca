"""`stylize fast` as a library: what is found, where results go, what is kept, what is told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support import films
from support.fast_nets import photos, write_tiny

from artstyle.baselines.fast.file import read_fast, read_header
from artstyle.catalog import open_catalog
from artstyle.errors import ArtstyleError, ImageError, UsageError, WeightsError
from artstyle.events import Event, Note
from artstyle.images import read_rgb, write_png
from artstyle.pipeline.stylize import baselines, fast_nets
from artstyle.pipeline.stylize.contents import find_contents
from artstyle.pipeline.stylize.fast import FastJob, plan_fast, stylize_fast
from artstyle.pipeline.stylize.fast_nets import fast_nets as all_nets
from artstyle.pipeline.stylize.fast_nets import find_net, parse_mixture
from artstyle.video.film import open_film


@pytest.fixture
def ground(workspace, tmp_path, monkeypatch):
    """A workspace with two nets of its own, and a starter pack with two."""
    starter = tmp_path / "starter"
    starter.mkdir()
    monkeypatch.setattr(fast_nets, "starter_folder", lambda: starter)
    write_tiny(starter / "fast-wave.safetensors", "wave", seed=3)
    write_tiny(starter / "fast-night.safetensors", "night", seed=4)
    write_tiny(workspace / "models/fast-night.safetensors", "night", seed=1)
    write_tiny(workspace / "models/two.safetensors", "a", "b", seed=2)
    photos(tmp_path / "in", 1)
    return workspace


def job(tmp_path: Path, **settings) -> FastJob:
    given = {"contents": (tmp_path / "in/000.png",), "out": tmp_path / "o.png", "model": "night"}
    return FastJob(**(given | settings))


# -- nets and styles --------------------------------------------------------------------------


def test_nets_are_found_by_name_the_workspaces_first(ground, tmp_path):
    models = ground / "models"
    (models / "text.safetensors").write_text("none")
    names = [name for name, _ in all_nets(ground)]
    assert names == ["night", "two", "night", "wave"]
    assert find_net("night", ground).path == models / "fast-night.safetensors"
    assert find_net("fast-night", ground).path == models / "fast-night.safetensors"
    assert find_net("night", None).path == tmp_path / "starter/fast-night.safetensors"
    assert find_net(str(models / "two.safetensors"), None).name == "two"
    with pytest.raises(WeightsError, match="no fast net 'nigth'; did you mean 'night'") as caught:
        find_net("nigth", ground)
    assert "there are night, two, wave" in str(caught.value.hint)
    with pytest.raises(WeightsError, match="cannot be read"):
        find_net(str(models / "text.safetensors"), ground)


def test_styles_are_mixed_by_shares(ground):
    two = find_net("two", ground).record
    assert parse_mixture(["b"], two).shares == (0.0, 1.0)
    assert parse_mixture(["0"], two).label == "a"
    mixed = parse_mixture(["a=1", "b=3"], two)
    assert (mixed.shares, mixed.label) == ((0.25, 0.75), "a-b")
    assert mixed.facts(two) == {"a": 0.25, "b": 0.75}
    assert parse_mixture([], find_net("night", ground).record).shares == (1.0,)
    for words, fault in (
        ([], "knows several styles: a, b"),
        (["c"], "no style 'c'"),
        (["2"], "no style '2'"),
        (["a=x"], "'x' is no share"),
        (["a=-1"], "'-1' is no share"),
        (["a=nan"], "'nan' is no share"),
        (["a=0"], "sum to nothing"),
    ):
        with pytest.raises(UsageError, match=fault):
            parse_mixture(words, two)


# -- places -----------------------------------------------------------------------------------


def test_every_result_has_a_place_of_its_own(tmp_path):
    folder = photos(tmp_path / "in", 2)
    photos(tmp_path / "in/below", 1)
    (tmp_path / "in/below/b.MKV").write_bytes(b"film")
    (tmp_path / "in/.hidden.mp4").write_bytes(b"")
    other = photos(tmp_path / "other", 1)
    found = find_contents([folder, other, other / "000.png"], tmp_path / "out", "x")
    assert [str(one.out.relative_to(tmp_path / "out")) for one in found] == [
        "000-x.png",
        "001-x.png",
        "below/000-x.png",
        "below/b-x.mp4",
        "000-x-2.png",
        "000-x-3.png",
    ]
    assert [one.is_film for one in found] == [False, False, False, True, False, False]


def test_places_that_do_not_fit_are_refused(tmp_path):
    photo = photos(tmp_path / "in", 1) / "000.png"
    film = tmp_path / "f.mp4"
    film.write_bytes(b"")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    cases = [
        ([tmp_path / "empty"], tmp_path / "o", "nothing to draw"),
        ([photo], photo, "one of the pictures it would be made from"),
        ([photo], tmp_path / "o.mp4", "is a picture, and --out"),
        ([film], tmp_path / "o.png", "is a film, and --out"),
        ([photo, film], tmp_path / "o.png", "several things to draw"),
        ([tmp_path / "in"], tmp_path / "o.jpg", "several things to draw"),
        ([photo], tmp_path / "file", "is a file's name"),
        ([photo], tmp_path / "o.bmp", "results are written as"),
    ]
    for given, out, words in cases:
        with pytest.raises(UsageError, match=words):
            find_contents(given, out, "x")


# -- drawing ----------------------------------------------------------------------------------


def test_a_picture_is_drawn_recorded_and_kept(ground, tmp_path, monkeypatch):
    done = stylize_fast(job(tmp_path), ground)
    (result,) = done.results
    drawn, photo = read_rgb(tmp_path / "o.png").rgb, read_rgb(tmp_path / "in/000.png").rgb
    assert drawn.shape == photo.shape
    assert np.abs(drawn.astype(int) - photo).mean() > 10
    record = json.loads((tmp_path / "o.json").read_text())
    header = read_header(ground / "models/fast-night.safetensors")
    assert record["method"] == "fast"
    assert record["net"]["content_sha256"] == header.content_sha256
    assert record["net"]["licence"] == "CC0-1.0"
    assert record["styles"] == [
        {
            "share": 1.0,
            "name": "night",
            "file": "night.jpg",
            "sha256": "ab" * 32,
            "licence": "public domain",
        }
    ]
    assert (record["perception"], done.perception) == ("tiny eyes", "tiny eyes")
    assert record["inputs"][0]["path"] == str(tmp_path / "in/000.png")
    with open_catalog(ground) as catalog:
        lineage = catalog.rows(
            "SELECT made_by, model.name, source.path FROM artefact"
            " JOIN artefact_input AS a ON a.artefact = artefact.id LEFT JOIN model ON"
            " model.id = a.model LEFT JOIN source ON source.id = a.source ORDER BY model.name"
        )
    assert [tuple(row)[:2] for row in lineage] == [
        ("stylize fast", None),
        ("stylize fast", "fast-night"),
    ]
    assert str(lineage[0][2]).endswith("in/000.png")

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a finished picture needs no net")

    monkeypatch.setattr("artstyle.baselines.fast.file.read_fast", never)
    again = stylize_fast(job(tmp_path), ground)
    assert again.results[0].was_done
    assert not result.was_done
    monkeypatch.undo()
    for changed in (
        {"model": str(ground / "models/two.safetensors"), "styles": ("a",)},
        {"size_px": 40},
    ):
        assert not stylize_fast(job(tmp_path, **changed), ground).results[0].was_done


def test_sizes_colours_and_mixtures(ground, tmp_path):
    small = stylize_fast(job(tmp_path, size_px=45), ground).results[0]
    assert (small.record["file"]["width_px"], small.record["file"]["height_px"]) == (45, 36)
    two = {"model": "two", "out": tmp_path / "m.png"}
    drawn = {}
    for styles in (("a",), ("b",), ("a=0.5", "b=0.5")):
        stylize_fast(job(tmp_path, styles=styles, **two), ground)
        drawn[styles] = read_rgb(tmp_path / "m.png").rgb.astype(int)
    assert np.abs(drawn["a",] - drawn["b",]).mean() > 5
    assert np.abs(drawn["a=0.5", "b=0.5"] - drawn["a",]).mean() > 2
    photo = read_rgb(tmp_path / "in/000.png").rgb
    stylize_fast(job(tmp_path, keep_colour=True), ground)
    kept = read_rgb(tmp_path / "o.png").rgb
    plain = read_fast(ground / "models/fast-night.safetensors")
    assert plain[1].name == "fast-night"

    def chroma(rgb: np.ndarray) -> np.ndarray:
        return rgb[..., 0].astype(int) - rgb[..., 2]

    inside = ((kept > 0) & (kept < 255)).all(axis=2)
    assert inside.mean() > 0.2
    assert np.abs(chroma(kept) - chroma(photo))[inside].max() <= 2


def test_a_film_is_drawn_with_its_record(ground, tmp_path):
    source = films.write_film(tmp_path / "walk.mp4", films.scenes((1, 2), 12))
    given = {"contents": (source,), "out": tmp_path / "out", "end_s": 0.8}
    plan = plan_fast(job(tmp_path, **given), ground)
    assert (plan.films[0].frames, plan.pictures) == (20, ())
    assert plan.seconds > 0
    done = stylize_fast(job(tmp_path, **given), ground)
    (result,) = done.results
    assert result.file == tmp_path / "out/walk-night.mp4"
    assert result.record["file"]["frames"] == result.record["frames"] == 20
    assert (result.record["shots"], result.record["sound"]) == (2, "none")
    film = open_film(result.file)
    assert film.size_px == (96, 64)
    with open_catalog(ground) as catalog:
        rows = catalog.rows("SELECT artefact.kind, source.kind FROM artefact, source")
    assert [tuple(row) for row in rows] == [("video", "film")]
    assert stylize_fast(job(tmp_path, **given), ground).results[0].was_done
    result.record_file.write_text("{}")
    with pytest.raises(ArtstyleError, match="no record of a film"):
        stylize_fast(job(tmp_path, with_sound=False, **given), ground)


def test_one_bad_file_of_many_is_told(ground, tmp_path):
    folder = photos(tmp_path / "many", 3)
    (folder / "001.png").write_text("broken")
    (folder / "z.mp4").write_text("no film")
    write_png(folder / "tiny.png", np.zeros((4, 4, 3), np.uint8))
    events: list[Event] = []
    done = stylize_fast(
        job(tmp_path, contents=(folder,), out=tmp_path / "o"), ground, emit=events.append
    )
    assert [one.file.name for one in done.results] == ["000-night.png", "002-night.png"]
    assert len(done.faults) == 3
    assert sum(isinstance(one, Note) and "left out" in one.text for one in events) == 3
    with pytest.raises(ImageError):
        stylize_fast(job(tmp_path, contents=(folder / "001.png",)), ground)
    bad = (folder / "001.png", folder / "tiny.png")
    with pytest.raises(ArtstyleError, match="none of 2 files could be drawn"):
        stylize_fast(job(tmp_path, contents=bad, out=tmp_path / "p"), ground)


def test_grids_get_pixels(ground, tmp_path):
    content = read_rgb(tmp_path / "in/000.png").rgb
    assert baselines.shipped_styles("fast") == ["night", "wave"]
    write_tiny(tmp_path / "starter/fast-the_scream.safetensors", "the_scream", seed=5)
    write_tiny(tmp_path / "starter/fast-two.safetensors", "a", "b", seed=6)
    assert baselines.shipped_styles("fast") == ["the_scream", "night", "wave"]
    for size_px, shape in ((64, (51, 64, 3)), (180, (144, 180, 3))):
        made = baselines.draw_baseline("fast", content, "wave", size_px)
        assert made.pixels.shape == shape
    identity = baselines.identity("fast", "wave")
    assert identity["net"] == "fast-wave"
    assert made.record.items() >= identity.items()
    assert made.record["painting"]["file"] == "wave.jpg"
    json.dumps(made.record)
    # Another net in its place is another identity, and draws otherwise.
    write_tiny(tmp_path / "starter/fast-wave.safetensors", "wave", seed=9)
    assert baselines.identity("fast", "wave") != identity
    other = baselines.draw_baseline("fast", content, "wave", 180)
    assert (other.pixels != made.pixels).mean() > 0.5
    for name, kind, words in (
        ("wavy", WeightsError, "no fast net"),
        ("two", UsageError, "2 styles"),
    ):
        with pytest.raises(kind, match=words):
            baselines.draw_baseline("fast", content, name, 64)


def test_a_plan_costs_nothing(ground, tmp_path):
    plan = plan_fast(job(tmp_path, out=tmp_path / "deep/o.png"), ground)
    assert [one.out for one in plan.pictures] == [tmp_path / "deep/o.png"]
    assert not (tmp_path / "deep").exists()
    with pytest.raises(UsageError, match="5 px show nothing"):
        plan_fast(job(tmp_path, size_px=5), ground)
