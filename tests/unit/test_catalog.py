"""What is written down once stays one row, contradictions are refused, decisions are kept."""

from __future__ import annotations

import math
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.catalogs import POINTS_PX, QUAD_PX, add_crop, add_film, digest, noon, whole_way

from artstyle.catalog import Catalog, Input, Scan, open_catalog
from artstyle.catalog.rows import crops, decisions, last_batch, standing, styles
from artstyle.errors import CatalogError


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with open_catalog(tmp_path, clock=noon) as opened:
        yield opened


def count(catalog: Catalog, table: str) -> int:
    return int(catalog.rows(f'SELECT count(*) FROM "{table}"')[0][0])


# Adding twice


def test_everything_added_again_is_the_same_row(catalog: Catalog) -> None:
    first = whole_way(catalog)
    before = {table: catalog.rows(f"SELECT * FROM {table}") for table in TABLES}
    assert whole_way(catalog) == first
    assert {table: catalog.rows(f"SELECT * FROM {table}") for table in TABLES} == before
    assert all(before.values()), "every table was tried"


TABLES = (
    *("source", "source_path", "frame", "face", "crop", "build", "member"),
    *("run", "model", "model_parent", "projection", "artefact", "artefact_input"),
)


def test_source_is_its_content_and_remembers_its_places(catalog: Catalog) -> None:
    film = add_film(catalog, licence="CC BY 3.0")
    sha256 = digest("films/sintel.mkv")
    again = catalog.add_source("/mnt/disk/s.mkv", sha256=sha256, size_bytes=16, kind="film")
    assert again == film
    assert catalog.rows("SELECT path, licence, added_at FROM source") == [
        ("/mnt/disk/s.mkv", "CC BY 3.0", "2025-06-01T12:00:00+00:00")
    ]
    assert catalog.rows("SELECT path FROM source_path ORDER BY path") == [
        ("/mnt/disk/s.mkv",),
        ("films/sintel.mkv",),
    ]
    catalog.add_source("b.mkv", sha256=sha256, size_bytes=16, kind="film", licence="CC0")
    assert catalog.rows("SELECT licence FROM source") == [("CC0",)]


def test_faces_that_differ_by_rounding_are_one(catalog: Catalog) -> None:
    frame = catalog.add_frame(add_film(catalog), pts_s=0.1 + 0.2)
    common = {"detector": "yunet", "points_px": POINTS_PX, "score": 0.5}
    face = catalog.add_face(frame, bbox_px=[1, 2, 3, 4.00004], **common)
    assert catalog.add_face(frame, bbox_px=(1.0, 2.0, 3.0, 4.0), **common) == face
    assert catalog.add_face(frame, bbox_px=(1.0, 2.0, 3.0, 4.1), **common) != face
    assert catalog.add_face(frame, bbox_px=[1, 2, 3, 4], **common | {"detector": "hog"}) != face
    assert catalog.add_face(frame, bbox_px=[-0.0, 2, 3, 4], **common) == catalog.add_face(
        frame, bbox_px=[0, 2, 3, 4], **common
    )


def test_quality_figures_join_those_that_are_known(catalog: Catalog) -> None:
    film = add_film(catalog)
    add_crop(catalog, film, 0)
    (row,) = crops(catalog, "sintel")
    assert row.quality == {"blur": 1.5}
    catalog.set_quality(row.face, {"side_px": 99, "pose": {"yaw_deg": 4}})
    add_crop(catalog, film, 0)  # detected again
    catalog.set_quality(row.face, {"blur": 2.5, "side_px": None})
    assert crops(catalog, "sintel")[0].quality == {"blur": 2.5, "pose": {"yaw_deg": 4}}


def test_shot_is_learnt_later_and_not_forgotten(catalog: Catalog) -> None:
    film = add_film(catalog)
    frame = catalog.add_frame(film, pts_s=1)
    assert catalog.add_frame(film, pts_s=1.0, shot=7) == frame
    catalog.add_frame(film, pts_s=1.0)
    assert catalog.rows("SELECT shot FROM frame") == [(7,)]


