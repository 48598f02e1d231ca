"""The catalog as tables: all of it, readable by others, the same each time."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from support.catalogs import add_film, noon, whole_way

from artstyle.catalog import export as catalog_export
from artstyle.catalog import open_catalog
from artstyle.catalog.export import TABLES, export
from artstyle.errors import CatalogError


def test_csv_holds_every_row_of_every_table(tmp_path: Path) -> None:
    with open_catalog(tmp_path, clock=noon) as catalog:
        way = whole_way(catalog)
        catalog.decide(way.crops[0], "drop", reason='too dark, "night"', by="anna", figure=0.25)
        catalog.decide(way.crops[1], "split", "held-out", reason="", by="anna")
        catalog.mark_scan(
            way.film, style="sintel", settings_sha256="s", until_pts_s=1.5, finished=False
        )
        catalog.add_settings({"size_px": 256}, {"detector": "named"})
        files = export(catalog, tmp_path / "tables")
        assert [path.name for path in files] == [f"{t}.csv" for t in (*TABLES, "crops_overview")]
        for name, path in zip(TABLES, files, strict=False):
            frame = pd.read_csv(path)
            expected = catalog.rows(f'SELECT count(*) FROM "{name}"')[0][0]
            assert len(frame) == expected > 0, name
        known = catalog.rows(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        )
        assert {name for (name,) in known} == set(TABLES), "a new table is exported too"
    overview = pd.read_csv(files[-1])
    assert overview.loc[0, ["verdict", "source", "pts_s"]].tolist() == [
        "drop",
        "films/sintel.mkv",
        0.0,
    ]
    assert overview["split"].fillna("").tolist() == ["", "held-out", "", "", "", ""]
    assert json.loads(overview["bbox_px"][0]) == [10, 20, 110.25, 140]
    decisions = pd.read_csv(tmp_path / "tables" / "decision.csv")
    assert decisions["reason"][0] == 'too dark, "night"'


def test_same_catalog_gives_the_same_bytes(tmp_path: Path) -> None:
    with open_catalog(tmp_path, clock=noon) as catalog:
        whole_way(catalog)
        first = [path.read_bytes() for path in export(catalog, tmp_path / "a")]
        assert [path.read_bytes() for path in export(catalog, tmp_path / "a")] == first
        assert first[0].startswith(b"id,sha256,path,")
        assert b"\r" not in b"".join(first)


def test_empty_catalog_gives_headers(tmp_path: Path) -> None:
    with open_catalog(tmp_path) as catalog:
        files = export(catalog, tmp_path)
    assert (tmp_path / "crop.csv").read_text() == "id,face,style,size_px,quad_px,file,sha256\n"
    assert len(files) == len(TABLES) + 1


def test_export_does_not_keep_others_from_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = catalog_export.write_bytes
    with open_catalog(tmp_path) as catalog, open_catalog(tmp_path, busy_timeout_s=0) as other:
        add_film(catalog)

        def write(path: Path, data: bytes) -> None:
            add_film(other, f"{path.name}.mkv")
            real(path, data)

        monkeypatch.setattr(catalog_export, "write_bytes", write)
        export(catalog, tmp_path)
    assert len(pd.read_csv(tmp_path / "source.csv")) == 1
    assert len(pd.read_csv(tmp_path / "source_path.csv")) == 1, "all tables are of one instant"


def test_parquet_without_pyarrow_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_export, "find_spec", lambda name: None)
    wanted = pytest.raises(CatalogError, match="need pyarrow")
    with open_catalog(tmp_path) as catalog, wanted as caught:
        export(catalog, tmp_path / "t", format="parquet")
    assert caught.value.hint == "type \"pip install 'artstyle[parquet]'\", or export CSV"
    assert not (tmp_path / "t").exists()


@pytest.mark.skipif(
    find_spec("pyarrow") is None, reason="pyarrow, of the extra 'parquet', is missing"
)
def test_parquet_holds_the_same(tmp_path: Path) -> None:
    with open_catalog(tmp_path) as catalog:
        whole_way(catalog)
        export(catalog, tmp_path / "p", format="parquet")
        export(catalog, tmp_path / "c")
    found = pd.read_parquet(tmp_path / "p" / "crop.parquet")
    assert found.to_csv(index=False) == (tmp_path / "c" / "crop.csv").read_text()
