"""The crops as the page gets them: columns, and what has changed since."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from support.reviews import STYLE, crop_set

from artstyle.catalog import open_catalog
from artstyle.web.review.table import Table, state_columns


@pytest.fixture
def catalog(workspace: Path):
    crop_set(workspace, 12)
    with open_catalog(workspace) as opened:
        yield opened


@pytest.fixture
def table(catalog) -> Table:
    made = Table(STYLE, looked_through=5)
    made.refresh(catalog)
    return made


@pytest.fixture
def other(workspace: Path, catalog):
    """Another process's view of the same catalog."""
    with open_catalog(workspace) as opened:
        yield opened


def test_everything_comes_as_columns(table):
    data = table.changes(0)
    assert (data["number"], data["total"], data["more"]) == (12, 12, False)
    assert data["rows"]["id"] == list(range(1, 13))
    assert data["rows"]["name"][3] == "000003"
    assert data["rows"]["time"][3] == 0.6
    assert len(data["rows"]["sha"][0]) == 12
    assert data["sources"] == [[1, "films/0.mkv", "film", "CC0"]]
    assert data["figures"]["sharpness"] == list(range(12))
    assert data["figures"]["yaw_deg"][8:11] == [-22, None, -20]
    assert data["figures"]["score"][3] == 0.53
    assert "phash" not in data["figures"]
    lengths = {len(one) for name, one in data["rows"].items() if name != "words"}
    assert lengths == {12}
    assert {len(one) for one in data["figures"].values()} == {12}


def test_the_packed_view_says_the_same(table):
    assert json.loads(gzip.decompress(table.packed())) == table.changes(0)


def test_nothing_new_says_nothing(table, catalog):
    table.refresh(catalog)
    assert table.changes(12) == {"number": 12, "total": 12, "more": False}


def test_a_look_is_cheap_when_nobody_wrote(table, catalog):
    asked: list[str] = []
    catalog._connection.set_trace_callback(asked.append)
    table.refresh(catalog)
    assert asked == ["PRAGMA data_version"]


def test_new_crops_and_decisions_appear(table, catalog, other, workspace):
    crop_set(workspace, 3, first=12)
    other.decide(2, "drop", reason="blurred", by="artstyle curate", figure=0.125, batch="b")
    other.decide(2, "tag", "cluster:1", reason="", by="artstyle curate")
    other.decide(2, "split", "train", reason="", by="artstyle curate")
    table.refresh(catalog)
    data = table.changes(12)
    assert sorted(data["rows"]["id"]) == [2, 13, 14, 15]
    at = data["rows"]["id"].index(2)
    words = data["rows"]["words"]
    assert data["rows"]["verdict"][at] == 2
    assert data["rows"]["upon"][at] == 1
    assert words[data["rows"]["reason"][at]] == "blurred"
    assert words[data["rows"]["by"][at]] == "artstyle curate"
    assert data["rows"]["figure"][at] == 0.125
    assert [words[code] for code in data["rows"]["tags"][at]] == ["cluster:1"]
    assert words[data["rows"]["split"][at]] == "train"
    assert data["total"] == 15


def test_an_undo_is_a_change_too(table, catalog, other):
    decision = other.decide(5, "drop", reason="", by="anna")
    table.refresh(catalog)
    number = table.number
    other.undo(decision, by="anna")
    table.refresh(catalog)
    rows = table.changes(number)["rows"]
    assert (rows["id"], rows["verdict"], rows["upon"]) == ([5], [0], [0])


def test_figures_that_change_in_place_are_found_piece_by_piece(table, catalog, other):
    other.set_quality(12, {"sharpness": 99.123456, "new_figure": 1})
    for _ in range(2):  # of 12 rows 5 are looked through each time
        table.refresh(catalog)
        assert "rows" not in table.changes(12)
    table.refresh(catalog)
    data = table.changes(12)
    assert data["rows"]["id"] == [12]
    assert data["figures"]["sharpness"] == [99.123]
    assert data["figures"]["new_figure"] == [1]
    asked: list[str] = []
    catalog._connection.set_trace_callback(asked.append)
    table.refresh(catalog)
    assert asked == ["PRAGMA data_version"]  # and then it is quiet again


def test_many_changes_come_in_pieces(workspace, catalog, table):
    crop_set(workspace, 2600, first=12)
    table.refresh(catalog)
    first = table.changes(12)
    assert first["more"]
    assert len(first["rows"]["id"]) == 2000
    second = table.changes(first["number"])
    assert not second["more"]
    assert len(second["rows"]["id"]) == 600
    assert not set(first["rows"]["id"]) & set(second["rows"]["id"])


def test_other_styles_are_not_shown(workspace, catalog, table):
    crop_set(workspace, 2, style="other", first=100)
    table.refresh(catalog)
    assert len(table) == 12


def test_tags_stand_in_the_order_they_were_given(table, catalog, other):
    for tag in ("b", "a", "c"):
        other.decide(1, "tag", tag, reason="", by="anna")
    other.decide(1, "untag", "a", reason="", by="anna")
    table.refresh(catalog)
    columns = state_columns({1: table.row(1).state})
    assert [columns["words"][code] for code in columns["tags"][0]] == ["b", "c"]