def test_crop_that_was_cut_anew_takes_its_row_along(catalog: Catalog) -> None:
    crop = add_crop(catalog, add_film(catalog), 1)
    face = crops(catalog, "sintel")[0].face
    common = {"style": "sintel", "quad_px": QUAD_PX, "size_px": 256}
    assert catalog.add_crop(face, file="b.png", sha256=digest("new"), **common) == crop
    assert catalog.rows("SELECT file, sha256 FROM crop") == [("b.png", digest("new"))]


def test_scan_goes_on_where_it_was(catalog: Catalog) -> None:
    film = add_film(catalog)
    mine = {"style": "sintel", "settings_sha256": "s"}
    assert catalog.scan(film, **mine) == Scan(None, finished=False)
    catalog.mark_scan(film, until_pts_s=12.5, finished=False, **mine)
    assert catalog.scan(film, **mine) == Scan(12.5, finished=False)
    catalog.mark_scan(film, until_pts_s=26.0, finished=True, **mine)
    assert catalog.scan(film, **mine) == Scan(26.0, finished=True)
    assert catalog.scan(film, style="other", settings_sha256="s") == Scan(None, finished=False)


def test_inputs_of_an_artefact_made_anew_are_the_new_ones(catalog: Catalog) -> None:
    way = whole_way(catalog)
    common = {"sha256": digest("challenge/grid.png"), "kind": "grid", "made_by": "me"}
    inputs = [Input("crop", way.crops[0], "photo")]
    assert catalog.add_artefact("challenge/grid.png", inputs=inputs, **common) == way.grid
    found = catalog.rows("SELECT role, crop FROM artefact_input WHERE artefact = ?", way.grid)
    assert found == [("photo", way.crops[0])]


# Contradictions


def test_two_crops_cannot_share_a_file(catalog: Catalog) -> None:
    film = add_film(catalog)
    add_crop(catalog, film, 1)
    add_crop(catalog, film, 2)
    first, second = crops(catalog, "sintel")
    with pytest.raises(CatalogError, match=r"refuses this: UNIQUE constraint failed: crop\.file"):
        catalog.add_crop(
            second.face, style="b", file=first.file, quad_px=QUAD_PX, size_px=9, sha256="0" * 64
        )


def test_what_is_not_there_cannot_be_referred_to(catalog: Catalog) -> None:
    with pytest.raises(CatalogError, match="refers to something that the catalog does not hold"):
        catalog.add_frame(99, pts_s=0)
    way = whole_way(catalog)
    with pytest.raises(CatalogError, match="refers to something"):
        catalog.add_artefact(
            "x.png", sha256="0" * 64, kind="x", made_by="x", inputs=[Input("model", 77, "style")]
        )
    assert catalog.rows("SELECT id FROM artefact WHERE file = 'x.png'") == []
    assert way.grid


def test_figures_that_json_cannot_say_are_refused(catalog: Catalog) -> None:
    frame = catalog.add_frame(add_film(catalog), pts_s=0)
    common = {"detector": "yunet", "bbox_px": [1, 2, 3, 4], "points_px": [], "score": 1}
    with pytest.raises(CatalogError, match=r"cannot hold \{'blur': nan\}"):
        catalog.add_face(frame, quality={"blur": math.nan}, **common)
    with pytest.raises(CatalogError, match="cannot hold the coordinates"):
        catalog.add_face(frame, **common | {"bbox_px": [1, 2, math.inf, 4]})
    assert count(catalog, "face") == 0


def test_digest_that_is_none_is_refused(catalog: Catalog) -> None:
    with pytest.raises(CatalogError, match="CHECK constraint"):
        catalog.add_source("a", sha256="abc", size_bytes=1, kind="film")


# Decisions


def test_last_verdict_holds_and_undo_brings_back_the_one_before(catalog: Catalog) -> None:
    crop = add_crop(catalog, add_film(catalog), 1)
    catalog.decide(crop, "keep", reason="sharp", by="curate")
    drop = catalog.decide(crop, "drop", reason="closed eyes", by="anna", figure=0.2)
    held = standing(catalog, "sintel")[crop]
    assert (held.verdict, held.reason, held.by) == ("drop", "closed eyes", "anna")
    undone = catalog.undo(drop, by="anna")
    assert catalog.undo(drop, by="anna") == undone
    assert standing(catalog, "sintel")[crop].verdict == "keep"
    written = decisions(catalog, crop)
    assert [(d.action, d.is_undone) for d in written] == [
        ("keep", False),
        ("drop", True),
        ("undo", False),
    ]
    assert (written[1].figure, written[2].undoes) == (0.2, drop)


