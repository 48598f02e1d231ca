"""A challenge as a whole: what it writes, that it is finished once, and what a kill leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file
from support.challenges import ASTRONAUT, LICENCES, fill_models, save, two_people, write_style

from artstyle.catalog import open_catalog
from artstyle.catalog.lineage import trace
from artstyle.catalog.lineage_text import as_text
from artstyle.errors import ArtstyleError, RunError, UsageError
from artstyle.events import Event, Note, ignore
from artstyle.files import sha256_of
from artstyle.pipeline.challenge import likeness
from artstyle.pipeline.challenge.planning import Look, Options
from artstyle.pipeline.tuning_steps import usual_tuning
from artstyle.report.challenge_grid import Made, make_challenge

QUICK = Options(baselines=(), steps=1, tuning=1, look=Look(cell_px=64))
Make = Callable[..., Made]


@pytest.fixture(autouse=True)
def no_starter_pack(tmp_path, monkeypatch):
    folder = tmp_path / "starter"
    folder.mkdir()
    for module in ("artstyle.weights.model_names", "artstyle.pipeline.challenge.planning"):
        monkeypatch.setattr(f"{module}.starter_folder", lambda: folder)


@pytest.fixture
def figures(monkeypatch) -> None:
    """Descriptors that cost nothing: the mean colours."""

    def describe(pictures: Any) -> Any:
        return np.stack([one.mean(axis=(0, 1)) / 100 for one in pictures]).astype(np.float32)

    monkeypatch.setattr(likeness, "describe", describe)


@pytest.fixture
def make(workspace) -> Make:
    fill_models(workspace)

    def call(*paths: Path, options: Options = QUICK, emit: Any = ignore, **more: Any) -> Made:
        return make_challenge(paths or (ASTRONAUT,), options, workspace, emit=emit, **more)

    return call


def hashes(folder: Path) -> dict[str, str]:
    """All files but the record, which has times in it."""
    return {
        path.relative_to(folder).as_posix(): sha256_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "grid.json"
    }


def opened(path: Path) -> Any:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_what_is_written(make, workspace):
    made = make(command=["artstyle", "challenge", "astronaut.jpg"])
    out = workspace / "challenge" / "astronaut"
    assert made.out == out
    assert not made.was_done
    assert set(hashes(out)) == {
        *(f"cells/{name}.png" for name in ("photo", "projection", "ink", "toon")),
        *("grid.png", "index.html", "projections/astronaut.safetensors"),
    }
    record = json.loads((out / "grid.json").read_text(encoding="utf-8"))
    assert record == json.loads(json.dumps(made.record))
    assert record["command"] == ["artstyle", "challenge", "astronaut.jpg"]
    assert [card["name"] for card in record["styles"]] == ["ink", "toon"]
    assert record["base"]["sha256"] == sha256_of(workspace / "models" / "people.safetensors")
    assert record["licence"]["combined"] == "CC0-1.0 (people); CC BY 4.0 (ink); MIT (toon)"
    assert {one["file"]: one["sha256"] for one in record["files"]} == hashes(out)
    assert record["versions"]["artstyle"]
    assert record["seconds"]["total"] >= record["seconds"]["project"] > 0
    (row,) = record["rows"]
    assert row["photo"]["sha256"] == sha256_of(ASTRONAUT)
    assert row["projection"]["features"]
    assert [cell["name"] for cell in row["cells"]] == ["photo", "projection", "ink", "toon"]
    for cell in row["cells"][1:]:
        assert cell["likeness"]["lost"] == (cell["likeness"]["to_photo"] > likeness.THRESHOLD)
    assert any("no encoder" in words for words in record["fall_backs"])
    assert any("no swap was searched for ink, toon" in words for words in record["fall_backs"])
    assert opened(out / "cells" / "photo.png").shape == (512, 512, 3)
    assert opened(out / "cells" / "ink.png").shape == (16, 16, 3)


def test_the_base_is_tuned_to_the_face_and_every_style_takes_the_change_along(
    make, figures, workspace
):
    drawn = {}
    for steps in (0, 12):
        wish = Options(baselines=(), steps=1, tuning=steps, look=Look(cell_px=64))
        made = make(options=wish, out=workspace / f"tuned-{steps}")
        cells = {name: opened(made.out / "cells" / f"{name}.png") for name in ("projection", "ink")}
        held = load_file(made.out / "projections" / "astronaut.safetensors")
        change = [name for name in held if name.startswith("change.")]
        drawn[steps] = (cells, made.record["rows"][0]["projection"], change)
    plain, tuned = drawn[0], drawn[12]
    assert not plain[2]
    assert plain[1]["tuning"] is None
    assert "change.b16.conv1.weight" in tuned[2]
    assert tuned[1]["tuning"]["steps"] == 12
    assert tuned[1]["pixel_rmse"] < plain[1]["pixel_rmse"]
    for name in ("projection", "ink"):
        assert not np.array_equal(plain[0][name], tuned[0][name])


def test_a_large_base_is_tuned_only_where_it_is_asked_for():
    assert [usual_tuning(px) for px in (64, 128, 256, 1024)] == [40, 40, 0, 0]


def test_cells_say_what_they_were_made_from(make, figures):
    made = make()
    with Image.open(made.out / "cells" / "ink.png") as picture:
        said = json.loads(picture.text["artstyle"])
    assert said["style"]["licence"] == LICENCES["ink"]
    assert said["base"]["sha256"] == made.record["base"]["sha256"]
    assert said["projection"] == made.record["rows"][0]["projection"]["key"]


def test_the_same_again_does_nothing(make, figures, monkeypatch):
    first = make()
    before = {path: path.stat().st_mtime_ns for path in first.out.rglob("*")}
    monkeypatch.setattr(
        "artstyle.report.challenge_grid.look_at_photos", lambda *_: pytest.fail("looked again")
    )
    again = make()
    assert again.was_done
    assert again.record == first.record
    assert {path: path.stat().st_mtime_ns for path in first.out.rglob("*")} == before


@pytest.mark.parametrize("harm", ["cells/ink.png", "grid.png", "projections/astronaut.safetensors"])
def test_what_was_harmed_is_made_again(make, figures, harm):
    made = make()
    expected = hashes(made.out)
    path = made.out / harm
    path.write_bytes(path.read_bytes()[:-40])
    assert not make().was_done
    assert hashes(made.out) == expected


def test_another_look_draws_no_cell_again(make, figures, monkeypatch):
    first = hashes(make().out)
    for place in ("drawing.Drawer.draw", "projecting._invert"):
        monkeypatch.setattr(
            f"artstyle.pipeline.challenge.{place}", lambda *_: pytest.fail("drawn again")
        )
    second = make(
        options=Options(baselines=(), steps=1, tuning=1, look=Look(theme="dark", cell_px=64))
    )
    assert not second.was_done
    changed = {name for name, digest in hashes(second.out).items() if first[name] != digest}
    assert changed == {"grid.png", "index.html"}


def test_another_folder_takes_the_latent_from_the_catalog(make, figures, monkeypatch, tmp_path):
    make()
    monkeypatch.setattr(
        "artstyle.pipeline.challenge.projecting._invert", lambda *_: pytest.fail("sought again")
    )
    other = make(out=tmp_path / "elsewhere")
    assert (other.out / "projections" / "astronaut.safetensors").is_file()


class StopError(Exception):
    """The user's patience."""


