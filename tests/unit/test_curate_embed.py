"""Which embedding is taken and why, and dlib's in processes of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.crops import Shown, put_crops
from support.curating import STYLE, fill

from artstyle.catalog import open_catalog
from artstyle.catalog.rows import crops
from artstyle.errors import WeightsError
from artstyle.events import ignore
from artstyle.images import read_rgb
from artstyle.pipeline.curate import embed as module
from artstyle.pipeline.curate.embed import embed
from artstyle.pipeline.curate.measure import Measured, measure_crops


@pytest.fixture
def measured(workspace: Path) -> Measured:
    fill(workspace)
    with open_catalog(workspace) as catalog:
        return measure_crops(crops(catalog, STYLE), workspace / f"datasets/{STYLE}/cache", ignore)


def test_drawings_get_our_own_and_the_reason_is_told(measured: Measured, tmp_path: Path) -> None:
    drawn = replace(measured, figures=[replace(one, flatness=0.8) for one in measured.figures])
    found = embed(drawn, "auto", tmp_path, ignore, lack=lambda: None)
    assert (found.name, found.why) == ("look", "the crops are drawn: 80% of their pixels are flat")
    assert found.vectors.shape == (len(measured.crops), 32)
    assert embed(measured, "look", tmp_path, ignore).why == "asked for"


def test_without_dlib_auto_says_so_and_dlib_is_refused(measured: Measured, tmp_path: Path) -> None:
    def lacking() -> WeightsError:
        return WeightsError("the package dlib is not installed", hint="pip install dlib-bin")

    found = embed(measured, "auto", tmp_path, ignore, lack=lacking)
    assert found.why == "dlib's descriptor is not here: pip install dlib-bin"
    with pytest.raises(WeightsError, match="dlib is not installed"):
        embed(measured, "dlib", tmp_path, ignore, lack=lacking)


def test_many_photos_are_not_given_to_dlib_unasked(
    measured: Measured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = replace(measured, figures=[replace(one, flatness=0.1) for one in measured.figures])
    monkeypatch.setattr(module, "AUTO_MOST", 3)
    found = embed(photos, "auto", tmp_path, ignore, lack=lambda: None)
    assert found.name == "look"
    assert found.why.endswith("crops are many; --embedding dlib asks for it")


@pytest.mark.shared
def test_dlib_tells_people_apart_and_is_asked_once(workspace: Path, shared_dir: Path) -> None:
    from artstyle.faces.align import align
    from artstyle.faces.yunet import YuNet
    from artstyle.images import list_images

    finder = YuNet(weights=shared_dir / "data/models/face_detection_yunet_2023mar.onnx")
    paths = list_images(shared_dir / "data/people/caltech_faces")
    shown = []
    for at in (0, 5, 46, 50):  # two pictures each of two people
        rgb = read_rgb(paths[at]).rgb
        face = finder.detect(rgb)[0]
        cut = align(rgb, face.points_px, face.kind, 256).crop.rgb
        shown.append(Shown(cut, source=f"pictures/{at}.jpg"))
    with open_catalog(workspace) as catalog:
        put_crops(catalog, "people", shown)
        rows = crops(catalog, "people")
    cache = workspace / "datasets/people/cache"
    people = measure_crops(rows, cache, ignore)
    assert embed(people, "auto", cache, ignore).name == "dlib", "few photos"
    with np.load(cache / "embeddings-dlib.npz") as held:
        known = dict(zip(held["sha256"].tolist(), held["values"], strict=True))
    one, same, other, also = (known[row.sha256.encode()] for row in by_number(rows))
    assert max(np.linalg.norm(one - same), np.linalg.norm(other - also)) < 0.6
    assert min(np.linalg.norm(one - other), np.linalg.norm(same - also)) > 0.6
    before = (cache / "embeddings-dlib.npz").stat().st_mtime_ns
    embed(people, "dlib", cache, ignore)
    assert (cache / "embeddings-dlib.npz").stat().st_mtime_ns == before


def by_number(rows: list) -> list:
    return sorted(rows, key=lambda row: int(row.source_path.stem))