def test_tags_and_splits(catalog: Catalog) -> None:
    crop = add_crop(catalog, add_film(catalog), 1)
    for action, value in [
        ("tag", "dragon"),
        ("tag", "night"),
        ("untag", "dragon"),
        ("split", "held-out"),
        ("split", "train"),
        ("tag", "night"),
    ]:
        catalog.decide(crop, action, value, reason="seen", by="anna")
    held = standing(catalog, "sintel")[crop]
    assert (held.tags, held.split, held.verdict) == (frozenset({"night"}), "train", None)
    assert count(catalog, "decision") == 5, "a tag that is there already is no new decision"


def test_same_decision_again_is_the_same_until_something_came_between(catalog: Catalog) -> None:
    crop = add_crop(catalog, add_film(catalog), 1)
    first = catalog.decide(crop, "drop", reason="blurred", by="curate")
    assert catalog.decide(crop, "drop", reason="blurred", by="curate") == first
    assert catalog.decide(crop, "drop", reason="blurred", by="anna") != first
    catalog.decide(crop, "keep", reason="", by="anna")
    assert catalog.decide(crop, "drop", reason="blurred", by="curate") not in (first, first + 1)


def test_batch_is_undone_together_once(catalog: Catalog) -> None:
    film = add_film(catalog)
    ids = [add_crop(catalog, film, number) for number in range(4)]
    for crop in ids[:3]:
        catalog.decide(crop, "drop", reason="blurred", by="curate", batch="b1")
    catalog.decide(ids[3], "drop", reason="grey", by="curate", batch="b2")
    assert last_batch(catalog, "sintel", by="curate") == "b2"
    assert catalog.undo_batch("b2", by="anna") == 1
    assert last_batch(catalog, "sintel", by="curate") == "b1"
    assert catalog.undo_batch("b1", by="anna") == 3
    assert catalog.undo_batch("b1", by="anna") == 0
    assert last_batch(catalog, "sintel", by="curate") is None
    assert standing(catalog, "sintel") == {}


def test_undo_of_nothing_and_of_an_undo(catalog: Catalog) -> None:
    crop = add_crop(catalog, add_film(catalog), 1)
    with pytest.raises(CatalogError, match="there is no decision number 5"):
        catalog.undo(5, by="anna")
    undone = catalog.undo(catalog.decide(crop, "keep", reason="", by="a"), by="a")
    with pytest.raises(CatalogError, match="an undo names an earlier decision about the same crop"):
        catalog.undo(undone, by="anna")


@pytest.mark.parametrize(
    ("action", "value"), [("tag", None), ("split", None), ("keep", "x"), ("burn", None)]
)
def test_decisions_that_make_no_sense(catalog: Catalog, action: str, value: str | None) -> None:
    crop = add_crop(catalog, add_film(catalog), 1)
    error = KeyError if action == "burn" else CatalogError
    with pytest.raises(error):
        catalog.decide(crop, action, value, reason="", by="a")  # type: ignore[arg-type]
    assert count(catalog, "decision") == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE decision SET reason = 'other'",
        "DELETE FROM decision",
        "INSERT OR REPLACE INTO decision SELECT id, crop, 'drop', value, undoes, reason, figure,"
        ' "by", batch, at FROM decision',
        """REPLACE INTO decision (id, crop, action, reason, "by", at)
           VALUES (1, 1, 'drop', '', '', '')""",
    ],
)
@pytest.mark.parametrize("by", ["us", "another program"])
def test_decisions_cannot_be_changed_by_anybody(catalog: Catalog, statement: str, by: str) -> None:
    crop = add_crop(catalog, add_film(catalog), 1)
    catalog.decide(crop, "keep", reason="sharp", by="anna")
    if by == "us":
        with pytest.raises(CatalogError, match="decisions are append-only"):
            catalog.change(statement)
    else:
        other = sqlite3.connect(catalog.path)
        with pytest.raises(sqlite3.IntegrityError, match="decisions are append-only"):
            other.execute(statement)
        other.close()
    assert [(d.action, d.reason) for d in decisions(catalog, crop)] == [("keep", "sharp")]