def test_broken_off_anywhere_and_given_again_it_ends_the_same(make, figures, tmp_path, workspace):
    photo = save(tmp_path / "two.png", two_people())
    options = Options(baselines=(), steps=1, tuning=1, face="all", look=Look(cell_px=64))
    seen: list[Event] = []
    whole = make(photo, options=options, out=tmp_path / "whole", emit=seen.append)
    expected = hashes(whole.out)
    for share in (0.3, 0.6, 0.95):
        (workspace / "artstyle.sqlite").unlink(missing_ok=True)  # it knows the latents
        out = tmp_path / f"broken {share}"
        left = iter(range(int(share * len(seen))))

        def interrupt(_: Event, left: Any = left) -> None:
            if next(left, None) is None:
                raise StopError

        with pytest.raises(StopError):
            make(photo, options=options, out=out, emit=interrupt)
        assert not (out / "grid.json").exists()
        assert not make(photo, options=options, out=out).was_done
        assert hashes(out) == expected


def test_fewer_styles_later_leave_no_old_cells(make, figures):
    made = make()
    mine = made.out / "cells" / "mine.png"
    mine.write_bytes(b"the user's own")
    make(options=Options(styles=("toon",), baselines=(), steps=1, tuning=1, look=Look(cell_px=64)))
    assert sorted(path.name for path in (made.out / "cells").iterdir()) == [
        *("mine.png", "photo.png", "projection.png", "toon.png")
    ]


