"""`artstyle build` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from support.crops import Shown, drawn_face, put_crops

from artstyle.catalog import open_catalog
from artstyle.corpus.read import read_corpus


@pytest.fixture
def heads(workspace: Path) -> Path:
    """A workspace with five crops, two of them tagged."""
    with open_catalog(workspace) as catalog:
        shown = [Shown(drawn_face(seed, 64), f"pictures/{seed}.png") for seed in range(5)]
        ids = put_crops(catalog, "heads", shown)
        catalog.decide(ids[0], "drop", reason="dark: 0.05", by="artstyle curate")
        catalog.decide(ids[1], "tag", "a", reason="seen", by="ann")
        catalog.decide(ids[2], "tag", "b", reason="seen", by="ann")
    return workspace


def test_text_sheets_and_again(cli, heads):
    made = cli("build", "--style", "heads", "--size", 32, cwd=heads)
    assert made.exit_code == 0, made.stderr
    path = heads / "datasets/heads/zips/heads-32-train.zip"
    assert made.stdout.splitlines()[:4] == [
        f"wrote {path}",
        "  4 pictures of 32 px, of 5 faces of heads (train)",
        "  dropped: dark 1",
        "  kept: train 4, held-out 0",
    ]
    assert "nothing is held out" in made.stderr
    assert len(read_corpus(path)) == 4
    for sheet in (path.with_suffix(".jpg"), heads / "datasets/heads/DATASHEET.jpg"):
        with Image.open(sheet) as picture:
            assert picture.size[0] > 4 * 96
        assert sheet.stat().st_size < 300_000
    path.with_suffix(".jpg").write_bytes(b"of another zip")  # left by a kill
    again = cli("build", "--style", "heads", "--size", 32, cwd=heads)
    whole = heads / "datasets/heads/DATASHEET.jpg"
    assert path.with_suffix(".jpg").read_bytes() == whole.read_bytes()
    assert again.stdout.startswith(f"is there already: {path}")


def test_json_labels_and_dry_run(cli, heads):
    words = ("build", "--style", "heads", "--size", "64", "--labels", "b,a", "--json")
    refused = cli(*words, cwd=heads)
    assert refused.exit_code == 1
    assert "of 4 crops 2 have none of the tags and 0 have several (b: 1, a: 1)" in refused.stderr
    assert "hint: leave these crops out with --unlabelled drop" in refused.stderr
    found = cli(*words, "--unlabelled", "drop", "--dry-run", cwd=heads).json()
    assert (found["state"], found["pictures"], found["labels"]) == ("planned", 2, {"b": 1, "a": 1})
    assert not (heads / "datasets/heads/zips").exists()


def test_from_a_folder(cli, heads, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(drawn_face(1, 100)).save(folder / "a.jpg")
    made = cli("build", "--from", folder, "--size", 16, "--out", tmp_path / "z.zip")
    assert made.stdout.splitlines()[1] == f"  1 of 1 pictures, of 16 px, from {folder}"
    assert read_corpus(tmp_path / "z.zip").resolution == 16


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ((), "give --style S, or --from"),
        (("--from", ".", "--size", "8"), "--from needs --out"),
        (("--from", ".", "--out", "z.zip"), "--from needs --size"),
        (("--from", ".", "--out", "z.zip", "--size", "8", "--labels", "a"), "--labels goes with"),
        (("--style", "heads", "--licence", "CC0"), "--licence goes with --from"),
        (("--style", "heads", "--labels", "a,,b"), "name each tag once"),
        (("--style", "Heads"), "cannot be the name of a style"),
    ],
)
def test_wrong_use(cli, heads, words, fault):
    outcome = cli("build", *words, cwd=heads)
    assert outcome.exit_code == 2
    assert fault in outcome.stderr


def test_nothing_was_extracted_yet(cli, workspace):
    outcome = cli("build", "--style", "heads", cwd=workspace)
    assert outcome.exit_code == 1
    assert "hint: begin with 'artstyle extract'" in outcome.stderr
    assert not (workspace / "artstyle.sqlite").exists()