# Transactions


def test_transaction_is_all_or_nothing(catalog: Catalog) -> None:
    def fail_half_way() -> None:
        with catalog.transaction():
            film = add_film(catalog)
            with catalog.transaction():
                add_crop(catalog, film, 1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert count(catalog, "source") == count(catalog, "crop") == 0
    with catalog.transaction():
        add_crop(catalog, add_film(catalog), 1)
    assert count(catalog, "crop") == 1


def test_snapshot_does_not_see_what_others_write_meanwhile(catalog: Catalog) -> None:
    add_film(catalog)
    with open_catalog(catalog.workspace) as other, catalog.snapshot():
        assert count(catalog, "source") == 1
        add_film(other, "b.mkv")
        assert count(catalog, "source") == 1
    assert count(catalog, "source") == 2


def test_reader_is_not_stopped_by_a_writer(catalog: Catalog) -> None:
    film = add_film(catalog)
    with open_catalog(catalog.workspace, busy_timeout_s=0) as other, catalog.transaction():
        add_crop(catalog, film, 1)
        assert crops(other, "sintel") == []


def test_catalog_belongs_to_its_thread(catalog: Catalog) -> None:
    caught: list[BaseException] = []

    def use() -> None:
        try:
            add_film(catalog)
        except CatalogError as error:
            caught.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert "thread" in str(caught[0])


# Paths


def test_paths_inside_are_relative_and_move_with_the_workspace(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    with open_catalog(old) as catalog:
        add_crop(catalog, add_film(catalog), 1)
    old.rename(new)
    with open_catalog(new) as catalog:
        row = crops(catalog, "sintel")[0]
        assert row.file == new / "datasets/sintel/crops/1-000001.png"
        assert row.source_path == new / "films/sintel.mkv"
        assert row.file.is_file()


@pytest.mark.parametrize(
    ("path", "stored"),
    [
        ("a/../b.png", "b.png"),
        ("../b.png", "PARENT/b.png"),
        ("/else/where.mkv", "/else/where.mkv"),
        ("", "."),
        ("Größe 写.png", "Größe 写.png"),
        (os.fsdecode(b"caf\xe9 %.png"), "bytes:caf%E9%20%25.png"),
    ],
)
def test_how_paths_are_stored(catalog: Catalog, path: str, stored: str) -> None:
    expected = stored.replace("PARENT", str(catalog.workspace.parent))
    assert catalog.stored(path) == expected
    assert catalog.absolute(expected) == Path(os.path.normpath(catalog.workspace / path))
    catalog.add_source(path, sha256=digest(stored), size_bytes=1, kind="image")
    assert catalog.rows("SELECT path FROM source") == [(expected,)]


def test_folder_beside_the_workspace_that_begins_alike_is_outside(catalog: Catalog) -> None:
    beside = f"{catalog.workspace}-2/a.png"
    assert catalog.stored(beside) == beside


# Reading


def test_crops_come_with_all_that_is_known(catalog: Catalog) -> None:
    film = add_film(catalog)
    for number in (3, 1):
        add_crop(catalog, film, number)
    add_crop(catalog, film, 1, style="other")
    catalog.decide(1, "tag", "dragon", reason="", by="a")
    first, second = crops(catalog, "sintel")
    assert (first.pts_s, second.pts_s) == (2.5, 7.5)
    assert first.bbox_px == [10, 20, 110.25, 140]
    assert first.points_px == POINTS_PX
    assert first.quad_px == QUAD_PX
    assert (first.detector, first.score, first.licence) == ("yunet", 0.9, "CC BY 3.0")
    assert (first.source_kind, first.shot, second.standing.tags) == ("film", 0, {"dragon"})
    assert styles(catalog) == {"other": 1, "sintel": 2}