def test_trace_leads_from_a_cell_to_the_photo_and_to_the_dataset(make, figures, workspace):
    ink = workspace / "models" / "ink.safetensors"
    with open_catalog(workspace) as catalog:  # as a training would have told it
        film = catalog.add_source("film.mkv", sha256="a" * 64, size_bytes=9, kind="film")
        frame = catalog.add_frame(film, pts_s=12.5, shot=1)
        box, points = [0, 0, 9, 9], [[1, 1]]
        face = catalog.add_face(frame, detector="x", bbox_px=box, points_px=points, score=1)
        quad = [[0, 0], [0, 9], [9, 9], [9, 0]]
        facts = {"size_px": 16, "quad_px": quad, "sha256": "b" * 64}
        crop = catalog.add_crop(face, style="ink", file="c.png", **facts)
        build = catalog.add_build(
            *["ink.zip"],
            sha256="c" * 64,
            style="ink",
            size_px=16,
            split="train",
            members={"0": crop},
        )
        run = catalog.add_run("runs/1", kind="finetune", style="ink", build=build)
        catalog.add_model(ink, sha256=sha256_of(ink), name="ink", licence="CC BY 4.0", run=run)
    made = make()
    with open_catalog(workspace) as catalog:
        root = trace(catalog, made.out / "cells" / "ink.png")
        met = {(node.kind, node.role, node.file and node.file.name) for node in root.walk()}
        grid = trace(catalog, made.out / "grid.png")
        baseless = trace(catalog, made.out / "cells" / "photo.png")
    assert root.kind == "cell"
    assert ("image", "photo", "astronaut.jpg") in met
    assert ("model", "into", "people.safetensors") in met
    assert ("model", "style", "ink.safetensors") in met
    assert ("model", "base", "people.safetensors") in met
    assert ("build", "dataset", "ink.zip") in met
    assert ("film", "source", "film.mkv") in met
    assert {"CC0-1.0", "CC BY 4.0"} <= set(root.licences())
    assert [node.role for node in grid.children] == ["cell"] * 4
    assert [node.role for node in baseless.children] == ["photo"]


def test_a_model_from_elsewhere_is_traced_as_far_as_its_header_goes(make, figures, workspace):
    base = workspace / "models" / "people.safetensors"
    facts = {"dataset": "ink-64-train.zip", "pictures": 1500, "kimg": 40}
    write_style(workspace / "models" / "ink.safetensors", base, **facts)
    card = '[[sources]]\nwhat = "ink heads"\nlicence = "CC0-1.0"\norigin = "a shelf"\n'
    (workspace / "models" / "ink.card.toml").write_text(card)
    made = make()
    with open_catalog(workspace) as catalog:
        text = as_text(trace(catalog, made.out / "cells" / "ink.png"), workspace)
    assert "trained on 1,500 pictures of ink-64-train.zip" in text
    assert "from ink heads (CC0-1.0)" in text


def test_bad_photos_are_told_and_the_others_go_on(make, figures, tmp_path):
    events: list[Event] = []
    nothing = save(tmp_path / "nothing.png", np.full((90, 90, 3), 200, np.uint8))
    made = make(nothing, tmp_path / "lost.jpg", ASTRONAUT, emit=events.append)
    assert [row["name"] for row in made.record["rows"]] == ["astronaut"]
    assert [one["code"] for one in made.record["skipped"]] == ["none", "unreadable"]
    told = [one.text for one in events if isinstance(one, Note) and one.level == "warning"]
    assert any("no face was found" in text for text in told)
    assert any("no such file" in text for text in told)
    assert made.out.name == "nothing-and-2-more"


