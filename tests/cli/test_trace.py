"""`artstyle trace` on the command line."""

from __future__ import annotations

from pathlib import Path

from support.catalogs import noon, whole_way

from artstyle.catalog import open_catalog


def test_text_and_json(cli, workspace: Path):
    with open_catalog(workspace, clock=noon) as catalog:
        whole_way(catalog)
    crop = "datasets/sintel/crops/1-000003.png"
    text = cli("trace", crop, cwd=workspace)
    assert (text.exit_code, text.stderr) == (0, "")
    assert text.stdout.splitlines()[2] == "    └── frame · at 0:00:07.500 · shot 0"
    found = cli("trace", workspace / crop, "--workspace", workspace, "--json").json()
    assert found["licences"] == {"CC BY 3.0": ["sintel.mkv"]}
    film = found["lineage"]["children"][0]["children"][0]["children"][0]
    assert film["file"] == str(workspace / "films/sintel.mkv")
    assert film["kind"] == "film"


def test_unknown_file(cli, workspace: Path):
    open_catalog(workspace).close()
    outcome = cli("trace", "x.png", cwd=workspace)
    assert outcome.exit_code == 1
    assert outcome.stdout == ""
    assert (
        "error: cannot trace x.png: the catalog does not know a file of this name" in outcome.stderr
    )
    assert "hint: files are recorded by the commands that make them" in outcome.stderr


def test_workspace_without_a_catalog_gets_none(cli, workspace: Path):
    outcome = cli("trace", "x.png", cwd=workspace)
    assert outcome.exit_code == 1
    assert "nothing has been recorded here yet" in outcome.stderr
    assert not (workspace / "artstyle.sqlite").exists()