def test_a_choice_of_faces_is_shown(make, tmp_path):
    path = save(tmp_path / "two.png", two_people())
    with pytest.raises(ArtstyleError, match="2 faces") as fault:
        make(path, out=tmp_path / "out")
    picture = tmp_path / "out" / "faces-two.png"
    assert str(picture) in str(fault.value.hint)
    marked = opened(picture).astype(int)
    assert marked.shape == (260, 520, 3)
    assert (np.abs(marked - two_people()).sum(axis=2) > 60).mean() > 0.01
    assert not (tmp_path / "out" / "grid.json").exists()


def test_all_faces_are_rows(make, figures, tmp_path):
    path = save(tmp_path / "two.png", two_people())
    made = make(
        path, options=Options(baselines=(), steps=1, tuning=1, face="all", look=Look(cell_px=64))
    )
    assert [row["name"] for row in made.record["rows"]] == ["two-1", "two-2"]
    assert (made.out / "cells" / "two-2-ink.png").is_file()


def test_another_photo_of_the_same_name_gets_a_folder_of_its_own(make, figures, tmp_path):
    first = make().out
    other = save(tmp_path / "astronaut.png", opened(ASTRONAUT).mean(axis=2).astype(np.uint8))
    assert make(other).out == first.with_name("astronaut-2")
    assert make().was_done


def test_a_folder_with_something_else_in_it_is_left_alone(make, tmp_path):
    (tmp_path / "grid.json").write_text('{"mine": true}')
    with pytest.raises(RunError, match="no record of a challenge"):
        make(out=tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="a file, not a folder"):
        make(out=tmp_path / "file")
    assert (tmp_path / "grid.json").read_text() == '{"mine": true}'


def test_a_style_that_does_not_fit_leaves_the_grid_to_the_others(make, figures, workspace):
    from support.generators import write_generator

    wide = write_generator(workspace / "wide.safetensors")
    options = Options(
        styles=(str(wide), "ink"), baselines=(), steps=1, tuning=1, look=Look(cell_px=64)
    )
    made = make(options=options)
    assert [cell["name"] for cell in made.record["rows"][0]["cells"][2:]] == ["ink"]
    assert any("wide was left out" in words for words in made.record["fall_backs"])


def test_conditional_models_need_no_class(workspace, figures):
    from support.generators import write_generator

    base = write_generator(workspace / "models" / "people.safetensors", c_dim=3)
    twin = write_generator(workspace / "models" / "ink.safetensors", c_dim=3, seed=1)
    options = Options(styles=("ink",), baselines=(), steps=1, tuning=1, look=Look(cell_px=64))
    made = make_challenge([ASTRONAUT], options, workspace)
    assert made.record["base"]["classes"] == 3
    assert {sha256_of(base), sha256_of(twin)} == {
        made.record["base"]["sha256"],
        made.record["styles"][0]["sha256"],
    }


def test_without_dlib_likeness_is_not_measured_and_said_so(make, monkeypatch):
    monkeypatch.setattr(likeness, "lack", lambda: "dlib is not here")
    made = make()
    assert made.record["likeness"]["measured_in"] is None
    assert all(cell["likeness"] is None for cell in made.record["rows"][0]["cells"])
    assert "likeness was not measured: dlib is not here" in made.record["fall_backs"]


def test_faults_of_options(make, workspace):
    with pytest.raises(UsageError, match="no room for words"):
        make(options=Options(baselines=(), look=Look(cell_px=20)))
    with pytest.raises(UsageError, match="megapixels"):
        make(options=Options(baselines=(), look=Look(cell_px=9000)))
    with pytest.raises(UsageError, match="give one of them"):
        make(options=Options(baselines=(), strength=0.5, resolution=8))
    assert not (workspace / "challenge").exists()
